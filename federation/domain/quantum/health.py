"""Is a device good enough for a run: readout error and quantum volume, with verdicts from bounds.

Both tests are split in two, so that they work on a remote processor too: circuits to run, and a judgement of what came
back. `readout_check` and `quantum_volume` do both on a local device.

Quantum volume [1]_: random circuits as deep as wide; an outcome is heavy if its ideal probability is above the median.
Noise draws the share of heavy outcomes from about 0.85 down to 1/2. The volume 2^m is reached if the lower bound of the
mean share is above 2/3. The bounds are two standard errors, of a binomial over circuits, as there.

References
----------
.. [1] Cross et al., "Validating quantum computers using randomized model circuits", Phys. Rev. A 100, 032328 (2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from federation.domain.intervals import clopper_pearson
from federation.domain.quantum.device_runs import Outcome, run
from federation.domain.quantum.devices import find
from federation.domain.quantum.noise import NoiseModel

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
HEAVY = 2 / 3
LEAST_CIRCUITS = 100
LEAST_QUBITS, MOST_QUBITS = 2, 6
CONFIDENCE = 0.95
_MODELLED = " It was simulated under a noise model: this is said of the model, not of a machine."
_NOISELESS = " The device is a noiseless simulator: {}, and nothing is said about any hardware."
_SAID_OF = {  # subject of a device: check
    "machine": {"volume": "", "readout": ""},
    "noise model": {"volume": _MODELLED, "readout": _MODELLED},
    "noiseless simulator": {
        "volume": _NOISELESS.format("every volume is reached"), "readout": _NOISELESS.format("nothing is misread"),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Health:
    """What a test of a device found.

    Attributes
    ----------
    check : str
        "readout" or "quantum volume 64".
    verdict : "PASS", "FAIL" or "INCONCLUSIVE"
        A run that requires the check goes on after PASS alone.
    value, lower, upper : float
        Readout: the worst qubit's error, its bounds. Volume: the mean share of heavy outcomes.
    threshold : float
    text : str
        One or two sentences for people.
    facts : dict
        Device, backend, shots, seed, circuits, noise model.
    """

    check: str
    verdict: Verdict
    value: float
    lower: float
    upper: float
    threshold: float
    text: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class VolumeCircuit:
    """One model circuit.

    Attributes
    ----------
    tape : qml.tape.QuantumScript
        Measures the probabilities of all outcomes.
    heavy : ndarray of bool, shape (2^m,)
        The outcomes whose ideal probability is above the median.
    """

    tape: Any
    heavy: NDArray[np.bool_]


def volume_circuits(n_qubits: int, circuits: int, *, seed: int) -> list[VolumeCircuit]:
    """Model circuits of `n_qubits` layers, each a random pairing with a random two-qubit unitary on each pair.

    Parameters
    ----------
    n_qubits : int, 2 to 6
    circuits : int, >= 1
    """
    import pennylane as qml
    from scipy.stats import unitary_group

    if not LEAST_QUBITS <= n_qubits <= MOST_QUBITS:
        raise ValueError(f"expected {LEAST_QUBITS} to {MOST_QUBITS} qubits for a quantum volume, got {n_qubits}")
    rng = np.random.default_rng(seed)
    tapes = []
    for _ in range(circuits):
        gates = []
        for _ in range(n_qubits):
            order = rng.permutation(n_qubits).tolist()
            for pair in zip(order[::2], order[1::2], strict=False):  # an odd qubit rests
                gates.append(qml.QubitUnitary(unitary_group.rvs(4, random_state=rng), wires=pair))
        tapes.append(qml.tape.QuantumScript(gates, [qml.probs(wires=range(n_qubits))]))
    ideal = run("simulator", tapes, shots=None, seed=0).values
    return [VolumeCircuit(tape, p > np.median(p)) for tape, (p,) in zip(tapes, ideal, strict=True)]


def judge_volume(
    circuits: Sequence[VolumeCircuit], outcomes: Sequence[NDArray[np.float64]], facts: Mapping[str, Any]
) -> Health:
    """The verdict from the outcome distribution of each circuit, exact or from shots.

    Parameters
    ----------
    outcomes : sequence of ndarray, shape (2^m,)
        Probabilities or relative frequencies, in the order of the circuits.
    facts : mapping
        As in `device_runs.Outcome`.
    """
    shares = np.array([p[circuit.heavy].sum() for circuit, p in zip(circuits, outcomes, strict=True)])
    mean, n = float(shares.mean()), len(shares)
    margin = 2 * math.sqrt(mean * (1 - mean) / n)
    lower, upper = mean - margin, mean + margin
    volume = len(circuits[0].heavy)
    enough = n >= LEAST_CIRCUITS
    verdict: Verdict = (
        "INCONCLUSIVE" if not enough else "PASS" if lower > HEAVY else "FAIL" if upper <= HEAVY else "INCONCLUSIVE"
    )
    text = (
        f"{mean:.3f} of the outcomes of {n} circuits are heavy (bounds {lower:.3f} to {upper:.3f}, over 2/3 is asked)."
    )
    if not enough:
        text += f" At least {LEAST_CIRCUITS} circuits are needed for a verdict."
    elif verdict == "INCONCLUSIVE":
        text += " The bounds hold 2/3: more circuits may tell."
    text += _said_of(facts)["volume"]
    return Health(f"quantum volume {volume}", verdict, mean, lower, upper, HEAVY, text, dict(facts))


def quantum_volume(
    device: str,
    *,
    volume: int = 64,
    circuits: int = LEAST_CIRCUITS,
    shots: int | None = None,
    seed: int,
    noise: NoiseModel | None = None,
) -> Health:
    """Test a local device for a quantum volume, 4 to 64 and a power of two.

    Raises
    ------
    ValueError
        If `volume` is none of these.
    DeviceError
        If the device cannot run the circuits.
    """
    n_qubits = volume.bit_length() - 1
    if volume < 1 or volume != 2**n_qubits:
        raise ValueError(f"expected a quantum volume that is a power of two, got {volume}")
    models = volume_circuits(n_qubits, circuits, seed=seed)
    outcome = run(device, [model.tape for model in models], shots=shots, seed=seed, noise=noise)
    facts = {**outcome.facts, "circuit_seed": seed}
    return judge_volume(models, [values[0] for values in outcome.values], facts)


@dataclass(frozen=True)
class ReadoutCounts:
    """How often each qubit was read wrongly.

    Attributes
    ----------
    ones_of_zero, zeros_of_one : tuple of int, one a qubit
    shots : int
        In each of the two circuits.
    """

    ones_of_zero: tuple[int, ...]
    zeros_of_one: tuple[int, ...]
    shots: int


def readout_circuits(n_qubits: int) -> list[Any]:
    """Two circuits: all zeros, and all ones. The gates that make the ones err too, and count as readout."""
    import pennylane as qml

    measured = [qml.probs(wires=[wire]) for wire in range(n_qubits)]
    idle = [qml.RX(0.0, wires=wire) for wire in range(n_qubits)]  # a tape without gates has no wires on some devices
    flipped = [qml.RX(math.pi, wires=wire) for wire in range(n_qubits)]
    return [qml.tape.QuantumScript(gates, measured) for gates in (idle, flipped)]


def read_counts(outcome: Outcome) -> ReadoutCounts:
    """The counts from what `readout_circuits` gave, run with shots."""
    shots = int(outcome.facts["shots"])
    zeros, ones = outcome.values
    return ReadoutCounts(
        tuple(round(shots * float(p[1])) for p in zeros), tuple(round(shots * float(p[0])) for p in ones), shots
    )


def judge_readout(counts: ReadoutCounts, facts: Mapping[str, Any], *, most: float) -> Health:
    """PASS if every qubit's errors are surely at most `most`, FAIL if one is surely over it.

    The exact intervals hold together for all qubits and both errors, at 95 % (Bonferroni).
    """
    errors = [*counts.ones_of_zero, *counts.zeros_of_one]
    each = 1 - (1 - CONFIDENCE) / len(errors)
    bounds = [clopper_pearson(count, counts.shots, each) for count in errors]
    lower, upper = (max(ends) for ends in zip(*bounds, strict=True))
    verdict: Verdict = "PASS" if upper <= most else "FAIL" if lower > most else "INCONCLUSIVE"
    worst = max(errors) / counts.shots
    text = (
        f"The worst of {len(errors) // 2} qubits is misread {worst:.4f} of the time (bounds {lower:.4f} to "
        f"{upper:.4f}, at most {most:g} is asked), preparation included."
    )
    if verdict == "INCONCLUSIVE":
        text += " More shots may tell."
    text += _said_of(facts)["readout"]
    return Health("readout", verdict, worst, lower, upper, most, text, dict(facts))


def readout_check(
    device: str, n_qubits: int, *, shots: int, seed: int, most: float = 0.05, noise: NoiseModel | None = None
) -> Health:
    """Test the readout of a local device."""
    outcome = run(device, readout_circuits(n_qubits), shots=shots, seed=seed, noise=noise)
    return judge_readout(read_counts(outcome), outcome.facts, most=most)


def _said_of(facts: Mapping[str, Any]) -> Mapping[str, str]:
    return _SAID_OF[find(str(facts["device"])).subject(facts.get("noise"))]
