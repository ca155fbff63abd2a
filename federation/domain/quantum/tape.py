"""Read a plan off a PennyLane circuit.

The circuit's function is called on one sample of random inputs and weights that carry gradients. Each angle on the
tape is then a number with a graph behind it, and its derivatives say which inputs and weights it is made of. Further
calls on numbers of both signs, from below one to several hundred, must give the same gates, the angles that the first
one predicts and the same measurements; a circuit that branches on values or computes with more than sums and constant
factors does not, and is left to PennyLane. What sampling cannot see is a difference at single numbers or in a window
that no call falls into (``if x == 0``): such a circuit must not be given to this module.

Imports PennyLane; `circuits.plan_of` gives the platform's own circuits without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from federation.domain.quantum.errors import Unsupported
from federation.domain.quantum.plan import GATES, Angle, Gate, Observable, Plan, Readout

DIGITS = 12  # to which coefficients are rounded; what is left over is the noise of float64
SCALES = (1.0, 5.0, 5.0, 25.0, 100.0)  # of normal numbers that a plan is checked on, inputs and weights alike
REMEDY = "It runs through PennyLane instead, slowly."


def compile_tape(function: Callable[..., Any], *, n_qubits: int, n_inputs: int, weight_shape: tuple[int, ...]) -> Plan:
    """The plan of a PennyLane quantum function.

    Parameters
    ----------
    function : callable
        ``function(inputs, weights)`` queues gates on wires 0 to n_qubits - 1 and returns one or several `qml.expval`
        of Pauli words or their real combinations, one `qml.probs`, or one `qml.sample`. `inputs` has shape (n_inputs,).
    weight_shape : tuple of int

    Raises
    ------
    Unsupported
        If a gate, an angle or a measurement is one that the executor does not run.
    """
    source = torch.Generator().manual_seed(1)
    inputs, weights = (torch.rand(shape, generator=source, dtype=torch.float64) for shape in (n_inputs, weight_shape))
    first = _Reading(function, n_qubits, inputs, weights)
    gates = tuple(first.gate(op) for op in first.operations)
    plan = Plan(
        n_qubits, n_inputs, math.prod(weight_shape), gates, _readout(first.measurements, n_qubits), first.padding
    )
    for inputs, weights in _other_numbers(n_inputs, weight_shape):
        _check(plan, function, inputs, weights)
    return plan


def _other_numbers(n_inputs: int, weight_shape: tuple[int, ...]) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and weights below 0, above 0, and of mixed signs."""
    source = torch.Generator().manual_seed(2)

    def drawn(scale: float) -> tuple[Tensor, Tensor]:
        one, two = (torch.randn(shape, generator=source, dtype=torch.float64) for shape in (n_inputs, weight_shape))
        return scale * one, scale * two

    for sign in (-1, 1):
        inputs, weights = drawn(5.0)
        yield sign * inputs.abs(), sign * weights.abs()
    yield from map(drawn, SCALES)


class _Reading:
    """One call of the circuit's function."""

    def __init__(self, function: Callable[..., Any], n_qubits: int, inputs: Tensor, weights: Tensor) -> None:
        self.inputs, self.weights = inputs.requires_grad_(), weights.requires_grad_()
        script = qml.tape.make_qscript(function)(self.inputs, self.weights)
        unknown = [wire for wire in script.wires if wire not in range(n_qubits)]
        if unknown:
            raise Unsupported(expected=f"wires 0 to {n_qubits - 1}", got=f"wire {unknown[0]!r}", remedy=REMEDY)
        operations, self.padding = _without_amplitudes(script.operations, n_qubits, self.inputs)
        self.operations = _decomposed(operations)
        self.measurements = script.measurements

    def gate(self, op: Any) -> Gate:
        return Gate(op.name, tuple(int(wire) for wire in op.wires), tuple(self.angle(value) for value in op.data))

    def angle(self, value: Any) -> Angle:
        number = _number(value)
        if not isinstance(value, Tensor) or not value.requires_grad:
            return Angle(round(number, DIGITS))
        by_input, by_weight = torch.autograd.grad(
            value, [self.inputs, self.weights], retain_graph=True, materialize_grads=True
        )
        flat = by_weight.flatten()
        offset = value - by_input @ self.inputs - flat @ self.weights.flatten()
        return Angle(round(float(offset.detach()), DIGITS) + 0.0, _terms(by_input), _terms(flat))


def _number(value: Any) -> float:
    shape = tuple(qml.math.shape(value))
    if math.prod(shape) != 1:
        raise Unsupported(expected="one number an angle", got=f"numbers of shape {shape}", remedy=REMEDY)
    return float(qml.math.toarray(value))


def _terms(coefficients: Tensor) -> tuple[tuple[int, float], ...]:
    found = ((index, round(value, DIGITS)) for index, value in enumerate(coefficients.tolist()))
    return tuple((index, value) for index, value in found if value)


