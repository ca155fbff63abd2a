"""Run a program: plainly, for autograd and `torch.func`, or with the derivative written by hand.

The circuit is unitary, so its derivative is the circuit run backwards on the adjoint state. Written by hand this takes
a third of the calls that autograd makes: the gradient by every rotation of a layer comes from one matrix product, and
that by every phase from one number an amplitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from federation.domain.quantum.kernels import (
    Permuted,
    kronecker,
    product,
    product_back,
    rotations,
    turn,
    turn_back,
)  # fmt: skip
from federation.domain.quantum.program import Block, Group, Item, PermuteItem, PhaseItem, Program, TurnItem


@dataclass
class Values:
    """Matrices and diagonals of one pass."""

    turns: tuple[Tensor, ...]  # the whole matrices (turns, 2^n, 2^n), or both halves
    phases: Tensor  # (phases, 2^n, 1)
    loads: list[Tensor]  # (2^n, batch) each

    def turn(self, item: TurnItem) -> tuple[Tensor, ...]:
        return tuple(matrices[item.index] for matrices in self.turns)

    def phase(self, item: PhaseItem) -> Tensor:
        return self.loads[item.index] if item.loads else self.phases[item.index]


def values(program: Program, shared: Tensor, sample: Tensor) -> Values:
    """The matrices and diagonals for some angles, which are always float64: they are few, and the rounding of an angle
    would reach every amplitude.
    """
    n, end = program.n, program.before + program.turns * program.n
    gates = rotations(shared[program.before : end].reshape(program.turns, n))
    halves: tuple[Tensor, ...] = ()
    if program.turns:
        half = n // 2
        halves = kronecker(gates[:, :half]).to(program.dtype), kronecker(gates[:, half:]).to(program.dtype)
        if program.fused:
            left, right = halves
            whole = left[:, :, None, :, None] * right[:, None, :, None, :]
            halves = (whole.reshape(-1, 2**n, 2**n),)
    phases = _unit(program.signs @ shared[end:].reshape(program.signs.shape[0], program.signs.shape[2], 1))
    loads = [_diagonal(program, number, sample) for number in range(len(program.loads))]
    return Values(halves, phases.to(program.dtype.to_complex()), loads)


def _diagonal(program: Program, number: int, sample: Tensor) -> Tensor:
    load = program.loads[number]
    angles = sample[load.rows]
    if load.local:
        one = _unit(angles / -2)
        return product(torch.stack([one, one.conj()], 1), program.rows, program.columns, program.dtype)
    return _unit(load.signs @ angles.to(program.dtype))


def _unit(angles: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(angles), angles)


def run(program: Program, start: Tensor, given: Values) -> Tensor:
    """The outputs (outputs, batch) of states (2^n, batch), in calls that autograd and `torch.func` understand."""
    state = start
    for item in program.items:
        state = _plain(item, state, given)
    return readout(program.groups, state)


def _plain(item: Item, state: Tensor, given: Values) -> Tensor:
    if isinstance(item, Block):
        first, rest = item.items[0], item.items[1:]
        if isinstance(first, TurnItem):  # a turn of the identity is its own matrix
            matrix = _complex(given.turn(first)[0])
        else:
            matrix, rest = torch.eye(state.shape[0], dtype=given.phases.dtype, device=state.device), item.items
        for inner in rest:
            matrix = _plain(inner, matrix, given)
        return _multiplied(matrix, state)
    if isinstance(item, TurnItem):
        return turn(_complex(state), given.turn(item))
    if isinstance(item, PhaseItem):
        return state * given.phase(item)
    if not torch.is_grad_enabled():
        return state[item.order]
    return Permuted.apply(state, item.order, item.inverse)


def _complex(state: Tensor) -> Tensor:
    return state if state.is_complex() else torch.complex(state, torch.zeros_like(state))


def readout(groups: Sequence[Group], state: Tensor) -> Tensor:
    """Expectation values, or the probability of each basis state if there is no observable."""
    state, total = _complex(state), None
    for group in groups:
        if group.flip is None:
            part = group.values @ (state.real**2 + state.imag**2)
        else:
            part = (group.values @ (state[group.flip].conj() * state)).real
        total = part if total is None else total + part
    return state.real**2 + state.imag**2 if total is None else total


def local_vectors(program: Program, shared: Tensor, sample: Tensor, batch: int) -> Tensor:
    """One vector a wire, (n, 2, batch): what the steps on single wires make of state 0."""
    zero = torch.tensor([[1.0], [0.0]], dtype=sample.dtype, device=sample.device).expand(program.n, 2, 1)
    found = zero
    for step in program.local:
        angles = sample[step.rows] if step.sample else shared[step.rows, None]
        if not step.turns:
            one = _unit(angles / -2)
            found = torch.stack([one, one.conj()], 1) * found
        elif found is zero:
            found = torch.stack([torch.cos(angles / 2), torch.sin(angles / 2)], 1)
        else:  # only the first turn of a program holds inputs
            found = rotations(angles[:, 0]).to(found.dtype) @ found
    return found.expand(program.n, 2, batch)


class Adjoint(torch.autograd.Function):
    """`run` with its derivative written by hand."""

    @staticmethod
    def forward(ctx, program: Program, start: Tensor, shared: Tensor, sample: Tensor) -> Tensor:
        given = values(program, shared, sample)
        ctx.program, ctx.given = program, given
        ctx.save_for_backward(start, shared, sample)
        state = start if start.dim() == 2 else product(start, program.rows, program.columns, program.dtype)
        ctx.states = _Kept(state)
        state = _forwards(program.items, state, given, ctx.states)
        return readout(program.groups, state)

    @staticmethod
    def backward(ctx, grad: Tensor):
        if torch.is_grad_enabled():  # somebody will differentiate the gradient: let autograd see how it is made
            # As views, because the start is itself made of angles: what goes through it must not reach them here too.
            inputs = [tensor.view_as(tensor) for tensor in ctx.saved_tensors]
            wanted = [tensor for tensor in inputs if tensor.requires_grad]
            out = plain(ctx.program, *inputs)
            found = iter(torch.autograd.grad(out, wanted, grad, create_graph=True, materialize_grads=True))
            return None, *(next(found) if tensor.requires_grad else None for tensor in inputs)
        return None, *_backwards(ctx.program, ctx.given, ctx.states, ctx.saved_tensors[0], grad)


def plain(program: Program, start: Tensor, shared: Tensor, sample: Tensor) -> Tensor:
    """As `Adjoint.apply`, in calls that autograd and `torch.func` understand."""
    state = start if start.dim() == 2 else product(start, program.rows, program.columns, program.dtype)
    return run(program, state, values(program, shared, sample))


@dataclass
class _Kept:
    """What the way back needs: the state before, and for each item the state after it or what a block was made of."""

    before: Tensor
    after: list[Tensor] = field(default_factory=list)
    blocks: list[tuple[Tensor, _Kept]] = field(default_factory=list)

    @property
    def last(self) -> Tensor:
        return self.after[-1] if self.after else self.before


def _forwards(items: Sequence[Item], state: Tensor, given: Values, kept: _Kept) -> Tensor:
    for item in items:
        if isinstance(item, Block):
            inner = _Kept(torch.eye(state.shape[0], dtype=given.phases.dtype, device=state.device))
            first = item.items[0]
            if isinstance(first, TurnItem):  # a turn of the identity is its own matrix
                inner.after.append(_complex(given.turn(first)[0]))
            matrix = _forwards(item.items[len(inner.after) :], inner.last, given, inner)
            kept.blocks.append((matrix, inner))
            state = _multiplied(matrix, state)
        elif isinstance(item, PermuteItem):
            state = state[item.order]
        else:
            state = _plain(item, state, given)
        kept.after.append(state)
    return state


def _multiplied(matrix: Tensor, state: Tensor) -> Tensor:
    if state.is_complex():
        return matrix @ state
    size = state.shape[0]
    stacked = torch.cat([matrix.real, matrix.imag]) @ state  # a real state costs half
    return torch.complex(stacked[:size], stacked[size:])


@dataclass
class _Gradients:
    """What the way back collects."""

    turns: dict[int, tuple[Tensor, ...]] = field(default_factory=dict)
    phases: dict[int, Tensor] = field(default_factory=dict)
    loads: dict[int, Tensor] = field(default_factory=dict)


def _backwards(program: Program, given: Values, kept: _Kept, start: Tensor, grad: Tensor) -> tuple[Tensor, ...]:
    found = _Gradients()
    adjoint = readout_back(program.groups, kept.last, grad)
    adjoint = _items_back(program.items, adjoint, given, kept, found)
    if start.dim() == 3:
        adjoint = adjoint if start.is_complex() else adjoint.real
        adjoint = product_back(adjoint, start, program.rows, program.columns)
    else:
        adjoint = adjoint.real
    return adjoint, _shared_gradient(program, found, grad), _sample_gradient(program, found, grad)


def _items_back(
    items: Sequence[Item], adjoint: Tensor, given: Values, kept: _Kept, found: _Gradients, *, to_start: bool = True
) -> Tensor:
    """Collect the gradients, and take the adjoint to the state before the items if somebody wants it there."""
    blocks = list(kept.blocks)
    for place in range(len(items) - 1, -1, -1):
        item, after = items[place], kept.after[place]
        if isinstance(item, Block):
            matrix, inner = blocks.pop()
            before = kept.after[place - 1] if place else kept.before
            _items_back(item.items, adjoint @ before.mH.to(adjoint.dtype), given, inner, found, to_start=False)
            adjoint = matrix.mH @ adjoint
        elif isinstance(item, TurnItem):
            matrices = given.turn(item)
            found.turns[item.index] = turn_back(adjoint, after, matrices)
            if place == 0 and not to_start:
                break
            adjoint = turn(adjoint, tuple(matrix.mT for matrix in matrices))
        elif isinstance(item, PermuteItem):
            adjoint = adjoint[item.inverse]
        else:
            turned = adjoint * after.conj()
            if item.loads:
                found.loads[item.index] = found.loads.get(item.index, 0) + turned.imag
            else:
                found.phases[item.index] = turned.imag.sum(1)
            adjoint = adjoint * given.phase(item).conj()
    return adjoint


def _shared_gradient(program: Program, found: _Gradients, like: Tensor) -> Tensor:
    pieces = [like.new_zeros(program.before, dtype=torch.float64)]
    if program.turns:
        for half, generators in enumerate(program.generators):
            sums = torch.stack([found.turns[index][half].flatten() for index in range(program.turns)])
            pieces.append(sums.double() @ generators)
        pieces = [pieces[0], torch.cat(pieces[1:], 1).flatten()]
    if found.phases:
        sums = torch.stack([found.phases[index] for index in range(len(found.phases))])
        pieces.append((program.signs.mT @ sums[..., None].double()).flatten())
    return torch.cat(pieces)


def _sample_gradient(program: Program, found: _Gradients, like: Tensor) -> Tensor:
    total = like.new_zeros(len(program.sample.offset), like.shape[1], dtype=torch.float64)
    for index, sums in found.loads.items():
        load = program.loads[index]
        total[load.rows] = (load.signs.mT @ sums).double()
    return total


def readout_back(groups: Sequence[Group], state: Tensor, grad: Tensor) -> Tensor:
    """The adjoint of the last states."""
    state, total = _complex(state), None
    for group in groups:
        if group.flip is None:
            part = state * (2 * (group.values.mT @ grad))
        else:
            part = 2 * (state * (group.values.mT @ grad.to(state.dtype)))[group.flip]
        total = part if total is None else total + part
    return state * (2 * grad) if total is None else total
