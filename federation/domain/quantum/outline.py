"""What a plan will be built into and how much memory that takes, told before a single table is made."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from federation.domain.quantum.lowering import Permute, Phase, Step, Turn, lower
from federation.domain.quantum.plan import Plan

# Up to here everything between two loadings of the inputs becomes one matrix, which costs 4^n numbers to make.
MAX_FUSED_QUBITS = 6
_EXACT, _INDEX = torch.float64.itemsize, torch.int64.itemsize


@dataclass(frozen=True)
class Footprint:
    """Memory that a program takes, about.

    Attributes
    ----------
    tables : bytes, as long as the program lives
    matrices : bytes of one pass, whatever the batch
    state : bytes of the state of one sample
    kept, answering : int
        Whole states of each sample that a pass holds at once, with and without gradients.
    """

    tables: int
    matrices: int
    state: int
    kept: int
    answering: int

    def of_pass(self, batch: int) -> int:
        """Bytes of a pass now, with gradients or without as torch is set."""
        return self.matrices + (self.kept if torch.is_grad_enabled() else self.answering) * self.state * batch


@dataclass(frozen=True)
class Outline:
    """A plan's steps, parted as they will run.

    Attributes
    ----------
    local : list of Step
        At the beginning, on single wires.
    steps : list of Step
        On whole states.
    last : Permute or None
        A final reordering, which the readout does instead.
    """

    plan: Plan
    fused: bool
    local: list[Step]
    steps: list[Step]
    last: Permute | None

    @classmethod
    def of(cls, plan: Plan) -> Outline:
        fused = plan.n_qubits <= MAX_FUSED_QUBITS
        flips = any(letter in "XY" for o in plan.readout.observables for _, word in o.terms for letter in word)
        steps = lower(plan, diagonal=not flips)
        split = _local_steps(steps, plan, fused)
        local, rest = steps[:split], steps[split:]
        if plan.readout.kind == "expval" and not flips and rest and isinstance(rest[-1], Permute):
            return cls(plan, fused, local, rest[:-1], rest[-1])
        return cls(plan, fused, local, rest, None)

    def footprint(self, dtype: torch.dtype) -> Footprint:
        """For the real type `dtype`."""
        n, size, readout = self.plan.n_qubits, 2**self.plan.n_qubits, self.plan.readout
        turns = sum(isinstance(step, Turn) for step in self.steps)
        phases = [step for step in self.steps if isinstance(step, Phase)]
        loads = {load_key(step): len(load_masks(step, n)) for step in phases if step.loads}
        shared = [len(step.angles) for step in phases if not step.loads]
        signs, loading = len(shared) * max(shared, default=0), sum(loads.values())
        orders = sum(isinstance(step, Permute) for step in self.steps) + (self.last is not None)
        words = sum(4**wires for wires in ((n,) if self.fused else (n // 2, n - n // 2)))  # of one turn's matrices
        flips = {tuple(letter in "XY" for letter in word) for one in readout.observables for _, word in one.terms}
        # Bytes for each basis state; the second line is for values and signs while they are made.
        numbers = signs * _EXACT + loading * dtype.itemsize + 2 * orders * _INDEX
        numbers += len(flips) * (len(readout.observables) * 2 * _EXACT + _INDEX) + _EXACT * max(
            [0, *shared, *loads.values()]
        )
        angles = n * (len(self.local) + turns) + signs + loading
        return Footprint(
            tables=numbers * size + (n * words + angles * (1 + self.plan.n_inputs + self.plan.n_weights)) * _EXACT,
            matrices=turns * words * (_EXACT + dtype.itemsize) + len(shared) * size * 3 * _EXACT,
            state=2 * dtype.itemsize * size, kept=4 + self._kept_items + len(loads), answering=4 + len(loads),
        )  # fmt: skip

    @property
    def _kept_items(self) -> int:
        """Items that keep a state for the gradient: all but reorderings, or whole blocks."""
        if not self.fused:
            return sum(not isinstance(step, Permute) for step in self.steps)
        loading = [isinstance(step, Phase) and step.loads for step in self.steps]
        return sum(one or before for one, before in zip(loading, [True, *loading], strict=False))


def load_key(step: Phase) -> tuple:
    """The same inputs on the same wires are one diagonal, made once, however often it is used."""
    return tuple(sorted(step.angles.items()))


def load_masks(step: Phase, n: int) -> list[int]:
    """The strings of Z of a loading diagonal: one a wire if none is longer, so that it is a product over wires."""
    local = all(mask.bit_count() == 1 for mask in step.angles)
    return [1 << wire for wire in range(n)] if local else list(step.angles)


def _local_steps(steps: list[Step], plan: Plan, fused: bool) -> int:
    """How many steps at the beginning act on single wires. A fused state stays real, so only the first turn counts."""
    if plan.padding is not None:
        return 0
    if fused:
        return int(bool(steps) and isinstance(steps[0], Turn))
    for index, step in enumerate(steps):
        if isinstance(step, Permute) or (isinstance(step, Phase) and any(mask.bit_count() > 1 for mask in step.angles)):
            return index
    return len(steps)
