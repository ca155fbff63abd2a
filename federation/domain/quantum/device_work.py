"""What is run on a device: a trained classifier on some patients, and what its answers mean.

The linear map before the circuit and the logit after it stay here; the device sees one bound circuit a patient, which
is what "encoded features leave the house" means. What leaves the site afterwards are the figures of `Figures.as_dict`
alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from federation.domain.cells import MIN_TOLD, whole_tens
from federation.domain.data.dataset import SiteData
from federation.domain.models.base import Model, as_batch
from federation.domain.quantum.circuits import CircuitShape, circuit
from federation.domain.quantum.device_figures import Figures, Mitigated, Share, share
from federation.domain.quantum.device_mitigation import mitigated_z, spread, worth
from federation.domain.quantum.mitigation import Calibration
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.providers.program import Counts, Program, program_of, z_values


class NotForDevices(ValueError):
    """A model, or patients, that cannot be run on a device; the message says why."""


def shape_of(model: Model) -> CircuitShape:
    """The circuit of a tabular classifier; refuses every other model."""
    if model.spec["kind"] != "vqc_classifier":
        raise NotForDevices(
            f"expected a vqc_classifier, got a {model.spec['kind']}: a device runs one circuit a patient, and a model "
            "with a circuit at each position of an image needs thousands"
        )
    return model.bottleneck.circuit.shape  # type: ignore[union-attr, return-value]


def chosen(data: SiteData, patients: int) -> SiteData:
    """The first so many of the patients, in whole tens, in an order that does not depend on the order of the files.

    In whole tens because figures of 31 patients less those of 30 are figures of one.
    """
    if min(patients, data.n_patients) < MIN_TOLD:
        raise NotForDevices(
            f"expected at least {MIN_TOLD} held-out patients, got {min(patients, data.n_patients)}: figures of "
            "fewer could point at one of them"
        )
    told = whole_tens(min(patients, data.n_patients))
    order = sorted(range(data.n_patients), key=lambda index: data.record_ids[index])[:told]
    return data.take(np.array(order))


def programs_of(model: Model, x: NDArray[np.float32]) -> list[Program]:
    """One circuit a patient, his features and the trained angles bound into it."""
    import pennylane as qml

    shape, trained = shape_of(model), model.bottleneck.circuit.weights.detach().double().numpy()  # type: ignore[operator, union-attr]
    with torch.no_grad():
        inputs = model.bottleneck.encode(as_batch(x))  # type: ignore[operator, union-attr]
    made = []
    for row in inputs.double().numpy():
        with qml.queuing.AnnotatedQueue() as queue:
            circuit(row, trained, shape=shape)
        made.append(program_of(qml.tape.QuantumScript.from_queue(queue), shape.n_qubits))
    return made


def digest_of(programs: Sequence[Program]) -> str:
    """What tells whether an order is still about the same patients: SHA-256 over all gates and angles."""
    told = [
        (program.n_qubits, [(gate.name, gate.qubits, gate.angle) for gate in program.gates]) for program in programs
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def run_here(
    device: str, programs: Sequence[Program], *, shots: int, seed: int, noise: NoiseModel | None = None
) -> tuple[list[Counts], dict[str, Any]]:
    """Sample the programs on a device of this machine. Returns the counts, and the facts of how they were made."""
    import pennylane as qml

    from federation.domain.quantum.device_runs import run

    n = programs[0].n_qubits
    tapes = [_tape(program, [qml.probs(wires=range(n))]) for program in programs]
    outcome = run(device, tapes, shots=shots, seed=seed, noise=noise)
    found = []
    for (shares,) in outcome.values:
        times = np.rint(shares * shots).astype(int)  # relative frequencies of whole shots
        found.append({format(state, f"0{n}b"): int(times[state]) for state in np.flatnonzero(times)})
    return found, outcome.facts


def figures(
    model: Model,
    twin: Model,
    data: SiteData,
    counts: Sequence[Counts],
    *,
    shots: int,
    made: Mapping[str, Any],
    calibration: Calibration | None = None,
) -> Figures:
    """What the device's counts say of these patients, beside the exact simulation and the twin.

    Parameters
    ----------
    made : mapping
        The facts of the run, as in `device_facts`.
    calibration : Calibration, optional
        Of the readout; with it the figures are told mitigated too.
    """
    exact, truth = _exact_z(model, data.x), data.y.astype(bool)
    measured = z_values(counts, exact.shape[1])
    by_device, by_simulator = _flagged(model, measured), _flagged(model, exact)
    with torch.no_grad():
        by_twin = (twin(as_batch(data.x)) >= 0).numpy()
    return Figures(
        n=data.n_patients,
        shots=shots,
        device=_agreeing(by_device, truth),
        simulator=_agreeing(by_simulator, truth),
        twin=_agreeing(by_twin, truth),
        changed=_agreeing(by_device, ~by_simulator),
        z_error=float(np.sqrt(np.mean((measured - exact) ** 2))),
        z_shot_noise=float(np.sqrt(np.mean((1 - exact**2) / shots))),
        facts=made,
        mitigated=None if calibration is None else _mitigated(model, truth, exact, measured, calibration, shots),
    )


def _mitigated(
    model: Model,
    truth: NDArray[np.bool_],
    exact: NDArray[np.float64],
    measured: NDArray[np.float64],
    calibration: Calibration,
    shots: int,
) -> Mitigated:
    inverted = mitigated_z(measured, calibration)
    by_device, found = _flagged(model, inverted), worth(exact, measured, calibration, shots=shots)
    return Mitigated(
        device=_agreeing(by_device, truth),
        changed=_agreeing(by_device, ~_flagged(model, exact)),
        z_error=found.mitigated,
        z_spread=spread(measured, shots, calibration),
        plain_z_spread=spread(measured, shots),
        calibration_shots=2 * calibration.shots,
        equal_shots=found.shots or shots,
        plain_z_error=found.plain,
        difference=found.difference,
        lower=found.lower,
        upper=found.upper,
        verdict=found.verdict,
    )


def _agreeing(flagged: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Share:
    return share(int((flagged == truth).sum()), len(truth))


def _exact_z(model: Model, x: NDArray[np.float32]) -> NDArray[np.float64]:
    with torch.no_grad():
        return model.bottleneck(as_batch(x)).double().numpy()  # type: ignore[operator]


def _flagged(model: Model, z: NDArray[np.float64]) -> NDArray[np.bool_]:
    with torch.no_grad():
        logits = model.head(torch.from_numpy(z.astype(np.float32))).squeeze(-1)  # type: ignore[operator]
    return (logits >= 0).numpy()


def _tape(program: Program, measurements: list[Any]) -> Any:
    import pennylane as qml

    made = {"rx": qml.RX, "ry": qml.RY, "rz": qml.RZ}
    gates = [
        qml.CNOT(wires=gate.qubits) if gate.name == "cx" else made[gate.name](gate.angle, wires=gate.qubits)
        for gate in program.gates
    ]
    return qml.tape.QuantumScript(gates, measurements)
