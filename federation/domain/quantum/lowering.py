"""From a plan's gates to three kinds of steps on a state vector, as few of them as possible.

Every supported gate is, up to a global phase that no measurement sees, a product of

* `Turn`: RY on some wires. A Kronecker product of *real* rotations.
* `Phase`: ``exp(-i/2 sum_k a_k Z_k)`` with strings of Pauli Z. A diagonal.
* `Permute`: CNOT, SWAP, X and their like. A reordering of the amplitudes.

A gate that turns by an *input* must not become a `Turn`, because then each sample has its own matrix. It becomes a
`Phase` between two fixed turns (RX(x) is RZ(x) seen from the X axis), unless its wire is still untouched: then it only
sets the initial product state, and no gate is needed at all.

Gates on different wires are moved past one another to merge with their like, and phases are moved past permutations to
the next phase, or to the end, where measurements of Z do not see them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from federation.domain.quantum.plan import Angle, Gate, Plan

QUARTER, HALF = math.pi / 2, math.pi


@dataclass
class Turn:
    """RY by an angle on each of some wires."""

    angles: dict[int, Angle] = field(default_factory=dict)

    def touches(self, mask: int) -> bool:
        return any(mask >> wire & 1 for wire in self.angles)


@dataclass
class Phase:
    """exp(-i/2 angle Z_mask) for each mask; bit w of a mask stands for wire w. `loads`: the angles hold inputs."""

    loads: bool
    angles: dict[int, Angle] = field(default_factory=dict)

    def touches(self, mask: int) -> bool:
        return any(mask & own for own in self.angles)


@dataclass
class Permute:
    """Gates that only reorder basis states, in order."""

    gates: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def touches(self, mask: int) -> bool:
        return any(mask >> wire & 1 for _, wires in self.gates for wire in wires)

    @property
    def linear(self) -> bool:
        return all(name in {"CNOT", "SWAP", "PauliX"} for name, _ in self.gates)

    def carried(self, mask: int) -> tuple[int, int]:
        """The string of Z that after these gates does what Z_mask does before them, and its sign."""
        sign = 1
        for name, wires in self.gates:
            if name == "PauliX":
                sign = -sign if mask >> wires[0] & 1 else sign
            elif name == "CNOT":
                control, target = wires
                mask ^= (mask >> target & 1) << control
            else:
                one, two = (mask >> wire & 1 for wire in wires)
                if one != two:
                    mask ^= 1 << wires[0] | 1 << wires[1]
        return mask, sign


Step = Turn | Phase | Permute


def lower(plan: Plan, *, diagonal: bool) -> list[Step]:
    """The steps of a plan.

    Parameters
    ----------
    diagonal : bool
        Only Z is measured, so phases at the very end may be dropped.

    Returns
    -------
    list of steps
        Only the first may be a `Turn` that holds inputs; it then acts on the state 0.
    """
    steps: list[Step] = [Turn()]  # what untouched wires begin with always finds its place here
    fresh = set(range(plan.n_qubits)) if plan.padding is None else set()
    for gate in plan.gates:
        for part in _parts(gate, fresh, plan.n_qubits):
            _put(steps, part)
    _carry_phases(steps, diagonal)
    for step in steps:
        if not isinstance(step, Permute):
            step.angles = {key: angle for key, angle in step.angles.items() if angle != Angle()}
    return [step for step in steps if isinstance(step, Permute) or step.angles]


def _put(steps: list[Step], part: Step) -> None:
    """Merge one part into the earliest step that will have it, or append it."""
    mask = _wires_of(part)
    place = None
    for index in range(len(steps) - 1, -1, -1):
        step = steps[index]
        if _alike(step, part):
            place = index
        if step.touches(mask) and not (isinstance(step, Phase) and isinstance(part, Phase)):
            break
    if place is None:
        steps.append(part)
    else:
        _merge(steps[place], part)


def _alike(one: Step, two: Step) -> bool:
    return type(one) is type(two) and getattr(one, "loads", None) == getattr(two, "loads", None)


def _merge(step: Step, part: Step) -> None:
    if isinstance(step, Permute) and isinstance(part, Permute):
        step.gates += part.gates
    elif isinstance(step, Turn | Phase) and isinstance(part, Turn | Phase):
        for key, angle in part.angles.items():
            step.angles[key] = step.angles[key] + angle if key in step.angles else angle


def _wires_of(part: Step) -> int:
    if isinstance(part, Phase):
        mask = 0
        for own in part.angles:
            mask |= own
        return mask
    wires = part.angles if isinstance(part, Turn) else {wire for _, on in part.gates for wire in on}
    return sum(1 << wire for wire in wires)


def _carry_phases(steps: list[Step], diagonal: bool) -> None:
    """Move phases without inputs past the permutation that follows, into the next phase; drop those at the end."""
    for index in range(len(steps)):
        phase = steps[index]
        if not isinstance(phase, Phase):
            continue
        after = steps[index + 1 :]
        if diagonal and all(isinstance(step, Permute | Phase) for step in after):
            phase.angles = {}
        elif not phase.loads and after and isinstance(after[0], Permute) and after[0].linear:
            target = next((s for s in after[1:] if not isinstance(s, Phase) or not s.loads), None)
            if isinstance(target, Phase):
                for mask, angle in phase.angles.items():
                    carried, sign = after[0].carried(mask)
                    _merge(target, Phase(False, {carried: angle * sign}))
                phase.angles = {}


def _parts(gate: Gate, fresh: set[int], n: int) -> Iterator[Step]:
    """One gate as turns, phases and permutations, in time order. `fresh`: the wires that are still in state 0."""
    name, wires, angles = gate.name, gate.wires, gate.angles
    if name in {"Identity", "GlobalPhase"}:
        return
    untouched = len(wires) == 1 and wires[0] in fresh
    if untouched and name in {"RX", "RY"}:
        yield _ry(wires[0], angles[0])
        if name == "RX":
            yield _z(-QUARTER, wires[0])
    elif not (untouched and name in {"RZ", "PhaseShift", "U1"}):  # these only turn the global phase of state 0
        yield from _GATES[name](wires, angles)
    if not (untouched and name in {"RZ", "PhaseShift", "U1"}):
        fresh.difference_update(wires)


def _ry(wire: int, angle: Angle | float) -> Turn:
    return Turn({wire: angle if isinstance(angle, Angle) else Angle(angle)})


def _z(angle: Angle | float, *wires: int) -> Phase:
    angle = angle if isinstance(angle, Angle) else Angle(angle)
    return Phase(bool(angle.inputs), {sum(1 << wire for wire in wires): angle})


def _swapping(name: str) -> Callable:
    return lambda wires, angles: iter([Permute([(name, wires)])])


def _seen_from(axis: str, wires: tuple[int, ...], inner: Iterator[Step]) -> Iterator[Step]:
    """`inner` with X or Y of these wires in the place of Z."""
    if axis == "Y":
        yield from (_z(-QUARTER, wire) for wire in wires)
    yield from (_ry(wire, -QUARTER) for wire in wires)
    yield from inner
    yield from (_ry(wire, QUARTER) for wire in wires)
    if axis == "Y":
        yield from (_z(QUARTER, wire) for wire in wires)


def _rotation(axis: str) -> Callable:
    def parts(wires: tuple[int, ...], angles: tuple[Angle, ...]) -> Iterator[Step]:
        if len(wires) > 1 or angles[0].inputs:
            yield from _seen_from(axis, wires, iter([_z(angles[0], *wires)]))
        elif axis == "X":
            yield from (_z(QUARTER, wires[0]), _ry(wires[0], angles[0]), _z(-QUARTER, wires[0]))
        else:
            yield _ry(wires[0], angles[0])

    return parts


def _euler(wires: tuple[int, ...], phi: Angle | float, theta: Angle | float, omega: Angle | float) -> Iterator[Step]:
    """RZ(omega) RY(theta) RZ(phi)."""
    yield _z(phi, *wires)
    if isinstance(theta, Angle):
        yield from _rotation("Y")(wires, (theta,))
    else:
        yield _ry(wires[0], theta)
    yield _z(omega, *wires)


def _when_all_are_one(angle: Angle | float, wires: tuple[int, ...]) -> Iterator[Step]:
    """exp(i angle) on the basis states that have a 1 on each of the wires."""
    for code in range(1, 2 ** len(wires)):
        chosen = [wire for bit, wire in enumerate(wires) if code >> bit & 1]
        yield _z(angle * (2.0 ** (1 - len(wires)) * (1 if len(chosen) % 2 else -1)), *chosen)


def _crz(wires: tuple[int, ...], angle: Angle) -> Iterator[Step]:
    yield _z(angle * 0.5, wires[1])
    yield _z(angle * -0.5, *wires)


def _xy(wires: tuple[int, ...], angle: Angle | float) -> Iterator[Step]:
    for axis in "XY":
        yield from _seen_from(axis, wires, iter([_z(angle * -0.5, *wires)]))


_GATES: dict[str, Callable[[tuple[int, ...], tuple[Angle, ...]], Iterator[Step]]] = {
    "Hadamard": lambda w, a: iter([_z(HALF, *w), _ry(w[0], QUARTER)]),
    "PauliX": _swapping("PauliX"),
    "PauliY": lambda w, a: iter([_ry(w[0], HALF)]),
    "PauliZ": lambda w, a: iter([_z(HALF, *w)]),
    "S": lambda w, a: iter([_z(QUARTER, *w)]),
    "Adjoint(S)": lambda w, a: iter([_z(-QUARTER, *w)]),
    "T": lambda w, a: iter([_z(QUARTER / 2, *w)]),
    "Adjoint(T)": lambda w, a: iter([_z(-QUARTER / 2, *w)]),
    "SX": lambda w, a: _rotation("X")(w, (Angle(QUARTER),)),
    "Adjoint(SX)": lambda w, a: _rotation("X")(w, (Angle(-QUARTER),)),
    "RX": _rotation("X"),
    "RY": _rotation("Y"),
    "RZ": lambda w, a: iter([_z(a[0], *w)]),
    "PhaseShift": lambda w, a: iter([_z(a[0], *w)]),
    "U1": lambda w, a: iter([_z(a[0], *w)]),
    "U2": lambda w, a: _euler(w, a[1], QUARTER, a[0]),
    "U3": lambda w, a: _euler(w, a[2], a[0], a[1]),
    "Rot": lambda w, a: _euler(w, *a),
    "CNOT": _swapping("CNOT"),
    "SWAP": _swapping("SWAP"),
    "Toffoli": _swapping("Toffoli"),
    "CSWAP": _swapping("CSWAP"),
    "CY": lambda w, a: iter([_z(-QUARTER, w[1]), Permute([("CNOT", w)]), _z(QUARTER, w[1])]),
    "CZ": lambda w, a: _when_all_are_one(HALF, w),
    "CCZ": lambda w, a: _when_all_are_one(HALF, w),
    "CH": lambda w, a: iter([_ry(w[1], -QUARTER / 2), *_when_all_are_one(HALF, w), _ry(w[1], QUARTER / 2)]),
    "ControlledPhaseShift": lambda w, a: _when_all_are_one(a[0], w),
    "CRX": lambda w, a: _seen_from("X", w[1:], _crz(w, a[0])),
    "CRY": lambda w, a: _seen_from("Y", w[1:], _crz(w, a[0])),
    "CRZ": lambda w, a: _crz(w, a[0]),
    "IsingXX": _rotation("X"),
    "IsingYY": _rotation("Y"),
    "IsingZZ": lambda w, a: iter([_z(a[0], *w)]),
    "IsingXY": lambda w, a: _xy(w, a[0]),
    "ISWAP": lambda w, a: _xy(w, HALF),
    "MultiRZ": lambda w, a: iter([_z(a[0], *w)]),
}
