"""From a plan to the program that runs it: every angle, sign and order as a table of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from federation.domain.quantum.lowering import Permute, Phase, Step, Turn
from federation.domain.quantum.outline import Outline, load_key, load_masks
from federation.domain.quantum.plan import Angle, Plan
from federation.domain.quantum.program import (
    Block,
    Group,
    Item,
    Load,
    Local,
    PermuteItem,
    PhaseItem,
    Program,
    Table,
    TurnItem,
)


def build(outline: Outline, *, dtype: torch.dtype, device: torch.device) -> Program:
    """Compile a plan for the real type `dtype`. Whether its tables fit must be asked before (`Outline.footprint`)."""
    n, fused = outline.plan.n_qubits, outline.fused
    rows, columns = 2 ** (n // 2), 2 ** (n - n // 2)
    maker = _Maker(outline.plan, dtype, device)
    local = maker.local(outline.local)
    last = None if outline.last is None else _order(outline.last, n)
    items = maker.items(outline.steps)
    halves = (n,) if fused else (n // 2, n - n // 2)
    return Program(
        dtype=dtype, n=n, rows=rows, columns=columns, before=len(maker.local_angles),
        turns=len(maker.turns), fused=fused, footprint=outline.footprint(dtype),
        shared=maker.table(maker.shared_angles()), sample=maker.table(maker.sample_angles), local=local,
        loads=tuple(maker.loads.values()), signs=maker.phase_signs(), items=_fuse(items) if fused else items,
        groups=maker.groups(last),
        generators=tuple(_generators(wires).to(device) for wires in halves),
    )  # fmt: skip


def _fuse(items: Sequence[TurnItem | PhaseItem | PermuteItem]) -> tuple[Item, ...]:
    fused: list[Item] = []
    for item in items:
        if isinstance(item, PhaseItem) and item.loads:
            fused.append(item)
        elif fused and isinstance(fused[-1], Block):
            fused[-1] = Block((*fused[-1].items, item))
        else:
            fused.append(Block((item,)))
    return tuple(fused)


class _Maker:
    """Collects the angles of the steps and makes the tensors."""

    def __init__(self, plan: Plan, dtype: torch.dtype, device: torch.device) -> None:
        self.plan, self.n, self.dtype, self.device = plan, plan.n_qubits, dtype, device
        self.turns: list[Mapping[int, Angle]] = []
        self.phases: list[Mapping[int, Angle]] = []
        self.loads: dict[tuple, Load] = {}
        self.local_angles: list[Angle] = []
        self.sample_angles: list[Angle] = []

    def real(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, self.dtype)

    def local(self, steps: Sequence[Step]) -> tuple[Local, ...]:
        found = []
        for step in steps:
            assert isinstance(step, Turn | Phase)
            wires = range(self.n)
            row = [step.angles.get(wire if isinstance(step, Turn) else 1 << wire, Angle()) for wire in wires]
            sample = any(angle.inputs for angle in row)
            angles = self.sample_angles if sample else self.local_angles
            found.append(Local(isinstance(step, Turn), sample, slice(len(angles), len(angles) + self.n)))
            angles += row
        return tuple(found)

    def items(self, steps: Sequence[Step]) -> tuple[TurnItem | PhaseItem | PermuteItem, ...]:
        return tuple(self._item(step) for step in steps)

    def _item(self, step: Step) -> TurnItem | PhaseItem | PermuteItem:
        if isinstance(step, Permute):
            order = _order(step, self.n)
            return PermuteItem(order.to(self.device), torch.argsort(order).to(self.device))
        if isinstance(step, Turn):
            self.turns.append(step.angles)
            return TurnItem(len(self.turns) - 1)
        if not step.loads:
            self.phases.append(step.angles)
            return PhaseItem(len(self.phases) - 1, loads=False)
        return PhaseItem(self._load(step), loads=True)

    def _load(self, step: Phase) -> int:
        key = load_key(step)
        if key not in self.loads:
            masks = load_masks(step, self.n)
            local = all(mask.bit_count() == 1 for mask in masks)
            start = len(self.sample_angles)
            self.sample_angles += [step.angles.get(mask, Angle()) for mask in masks]
            signs = self.real(_signs(masks, self.n))
            self.loads[key] = Load(slice(start, start + len(masks)), signs, local)
        return list(self.loads).index(key)

    def shared_angles(self) -> list[Angle]:
        """Local steps' rows first, then the turns', then the phases'."""
        angles = list(self.local_angles)
        angles += [turn.get(wire, Angle()) for turn in self.turns for wire in range(self.n)]
        for phase in self.phases:
            angles += [*phase.values(), *[Angle()] * (self._most_terms() - len(phase))]
        return angles

    def _most_terms(self) -> int:
        return max(map(len, self.phases), default=0)

    def phase_signs(self) -> Tensor:
        signs = torch.zeros(len(self.phases), 2**self.n, self._most_terms(), dtype=torch.float64)
        for index, phase in enumerate(self.phases):
            signs[index, :, : len(phase)] = _signs(list(phase), self.n)
        return signs.to(self.device)

    def table(self, angles: Sequence[Angle]) -> Table:
        offset = torch.tensor([angle.offset for angle in angles], dtype=torch.float64)
        by_weight = torch.zeros(len(angles), self.plan.n_weights, dtype=torch.float64)
        by_input = torch.zeros(len(angles), self.plan.n_inputs, dtype=torch.float64)
        for row, angle in enumerate(angles):
            for column, coefficient in angle.weights:
                by_weight[row, column] = coefficient
            for column, coefficient in angle.inputs:
                by_input[row, column] = coefficient
        return Table(*(tensor.to(self.device) for tensor in (offset, by_weight, by_input)))

    def groups(self, last: Tensor | None) -> tuple[Group, ...]:
        """The observables by the bits they flip. `last` is a final permutation that was left out: it is done here."""
        by_flip: dict[int, list[tuple[int, float, str]]] = {}
        observables = self.plan.readout.observables
        for row, observable in enumerate(observables):
            for coefficient, word in observable.terms:
                flip = sum(1 << wire for wire, letter in enumerate(word) if letter in "XY")
                by_flip.setdefault(flip, []).append((row, coefficient, word))
        found = []
        for flip, words in by_flip.items():
            values = torch.zeros(len(observables), 2**self.n, dtype=torch.complex128)
            for row, coefficient, word in words:
                mask = sum(1 << wire for wire, letter in enumerate(word) if letter in "YZ")
                values[row] += coefficient * 1j ** word.count("Y") * -2 * _signs([mask], self.n)[:, 0]
            if flip:
                index = torch.arange(2**self.n) ^ _bits(flip, self.n)
                complex_type = torch.complex64 if self.dtype == torch.float32 else torch.complex128
                found.append(Group(index.to(self.device), values.to(self.device, complex_type)))
            else:
                real = values.real if last is None else values.real[:, torch.argsort(last)]
                found.append(Group(None, self.real(real)))
        return tuple(found)


