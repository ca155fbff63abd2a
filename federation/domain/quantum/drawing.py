"""A circuit drawn from its plan, for the model card: as text, or as an SVG that takes its colour from the page.

Inputs are called x0, x1, ..., weights w0, w1, ... in the order of the flattened array. A gate stands as far left as the
gates before it allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from federation.domain.quantum.plan import Angle, Gate, Plan

CONTROLLED = {
    "CNOT": (1, "X"), "CY": (1, "Y"), "CZ": (1, "Z"), "CH": (1, "H"), "CRX": (1, "RX"), "CRY": (1, "RY"),
    "CRZ": (1, "RZ"), "ControlledPhaseShift": (1, "P"), "Toffoli": (2, "X"), "CCZ": (2, "Z"), "CSWAP": (1, "SWAP"),
}  # fmt: skip
SHORT = {
    "Hadamard": "H", "PauliX": "X", "PauliY": "Y", "PauliZ": "Z", "PhaseShift": "P", "Adjoint(S)": "S†",
    "Adjoint(T)": "T†", "Adjoint(SX)": "SX†",
}  # fmt: skip
ROW, LETTER, PAD, FONT = 34, 7.2, 10, 12  # pixels of the SVG


@dataclass(frozen=True)
class _Mark:
    """A gate on its wires: a label on each, an empty one for a control."""

    wires: tuple[int, ...]
    labels: tuple[str, ...]
    gate: Gate | None = None  # None: the loading of amplitudes

    @property
    def span(self) -> range:
        return range(min(self.wires), max(self.wires) + 1)


def text(plan: Plan) -> str:
    """The circuit as lines of text, one a wire; ``●`` is a control, ``┼`` a line that passes by."""
    rows = [[f"{wire}: "] for wire in range(plan.n_qubits)]
    for column in _columns(plan):
        cells = ["─"] * plan.n_qubits
        for mark in column:
            for wire in mark.span:
                cells[wire] = "┼"
            for wire, label in zip(mark.wires, mark.labels, strict=True):
                cells[wire] = label or "●"
        width = max(map(len, cells))
        for row, cell in zip(rows, cells, strict=True):
            row.append("─" + cell.center(width, "─") + "─")
    for wire, ending in enumerate(_endings(plan)):
        rows[wire].append(f"─┤ {ending}" if ending else "─┤")
    return "\n".join("".join(row) for row in rows)


def svg(plan: Plan) -> str:
    """The circuit as one SVG element without scripts and styles; its title says what it is.

    By itself it takes its colours from the reader's system; a page may give the classes ``q-wire``, ``q-gate`` and
    ``q-word`` its own.
    """
    columns, left = _columns(plan), 40.0
    parts: list[str] = []
    for column in columns:
        width = max(len(label) for mark in column for label in mark.labels) * LETTER + PAD
        middle = left + PAD + width / 2
        for mark in column:
            parts += _shapes(mark, middle)
        left += width + 2 * PAD
    endings = _endings(plan)
    right, height = left + 2 * PAD, ROW * plan.n_qubits
    for wire in range(plan.n_qubits):
        y = _y(wire)
        parts.insert(0, f'<path class="q-wire" d="M28 {y}H{right:.0f}" stroke="currentColor" stroke-opacity=".5"/>')
        parts.append(_word(12, y, str(wire)))
        parts.append(_word(right + 6, y, endings[wire], anchor="start"))
    total = right + 12 + LETTER * max(map(len, endings))
    title = f"Circuit of {plan.n_qubits} qubits, {plan.n_weights} weights, depth {plan.depth}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="circuit" viewBox="0 0 {total:.0f} {height}" '
        f'width="{total:.0f}" height="{height}" role="img" focusable="false" '
        f'font-family="monospace" font-size="{FONT}" fill="none">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def listing(plan: Plan) -> list[tuple[int, str, str, str]]:
    """The circuit in words: step from 1, gate, qubits and angles, controls before targets. A step acts at once."""
    rows = []
    for step, column in enumerate(_columns(plan), start=1):
        for mark in sorted(column, key=lambda mark: mark.wires):
            wires = ", ".join(map(str, mark.wires))
            if mark.gate is None:
                rows.append((step, "amplitude embedding", wires, ""))
            else:
                rows.append((step, mark.gate.name, wires, ", ".join(map(_angle, mark.gate.angles))))
    seen = [(wire, words) for wire, words in enumerate(_endings(plan)) if words]
    return rows + [(len(_columns(plan)) + 1, "measured", str(wire), words) for wire, words in seen]


def _columns(plan: Plan) -> list[list[_Mark]]:
    columns: list[list[_Mark]] = []
    free_from = [0] * plan.n_qubits
    for mark in _marks(plan):
        place = max(free_from[wire] for wire in mark.span)
        columns += [[] for _ in range(place + 1 - len(columns))]
        columns[place].append(mark)
        for wire in mark.span:
            free_from[wire] = place + 1
    return columns


def _marks(plan: Plan) -> Iterator[_Mark]:
    if plan.padding is not None:
        yield _Mark(tuple(range(plan.n_qubits)), ("amplitudes",) * plan.n_qubits)
    for gate in plan.gates:
        if gate.name not in {"Identity", "GlobalPhase"}:
            yield _mark(gate)


def _mark(gate: Gate) -> _Mark:
    controls, name = CONTROLLED.get(gate.name, (0, SHORT.get(gate.name, gate.name)))
    label = name + (f"({', '.join(map(_angle, gate.angles))})" if gate.angles else "")
    return _Mark(gate.wires, ("",) * controls + (label,) * (len(gate.wires) - controls), gate)


def _angle(angle: Angle) -> str:
    parts = [(coefficient, f"x{index}") for index, coefficient in angle.inputs]
    parts += [(coefficient, f"w{index}") for index, coefficient in angle.weights]
    words = [name if number == 1 else f"{number:.3g}{name}" for number, name in parts]
    if angle.offset or not words:
        words.append(f"{angle.offset:.3g}")
    return "+".join(words).replace("+-", "-")


def _endings(plan: Plan) -> list[str]:
    readout = plan.readout
    if readout.kind != "expval":
        return [readout.kind if wire in readout.wires else "" for wire in range(plan.n_qubits)]
    words = sorted({word for observable in readout.observables for _, word in observable.terms})
    return [" ".join(_seen(word, wire) for word in words if word[wire] != "I") for wire in range(plan.n_qubits)]


def _seen(word: str, wire: int) -> str:
    """What a wire's ending says of a Pauli word: the letter alone if the word is about no other wire."""
    return word[wire] if word.count("I") == len(word) - 1 else word


def _y(wire: int) -> float:
    return ROW * (wire + 0.5)


def _word(x: float, y: float, word: str, anchor: str = "middle") -> str:
    placed = f'x="{x:.0f}" y="{y + 4:.0f}" text-anchor="{anchor}"'
    return f'<text class="q-word" {placed} fill="currentColor">{escape(word)}</text>'


def _shapes(mark: _Mark, x: float) -> Iterator[str]:
    if len(mark.span) > 1:
        yield f'<path d="M{x:.1f} {_y(mark.span[0])}V{_y(mark.span[-1])}" stroke="currentColor"/>'
    for wire, label in zip(mark.wires, mark.labels, strict=True):
        if label:
            half = len(label) * LETTER / 2 + PAD / 2
            yield (
                f'<rect class="q-gate" x="{x - half:.1f}" y="{_y(wire) - 11}" width="{2 * half:.1f}" height="22" '
                f'rx="3" fill="Canvas" stroke="currentColor"/>'
            )
            yield _word(x, _y(wire), label)
        else:
            yield f'<circle cx="{x:.1f}" cy="{_y(wire)}" r="4" fill="currentColor"/>'
