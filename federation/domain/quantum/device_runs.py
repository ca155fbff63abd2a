"""Run tapes on a local device of the registry, and say how each number was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.quantum.device_errors import UnsupportedOption, UnusableCircuit
from federation.domain.quantum.device_facts import backend_of, counted
from federation.domain.quantum.devices import find
from federation.domain.quantum.noise import NATIVE, NoiseModel, in_gates, in_native_gates, noisy

# A tape of the registry's simulator runs on the device that the batched executor is tested equal to.
_PENNYLANE_NAMES = {
    "simulator": "default.qubit",
    "lightning.qubit": "lightning.qubit",
    "default.mixed": "default.mixed",
}


@dataclass(frozen=True)
class Outcome:
    """What a device answered.

    Attributes
    ----------
    values : tuple of tuples of ndarray
        For each tape one array for each measurement.
    facts : dict
        Device, backend with versions, shots, seed, circuits, qubits, depth and gates of the largest circuit in native
        gates, and the noise model.
    """

    values: tuple[tuple[NDArray[np.float64], ...], ...]
    facts: dict[str, Any]


def run(device: str, tapes: Sequence[Any], *, shots: int | None, seed: int, noise: NoiseModel | None = None) -> Outcome:
    """Run tapes on a local device.

    Parameters
    ----------
    device : str
        Name in the registry.
    tapes : sequence of qml.tape.QuantumScript
        Their own shots are not used.
    shots : int or None
        Per tape; None for exact values.
    seed : int
        Of the shots; each tape draws from a stream of its own.
    noise : NoiseModel, optional
        For `default.mixed` and `aer`.

    Raises
    ------
    DeviceError
        One of its kinds, before anything is run; `UnusableCircuit` if the device cannot run a tape.
    """
    import pennylane as qml

    spec = find(device)
    if spec.needs_consent:
        raise UnsupportedOption(
            device, expected="a local device", got="a cloud device", remedy="Submit it as a job of its provider."
        )
    if not tapes:
        raise UnusableCircuit(device, expected="at least one circuit", got="none", remedy="Pass the circuits to run.")
    spec.require_installed()
    spec.require_shots(shots)
    spec.require_noise(noise)
    spec.require_qubits(max(len(tape.wires) for tape in tapes), shots=shots)
    try:
        split = [_ready(device, tape, noise) for tape in tapes]
        seeds = iter(np.random.SeedSequence(seed).spawn(sum(len(parts) for parts, _ in split)))
        values = [join([_execute(device, part, shots, next(seeds), noise) for part in parts]) for parts, join in split]
    except (qml.exceptions.DeviceError, qml.exceptions.DecompositionUndefinedError, NotImplementedError) as error:
        raise UnusableCircuit(
            device, expected="gates and measurements that it can run", got=str(error), remedy="Write it in other gates."
        ) from error
    ran = [part for parts, _ in split for part in parts]
    arrays = (_arrays(value, len(tape.measurements)) for value, tape in zip(values, tapes, strict=True))
    return Outcome(tuple(arrays), _facts(device, ran, shots, seed, noise))


def _ready(device: str, tape: Any, noise: NoiseModel | None) -> tuple[Sequence[Any], Callable[[list[Any]], Any]]:
    """The tapes to run for one tape, and what joins their results.

    On Aer, and where noise strikes native gates, the tape is written in these, one tape for each measured basis.
    """
    import pennylane as qml

    for number in tape.get_parameters(trainable_only=False):
        if not np.all(np.isfinite(np.asarray(number, dtype=complex))):
            raise UnusableCircuit(
                device, expected="finite angles", got="NaN or infinity", remedy="Check the features and the weights."
            )
    plain = tape.map_to_standard_wires()
    if noise is None and device != "aer":
        return [plain], lambda results: results[0]
    parts, join = qml.transforms.split_non_commuting(plain)
    return [in_native_gates(part, noise.native if noise else NATIVE) for part in parts], join


def _execute(
    device: str, tape: Any, shots: int | None, stream: np.random.SeedSequence, noise: NoiseModel | None
) -> Any:
    import pennylane as qml

    n, seed = len(tape.wires), int(stream.generate_state(1)[0] >> 1)
    if device == "aer":
        # No optimisation: it would fuse gates, and the noise of those that vanish with them.
        options = {"noise_model": noise.aer()} if noise else {}
        backend = qml.device("qiskit.aer", wires=n, seed_simulator=seed, optimization_level=0, **options)
    else:
        backend = qml.device(_PENNYLANE_NAMES[device], wires=n, seed=seed)
        tape = noisy(tape, noise) if noise else tape
    (result,) = qml.execute([tape.copy(shots=shots)], backend, diff_method=None)
    return result


def _arrays(result: Any, measurements: int) -> tuple[NDArray[np.float64], ...]:
    return tuple(np.asarray(part, dtype=float) for part in (result if measurements > 1 else (result,)))


def _facts(device: str, tapes: Sequence[Any], shots: int | None, seed: int, noise: NoiseModel | None) -> dict[str, Any]:
    native = noise.native if noise else NATIVE
    largest = in_gates(max(tapes, key=lambda tape: len(tape.operations)), native)
    return {
        "device": device,
        "backend": backend_of(device, _PENNYLANE_NAMES.get(device, "aer_simulator")),
        "shots": shots,
        "seed": seed if shots else None,
        "circuits": len(tapes),
        "n_qubits": max(len(tape.wires) for tape in tapes),
        "depth": int(largest.graph.get_depth()),
        "gates": counted(operation.name for operation in largest.operations),
        "noise": noise.facts if noise else None,
    }