def _bits(mask: int, n: int) -> int:
    """A mask over wires as a mask over the index of a basis state, in which wire 0 is the most significant bit."""
    return sum(1 << (n - 1 - wire) for wire in range(n) if mask >> wire & 1)


def _signs(masks: Sequence[int], n: int) -> Tensor:
    """-1/2 of the eigenvalue of each string of Z for each basis state: shape (2^n, masks)."""
    index = torch.arange(2**n)
    columns = []
    for mask in masks:
        parity = torch.zeros_like(index)
        for wire in range(n):
            if mask >> wire & 1:
                parity ^= index >> (n - 1 - wire) & 1
        columns.append(parity - 0.5)
    return torch.stack(columns, 1) if columns else torch.zeros(2**n, 0)


def _order(step: Permute, n: int) -> Tensor:
    """`order` such that the state after the gates is ``state[order]``; each gate is its own inverse."""
    index = torch.arange(2**n)
    order = index
    for name, wires in step.gates:
        *controls, target = (n - 1 - wire for wire in wires)
        if name in {"SWAP", "CSWAP"}:
            *controls, other = controls
            differ = (index >> other ^ index >> target) & 1
            moved = differ << other | differ << target
        else:
            moved = torch.full_like(index, 1 << target)
        for control in controls:
            moved = moved * (index >> control & 1)
        order = order[index ^ moved]
    return order


def _generators(wires: int) -> Tensor:
    """The derivative of RY on each of some wires, as a factor before it: shape (4^wires, wires)."""
    index = torch.arange(2**wires)
    found = torch.zeros(2**wires, 2**wires, wires, dtype=torch.float64)
    for wire in range(wires):
        bit = index >> (wires - 1 - wire) & 1
        found[index, index ^ (1 << (wires - 1 - wire)), wire] = bit.double() - 0.5
    return found.reshape(4**wires, wires)
