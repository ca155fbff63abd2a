"""A circuit as plain data: its gates in order, where each angle comes from, and what is measured.

A plan is what the batched executor runs. It is read off a PennyLane tape (`tape.compile_tape`) or, for the platform's
own circuits, taken down by `recorder.Recorder` without importing PennyLane. It is frozen, compares by value, and
travels as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Terms = tuple[tuple[int, float], ...]  # (index, coefficient), sorted, no coefficient is zero
GATES: Mapping[str, tuple[int, int]] = {  # wires (0: any number) and angles
    "Identity": (0, 0), "GlobalPhase": (0, 1), "Hadamard": (1, 0), "PauliX": (1, 0), "PauliY": (1, 0),
    "PauliZ": (1, 0), "S": (1, 0), "Adjoint(S)": (1, 0), "T": (1, 0), "Adjoint(T)": (1, 0), "SX": (1, 0),
    "Adjoint(SX)": (1, 0), "RX": (1, 1), "RY": (1, 1), "RZ": (1, 1), "PhaseShift": (1, 1), "U1": (1, 1), "U2": (1, 2),
    "U3": (1, 3), "Rot": (1, 3), "CNOT": (2, 0), "CY": (2, 0), "CZ": (2, 0), "CH": (2, 0), "SWAP": (2, 0),
    "ISWAP": (2, 0), "CRX": (2, 1), "CRY": (2, 1), "CRZ": (2, 1), "ControlledPhaseShift": (2, 1),
    "IsingXX": (2, 1), "IsingYY": (2, 1), "IsingZZ": (2, 1), "IsingXY": (2, 1), "Toffoli": (3, 0), "CSWAP": (3, 0),
    "CCZ": (3, 0), "MultiRZ": (0, 1),
}  # fmt: skip


@dataclass(frozen=True)
class Angle:
    """An angle in radians: ``offset + sum(coefficient * input) + sum(coefficient * weight)``.

    It answers to ``+``, ``-`` and multiplication by a number, so that a circuit's code may compute with it.
    """

    offset: float = 0.0
    inputs: Terms = ()
    weights: Terms = ()

    def __add__(self, other: Angle | float) -> Angle:
        other = other if isinstance(other, Angle) else Angle(float(other))
        return Angle(self.offset + other.offset, _added(self.inputs, other.inputs), _added(self.weights, other.weights))

    def __mul__(self, factor: float) -> Angle:
        return Angle(self.offset * factor, _scaled(self.inputs, factor), _scaled(self.weights, factor))

    def __neg__(self) -> Angle:
        return self * -1.0

    def __sub__(self, other: Angle | float) -> Angle:
        return self + -other

    def __truediv__(self, number: float) -> Angle:
        return self * (1 / number)

    __radd__, __rmul__ = __add__, __mul__


@dataclass(frozen=True)
class Gate:
    """One gate, by its PennyLane name."""

    name: str
    wires: tuple[int, ...]
    angles: tuple[Angle, ...] = ()


@dataclass(frozen=True)
class Observable:
    """A real combination of Pauli words: ((coefficient, word), ...); a word has one of ``IXYZ`` for each wire."""

    terms: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Readout:
    """What is measured at the end.

    Attributes
    ----------
    kind : "expval", "probs" or "sample"
    observables : tuple of Observable
        Of "expval", in the order of the outputs.
    wires : tuple of int
        Of "probs" and "sample": the first wire is the most significant bit.
    """

    kind: Literal["expval", "probs", "sample"]
    observables: tuple[Observable, ...] = ()
    wires: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A whole circuit.

    Attributes
    ----------
    n_qubits, n_inputs, n_weights : int
        Inputs of one sample; weights in the order of the flattened array.
    gates : tuple of Gate
    readout : Readout
    padding : float or None
        Not None: the inputs, filled up with this value to 2^n_qubits and normalised, are the initial amplitudes.
    """

    n_qubits: int
    n_inputs: int
    n_weights: int
    gates: tuple[Gate, ...]
    readout: Readout
    padding: float | None = None

    @property
    def depth(self) -> int:
        """Length of the longest chain of gates that must wait for one another."""
        busy_until = [0] * self.n_qubits
        for gate in self.gates:
            wires = gate.wires or range(self.n_qubits)
            end = max(busy_until[wire] for wire in wires) + 1
            for wire in wires:
                busy_until[wire] = end
        return max(busy_until)

    def to_json(self) -> str:
        """The plan as one line of JSON, equal for equal plans."""
        return json.dumps(_plain(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The inverse of `to_json`.

        Raises
        ------
        ValueError
            If the text is not a plan.
        """
        try:
            return _plan(json.loads(text))
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"expected a plan written by `to_json`, got something else ({error!r})") from None


def _added(one: Terms, two: Terms) -> Terms:
    total = dict(one)
    for index, coefficient in two:
        total[index] = total.get(index, 0.0) + coefficient
    return tuple(sorted((index, coefficient) for index, coefficient in total.items() if coefficient))


def _scaled(terms: Terms, factor: float) -> Terms:
    return tuple((index, coefficient * factor) for index, coefficient in terms if factor)


def _plain(plan: Plan) -> dict[str, Any]:
    return {
        "n_qubits": plan.n_qubits,
        "n_inputs": plan.n_inputs,
        "n_weights": plan.n_weights,
        "padding": plan.padding,
        "gates": [[g.name, g.wires, [[a.offset, a.inputs, a.weights] for a in g.angles]] for g in plan.gates],
        "readout": [plan.readout.kind, [o.terms for o in plan.readout.observables], plan.readout.wires],
    }


def _plan(raw: Mapping[str, Any]) -> Plan:
    kind, observables, wires = raw["readout"]
    return Plan(
        n_qubits=raw["n_qubits"],
        n_inputs=raw["n_inputs"],
        n_weights=raw["n_weights"],
        padding=raw["padding"],
        gates=tuple(Gate(name, tuple(on), tuple(map(_angle, angles))) for name, on, angles in raw["gates"]),
        readout=Readout(kind, tuple(Observable(_pairs(terms)) for terms in observables), tuple(wires)),
    )


def _angle(raw: list[Any]) -> Angle:
    offset, inputs, weights = raw
    return Angle(offset, _pairs(inputs), _pairs(weights))


def _pairs(raw: list[Any]) -> tuple:
    return tuple((first, second) for first, second in raw)
