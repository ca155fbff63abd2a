"""Take down one of the platform's circuits without PennyLane.

A site worker trains circuits and must not spend seconds on importing PennyLane. The circuits in `circuits` are written
once, against the names of PennyLane; a `Recorder` answers to the same names and writes a `Plan`. What it writes is
tested equal to what `tape.compile_tape` reads off PennyLane's own tape, so the tape stays the one source of truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.quantum.plan import GATES, Angle, Gate, Observable, Plan, Readout


class Recorder:
    """Stands for the module `pennylane` while a circuit is built. It knows gates, ``expval`` and ``PauliZ``."""

    def __init__(self, n_qubits: int) -> None:
        self.n_qubits = n_qubits
        self.gates: list[Gate] = []
        self.padding: float | None = None

    def __getattr__(self, name: str) -> Any:
        if name not in GATES:
            raise AttributeError(f"expected a gate that the executor runs ({', '.join(GATES)}), got {name}")
        _, count = GATES[name]

        def gate(*parameters: Angle | float, wires: int | Iterable[int]) -> None:
            if len(parameters) != count:
                raise TypeError(f"expected {count} angles for {name}, got {len(parameters)}")
            on = (wires,) if isinstance(wires, int) else tuple(wires)
            self.gates.append(Gate(name, on, tuple(map(_angle, parameters))))

        return gate

    def AmplitudeEmbedding(self, features: Any, wires: Any, *, pad_with: float, normalize: bool) -> None:  # noqa: N802
        self.padding = float(pad_with)

    def PauliZ(self, wire: int) -> Observable:  # noqa: N802
        return Observable(((1.0, "".join("Z" if other == wire else "I" for other in range(self.n_qubits))),))

    def expval(self, observable: Observable) -> Observable:
        return observable

    def plan(self, outputs: Iterable[Observable], *, n_inputs: int, n_weights: int) -> Plan:
        readout = Readout("expval", tuple(outputs))
        return Plan(self.n_qubits, n_inputs, n_weights, tuple(self.gates), readout, self.padding)


def input_symbols(count: int) -> NDArray[np.object_]:
    """One `Angle` for each input."""
    return _array([Angle(inputs=((index, 1.0),)) for index in range(count)], (count,))


def weight_symbols(shape: tuple[int, ...]) -> NDArray[np.object_]:
    """One `Angle` for each weight, in an array of the weights' shape."""
    return _array([Angle(weights=((index, 1.0),)) for index in range(int(np.prod(shape)))], shape)


def _angle(value: Any) -> Angle:
    if isinstance(value, np.ndarray):  # what symbols[..., wire] gives has no dimensions
        value = value.item()
    return value if isinstance(value, Angle) else Angle(float(value))


def _array(angles: list[Angle], shape: tuple[int, ...]) -> NDArray[np.object_]:
    found = np.empty(len(angles), dtype=object)
    found[:] = angles
    return found.reshape(shape)