def _without_amplitudes(operations: Sequence[Any], n: int, inputs: Tensor) -> tuple[Sequence[Any], float | None]:
    """Take an amplitude embedding of all inputs on all wires, in order, off the beginning."""
    if not operations or operations[0].name not in {"AmplitudeEmbedding", "StatePrep"}:
        return operations, None
    first, *rest = operations
    given = torch.as_tensor(first.data[0]).reshape(-1).detach()
    padding = float((given.real[-1] * inputs[0] / given.real[0]).detach()) if len(inputs) < 2**n else 0.0
    padding = round(padding, DIGITS) + 0.0
    full = torch.cat([inputs.detach(), torch.full((2**n - len(inputs),), padding, dtype=torch.float64)])
    whole = tuple(first.wires) == tuple(range(n)) and given.shape == full.shape
    if not whole or not torch.allclose(given, (full / full.norm()).to(given.dtype), atol=1e-9):
        raise Unsupported(expected="the normalised inputs as amplitudes of all wires", got=str(first), remedy=REMEDY)
    return rest, padding


def _decomposed(operations: Sequence[Any]) -> Sequence[Any]:
    script = qml.tape.QuantumScript(operations)
    try:
        (script,), _ = qml.transforms.decompose(script, gate_set=set(GATES))
    except (qml.exceptions.DecompositionError, NotImplementedError) as error:
        raise Unsupported(expected=_KNOWN, got=str(error), remedy=REMEDY) from None
    for op in script.operations:
        if op.name not in GATES:
            raise Unsupported(expected=_KNOWN, got=op.name, remedy=REMEDY)
    return script.operations


_KNOWN = f"gates that decompose into {', '.join(GATES)}"


def _readout(measurements: Sequence[Any], n: int) -> Readout:
    kinds = {type(measurement).__name__ for measurement in measurements}
    if kinds == {"ExpectationMP"}:
        return Readout("expval", tuple(_observable(measurement.obs, n) for measurement in measurements))
    names = {"ProbabilityMP": "probs", "SampleMP": "sample"}
    if len(measurements) == 1 and kinds <= set(names) and measurements[0].obs is None:
        wires = tuple(measurements[0].wires) or tuple(range(n))
        return Readout(names[kinds.pop()], wires=wires)  # type: ignore[arg-type]  # one of the two literals above
    raise Unsupported(
        expected="expectation values, or once the probabilities or samples of wires", got=f"{measurements}",
        remedy=REMEDY,
    )  # fmt: skip


def _observable(observable: Any, n: int) -> Observable:
    sentence = observable.pauli_rep
    if sentence is None:
        raise Unsupported(expected="an observable made of Pauli words", got=str(observable), remedy=REMEDY)
    terms = []
    for word, coefficient in sentence.items():
        if isinstance(coefficient, Tensor) and coefficient.requires_grad:
            raise Unsupported(expected="constant coefficients", got=str(observable), remedy=REMEDY)
        if qml.math.imag(coefficient):
            raise Unsupported(expected="a Hermitian observable", got=str(observable), remedy=REMEDY)
        letters = "".join(word.get(wire, "I") for wire in range(n))
        terms.append((float(qml.math.real(coefficient)), letters))
    return Observable(tuple(terms))


def _check(plan: Plan, function: Callable[..., Any], inputs: Tensor, weights: Tensor) -> None:
    """A reading on other numbers must be what the plan predicts."""
    try:
        other = _Reading(function, plan.n_qubits, inputs, weights)
        readout = _readout(other.measurements, plan.n_qubits)
    except Unsupported:
        raise
    except Exception as error:  # it could be read before, so what stops it are the numbers: PennyLane is to say so
        raise Unsupported(expected=_SAME, got=f"{type(error).__name__}: {error}", remedy=REMEDY) from error
    same = len(plan.gates) == len(other.operations) and readout == plan.readout and _near(plan.padding, other.padding)
    known, flat = inputs.tolist(), weights.flatten().tolist()
    for gate, op in zip(plan.gates, other.operations, strict=False):
        same &= gate.name == op.name and gate.wires == tuple(op.wires)
        for angle, value in zip(gate.angles, op.data, strict=False):
            predicted = angle.offset + sum(known[i] * c for i, c in angle.inputs)
            predicted += sum(flat[i] * c for i, c in angle.weights)
            same &= _near(predicted, _number(value))
    if not same:
        raise Unsupported(expected=_SAME, got="a circuit that depends on them in another way", remedy=REMEDY)


_SAME = "the same gates and measurements for all inputs, with angles that are sums of inputs and weights"


def _near(one: float | None, two: float | None) -> bool:
    if one is None or two is None:
        return one is two
    return math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-9)
