"""A plan made ready to run: tables of numbers for one precision on one device (made by `building`).

States are kept as ``(2^n, batch)``, amplitudes first: a permutation then moves whole rows, a shared phase is one number
a row, and both halves of a Kronecker product are large matrix products without a transposition.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from federation.domain.quantum.outline import Footprint


@dataclass(frozen=True)
class Local:
    """A step on single wires at the very beginning: its angles are n rows of the table of `sample` or shared angles."""

    turns: bool
    sample: bool
    rows: slice


@dataclass(frozen=True)
class TurnItem:
    """The Kronecker product number `index` of real rotations."""

    index: int


@dataclass(frozen=True)
class PhaseItem:
    """The diagonal number `index`: of those that hold inputs (`loads`), or of those that all samples share."""

    index: int
    loads: bool


@dataclass(frozen=True)
class PermuteItem:
    """The state after it is ``state[order]``."""

    order: Tensor
    inverse: Tensor


@dataclass(frozen=True)
class Block:
    """Items that all samples share, made into one matrix before the samples see it."""

    items: tuple[TurnItem | PhaseItem | PermuteItem, ...]


Item = TurnItem | PhaseItem | PermuteItem | Block


@dataclass(frozen=True)
class Table:
    """Angles, one a row: ``offset + by_weight @ weights + by_input @ inputs``."""

    offset: Tensor
    by_weight: Tensor
    by_input: Tensor


@dataclass(frozen=True)
class Load:
    """A diagonal that holds inputs: its rows of the table, and the halved, negated eigenvalues (2^n, rows).

    `local`: one row a wire, so that the diagonal is a product over wires.
    """

    rows: slice
    signs: Tensor
    local: bool


@dataclass(frozen=True)
class Group:
    """Observables that flip the same bits: ``Re sum_z values[o, z] conj(state[z ^ flip]) state[z]``."""

    flip: Tensor | None  # the index z ^ flip; None where no bit is flipped, and then the values are real
    values: Tensor  # (observables, 2^n)


@dataclass(frozen=True)
class Program:
    """What the executor reads.

    Attributes
    ----------
    n, rows, columns : int
        Qubits, and the sizes of both halves of a Kronecker product; wire 0 is the most significant bit of the row.
    before, turns : int
        Shared angles: first `before` of local steps, then ``turns * n`` of the `TurnItem`, then those of the phases.
    shared, sample : Table
        Angles that all samples share, and angles that hold inputs.
    signs : Tensor, shape (phases, 2^n, terms)
        Of the shared phases, as in `Load`; padded with zeros.
    generators : tuple of Tensor
        Of RY on each wire, flattened: for the whole state if `fused`, else for each half.
    """

    dtype: torch.dtype  # of real numbers
    n: int
    rows: int
    columns: int
    before: int
    turns: int
    fused: bool
    shared: Table
    sample: Table
    local: tuple[Local, ...]
    loads: tuple[Load, ...]
    signs: Tensor
    items: tuple[Item, ...]
    groups: tuple[Group, ...]
    generators: tuple[Tensor, ...]
    footprint: Footprint
