"""Two quantum codes, as a demonstration. They protect no circuit of the platform.

* The three-qubit repetition code against bit flips, run as a dynamic circuit: syndromes are measured in the middle of
  the circuit and a flip is undone in the same run (`qml.measure`, `qml.cond`).
* The five-qubit code [1]_ against any Pauli error, at code capacity: errors strike the data only, and the syndrome is
  read perfectly. Real syndromes are read by noisy gates, so a real code needs error rates far below these.

References
----------
.. [1] Laflamme et al., "Perfect quantum error correcting code", Phys. Rev. Lett. 77, 198 (1996).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.intervals import clopper_pearson

LABEL = "demonstration: perfect syndromes and gates; not applied to the federated circuit"
CONFIDENCE = 0.95
MAX_CYCLES = 4
STABILISERS = ("XZZXI", "IXZZX", "XIXZZ", "ZXIXZ")
LOGICAL_X, LOGICAL_Z = "XXXXX", "ZZZZZ"


@dataclass(frozen=True)
class LogicalError:
    """How often the code lost its qubit.

    Attributes
    ----------
    physical : float
        Error rate of one unprotected qubit over the same time.
    logical, lower, upper : float
        Measured rate and its exact 95 % interval.
    expected : float
        The rate that the code's formula or enumeration gives.
    verdict : "better", "worse" or "undecided"
        Than the unprotected qubit, from the interval.
    """

    code: str
    physical: float
    logical: float
    lower: float
    upper: float
    expected: float
    verdict: str
    facts: Mapping[str, Any]


def _judged(code: str, physical: float, errors: int, shots: int, expected: float, facts: dict) -> LogicalError:
    lower, upper = clopper_pearson(errors, shots, CONFIDENCE)
    verdict = "better" if upper < physical else "worse" if lower > physical else "undecided"
    label = {"label": LABEL, "shots": shots, **facts}
    return LogicalError(code, physical, errors / shots, lower, upper, expected, verdict, label)


def _require(p: float, shots: int) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"expected an error probability from 0 to 1, got {p}")
    if shots < 1:
        raise ValueError(f"expected at least one shot, got {shots}")


def flipped(p: float, times: int) -> float:
    """Probability that a bit that flips with probability p each time is flipped in the end."""
    return (1 - (1 - 2 * p) ** times) / 2


def repetition(p: float, *, cycles: int, shots: int, seed: int, correct: bool = True) -> LogicalError:
    """Run the repetition code with feed-forward: in each cycle every data qubit flips with probability `p`.

    Parameters
    ----------
    p : float, in [0, 1]
    cycles : int, 1 to 4
        Rounds of flips, syndrome and correction.
    correct : bool
        False measures the syndromes and ignores them: what feed-forward is worth.

    Raises
    ------
    ValueError
    """
    import pennylane as qml

    _require(p, shots)
    if not 1 <= cycles <= MAX_CYCLES:
        raise ValueError(f"expected 1 to {MAX_CYCLES} cycles, got {cycles}")
    data, ancilla = (0, 1, 2), 3
    angle = 2 * np.arcsin(np.sqrt(p))

    @qml.qnode(qml.device("default.qubit", wires=4, seed=seed), shots=shots, mcm_method="tree-traversal")
    def circuit() -> Any:
        qml.CNOT([0, 1])
        qml.CNOT([0, 2])
        for _ in range(cycles):
            for wire in data:
                _flip_by_chance(angle, wire, ancilla)
            first, second = _parity(0, 1, ancilla), _parity(1, 2, ancilla)
            if correct:
                qml.cond(first & ~second, qml.PauliX)(0)
                qml.cond(first & second, qml.PauliX)(1)
                qml.cond(~first & second, qml.PauliX)(2)
        qml.CNOT([0, 2])
        qml.CNOT([0, 1])
        return qml.counts(wires=0)

    errors = int(circuit().get("1", 0))
    each = 3 * p**2 - 2 * p**3 if correct else p
    facts = {"backend": "default.qubit, tree traversal", "seed": seed, "cycles": cycles, "feed_forward": correct}
    return _judged("repetition 3", flipped(p, cycles), errors, shots, flipped(each, cycles), facts)


def _flip_by_chance(angle: float, wire: int, coin: int) -> None:
    """Flip a qubit if a coin that is measured says so; the coin is put back."""
    import pennylane as qml

    qml.RY(angle, wires=coin)
    thrown = qml.measure(coin, reset=True)
    qml.cond(thrown, qml.PauliX)(wire)


def _parity(one: int, other: int, ancilla: int) -> Any:
    import pennylane as qml

    qml.CNOT([one, ancilla])
    qml.CNOT([other, ancilla])
    return qml.measure(ancilla, reset=True)


def five_qubit(p: float, *, shots: int, seed: int) -> LogicalError:
    """Draw depolarising errors on five qubits (X, Y and Z with p/3 each), correct them by syndrome, count what is lost.

    Parameters
    ----------
    p : float, in [0, 1]
    """
    _require(p, shots)
    lost = _lost()
    rng = np.random.default_rng(seed)
    paulis = np.where(rng.random((shots, 5)) < p, rng.integers(1, 4, (shots, 5)), 0)
    errors = int(lost[paulis @ 4 ** np.arange(4, -1, -1)].sum())
    facts = {"backend": "numpy, Pauli errors at code capacity", "seed": seed, "cycles": 1}
    return _judged("five qubits", p, errors, shots, five_qubit_rate(p), facts)


def five_qubit_rate(p: float) -> float:
    """The logical error rate itself, by counting the weights of all 1024 Pauli errors."""
    weights = np.array([sum(pauli > 0 for pauli in error) for error in itertools.product(range(4), repeat=5)])
    lost = np.bincount(weights[_lost()], minlength=6)
    return float(sum(count * (p / 3) ** w * (1 - p) ** (5 - w) for w, count in enumerate(lost)))


@functools.cache
def _lost() -> NDArray[np.bool_]:
    """Whether correction leaves a logical error, for each of the 4^5 errors: I, X, Y, Z as digits 0 to 3."""
    errors = np.array(list(itertools.product(range(4), repeat=5)))
    x, z = (errors == 1) | (errors == 2), (errors == 2) | (errors == 3)
    syndrome = _syndromes(x, z)
    single = (errors > 0).sum(1) <= 1
    undo = dict(zip(syndrome[single].tolist(), np.flatnonzero(single), strict=True))
    chosen = np.array([undo[key] for key in syndrome.tolist()])
    left_x, left_z = x ^ x[chosen], z ^ z[chosen]
    return _clashes(left_x, left_z, LOGICAL_X) | _clashes(left_x, left_z, LOGICAL_Z)


def _syndromes(x: NDArray[np.bool_], z: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The four measured bits of each error, as one number."""
    bits = [_clashes(x, z, stabiliser) for stabiliser in STABILISERS]
    return sum((bit.astype(int) << place for place, bit in enumerate(bits)), np.zeros(len(x), dtype=int))


def _clashes(x: NDArray[np.bool_], z: NDArray[np.bool_], pauli: str) -> NDArray[np.bool_]:
    """Whether each error anticommutes with a Pauli string."""
    has_x = np.array([letter in "XY" for letter in pauli])
    has_z = np.array([letter in "YZ" for letter in pauli])
    return ((x & has_z).sum(1) + (z & has_x).sum(1)) % 2 == 1
