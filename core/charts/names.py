"""How the lines of a chart are told apart and named: at their ends where the names fit there, else in a key below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.charts import svg
from core.charts.scales import Scale
from core.charts.svg import Canvas

LABEL_GAP = 15.0
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "14 4", "4 2")
_MARKERS = ("circle", "square", "diamond", "up", "down", "cross")
_AT_END = 24.0  # leader and margins of a name at the end of its line
_MOST_AT_END = 0.3  # of the width; the lines need the rest
_SAMPLE, _BETWEEN, _KEY_ROW, _EDGE = 34.0, 18.0, 18.0, 8.0


class Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def measured(self) -> list[tuple[float, float]]: ...


def room_at_ends(names: Sequence[str], width: float) -> float | None:
    """What the names take at the right of the lines; None if one is too long for that and they go below."""
    wanted = svg.text_width(names, bold=True) + _AT_END
    return wanted if wanted <= _MOST_AT_END * width else None


def role_of(index: int) -> str:
    return f"s{index % 6 + 1}"


def stroke(canvas: Canvas, index: int, d: str) -> None:
    dash = _DASHES[(index // 6 + index) % 6]
    canvas.shape("path", f"c-line {role_of(index)}", d=d, **({"stroke_dasharray": dash} if dash else {}))


def marker(canvas: Canvas, index: int, x: float, y: float, r: float = 4.0) -> None:
    kind, role = _MARKERS[index % 6], f"c-mark {role_of(index)}"
    corners = {
        "square": ((-r, -r), (r, -r), (r, r), (-r, r)),
        "diamond": ((0, -1.3 * r), (1.3 * r, 0), (0, 1.3 * r), (-1.3 * r, 0)),
        "up": ((0, -1.2 * r), (1.2 * r, r), (-1.2 * r, r)),
        "down": ((0, 1.2 * r), (1.2 * r, -r), (-1.2 * r, -r)),
        "cross": ((-r, -r / 2.5), (-r / 2.5, -r / 2.5), (-r / 2.5, -r), (r / 2.5, -r), (r / 2.5, -r / 2.5),
                  (r, -r / 2.5), (r, r / 2.5), (r / 2.5, r / 2.5), (r / 2.5, r), (-r / 2.5, r), (-r / 2.5, r / 2.5),
                  (-r, r / 2.5)),
    }  # fmt: skip
    if kind == "circle":
        canvas.shape("circle", role, cx=x, cy=y, r=r)
    else:
        points = " ".join(f"{svg.at(x + dx)},{svg.at(y + dy)}" for dx, dy in corners[kind])
        canvas.shape("polygon", role, points=points)


def name_at_ends(canvas: Canvas, lines: Sequence[Named], x: Scale, y: Scale) -> None:
    """Names at the ends of the lines, moved apart where they would overlap, each tied to its line by a leader."""
    ends = sorted(((y(ln.measured[-1][1]), i, ln) for i, ln in enumerate(lines) if ln.measured), key=lambda e: e[:2])
    places: list[float] = []
    for wanted, _, _ in ends:
        places.append(max(wanted, places[-1] + LABEL_GAP) if places else max(wanted, y.end))
    over = places[-1] - y.start if places else 0
    if over > 0:
        floor = y.start
        for i in range(len(places) - 1, -1, -1):
            places[i] = min(places[i], floor)
            floor = places[i] - LABEL_GAP
    for (wanted, index, ln), place in zip(ends, places, strict=True):
        start = x(ln.measured[-1][0]) + 6
        bend = f"M{svg.at(start)} {svg.at(wanted)}L{svg.at(x.end + 12)} {svg.at(place)}"
        canvas.shape("path", f"c-leader {role_of(index)}", d=bend)
        canvas.text(f"c-series-text {role_of(index)}", x.end + 15, place + 4, ln.name)


def name_below(canvas: Canvas, lines: Sequence[Named]) -> None:
    """A key under the chart, which grows by it: a piece of each line with its marker, and the whole name."""
    left, top = _EDGE, canvas.height + 6
    for index, ln in enumerate(lines):
        name = svg.wrapped(ln.name, canvas.width - 2 * _EDGE - _SAMPLE, bold=True)
        taken = _SAMPLE + svg.text_width(name, bold=True)
        if left > _EDGE and (len(name) > 1 or left + taken > canvas.width - _EDGE):
            left, top = _EDGE, top + _KEY_ROW
        stroke(canvas, index, f"M{svg.at(left)} {svg.at(top)}H{svg.at(left + _SAMPLE - 8)}")
        marker(canvas, index, left + (_SAMPLE - 8) / 2, top)
        for number, part in enumerate(name):
            top += LABEL_GAP if number else 0
            canvas.text(f"c-series-text {role_of(index)}", left + _SAMPLE, top + 4, part)
        left += taken + _BETWEEN
    canvas.height = top + 12
