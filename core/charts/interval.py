"""The forest plot of the audits: gaps with their confidence intervals against the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.charts import svg
from core.charts.scales import Scale, span, tick_labels, ticks
from core.charts.svg import Canvas, Chart, Palette, Size, Table
from core.tones import STATES, TONES, look_of, state_key

IntervalRow = tuple[str, float | None, float | None, float | None, object]

_ROW = 30.0
_HEAD = 26.0
_FOOT = 46.0


@dataclass(frozen=True)
class _Row:
    label: str
    value: float | None
    lower: float | None
    upper: float | None
    tone: str
    word: str
    palette: Palette

    @property
    def figures(self) -> str:
        if self.value is None:
            return "" if self.word else svg.said(svg.NOT_MEASURED, self.palette)
        if self.lower is None or self.upper is None:
            return f"{self.value:.3f} ({svg.said('no interval', self.palette)})".replace("-", "\u2212")
        reach = svg.said("%(low)s to %(high)s", self.palette) % {
            "low": f"{self.lower:.3f}",
            "high": f"{self.upper:.3f}",
        }
        return f"{self.value:.3f} ({reach})".replace("-", "\u2212")


def interval_chart(
    rows: Sequence[IntervalRow],
    *,
    threshold: float | None,
    title: str,
    description: str = "",
    x_label: str = "Gap",
    threshold_label: str = "limit",
    allowed: str = "below",
    x_range: tuple[float, float] | None = None,
    level: str = "95 %",
    palette: Palette = "screen",
    size: Size = "m",
    key: str = "",
) -> Chart:
    """Values with their confidence intervals, one row each, against a limit.

    A row is (label, value, lower, upper, tone); the tone may be a tone or a state ("inconclusive", "not assessable"),
    and a state's word is printed in the row, so that the outcome never rests on colour. `allowed` names the side of the
    limit that is shaded as acceptable ("below", "above" or ""). A row without a value keeps its line, and says so.
    """
    if allowed not in ("below", "above", ""):
        raise ValueError(f"expected allowed='below', 'above' or '', got {allowed!r}")
    read = [_read(row, palette) for row in rows]
    width = svg.WIDTHS[size]
    left = min(svg.text_width([r.label for r in read]) + 20, 0.32 * width)
    labels = [svg.wrapped(r.label, left - 20) for r in read]
    tops = svg.row_tops(labels, _HEAD, _ROW)
    bottom = tops[-1]
    canvas = Canvas(width, max(120.0, bottom + _FOOT), palette)
    title, x_label, threshold_label = map(canvas.said, (title, x_label, threshold_label))
    headers = (
        x_label, canvas.said("Value"), canvas.said("Lower %(level)s", level=level),
        canvas.said("Upper %(level)s", level=level), canvas.said("Outcome"),
    )  # fmt: skip
    if not read:
        return canvas.no_data(title=title, description=description, headers=headers, size=size, key=key)

    ends = [v for r in read for v in (r.value, r.lower, r.upper) if v is not None]
    reach = [*ends, *(() if threshold is None else (threshold,)), *((0.0,) if x_range is None else x_range)]
    low, high = span(reach, pad=0.06)
    if x_range is not None:
        low, high = min(reach), max(reach)
    elif min(reach) >= 0:
        low = 0.0  # a gap starts at none
    words, right = _notes(read, width)
    x = Scale(low, high, left, width - right)

    _ground(canvas, x, tops, threshold, threshold_label, allowed, x_label)
    for row, label, top, end in zip(read, labels, tops, tops[1:], strict=False):
        canvas.lines("c-label", 8, (top + end) / 2 + 4, label)
        _row(canvas, row, x, (top + end) / 2, words)
    table = Table(
        headers,
        tuple((r.label, svg.number(r.value), svg.number(r.lower), svg.number(r.upper), r.word or r.tone) for r in read),
    )
    told = description or _summary(canvas, read, threshold, threshold_label, level)
    return canvas.finish(title=title, description=told, table=table, size=size, key=key)


def _notes(read: Sequence[_Row], width: float) -> tuple[float | None, float]:
    """What the outcomes' words take before the figures (None: the figures stand below them), and both together."""
    word = svg.text_width([r.word for r in read], bold=True)
    beside = svg.text_width([r.word for r in read if r.figures], bold=True)
    beside += 10 if beside else 0
    figures = svg.text_width([r.figures for r in read])
    if max(beside + figures, word) + 20 <= 0.46 * width:
        return beside, max(beside + figures, word) + 20
    return None, max(word, figures) + 20


def _read(row: IntervalRow, palette: Palette) -> _Row:
    label, value, lower, upper, tone = row
    point, low, high = svg.finite(value), svg.finite(lower), svg.finite(upper)
    if low is not None and high is not None and low > high:
        raise ValueError(f"row {label!r}: expected lower <= upper, got {low} > {high}; swap them")
    known = state_key(tone) in STATES
    word = svg.said(look_of(tone).label, palette) if known else ""
    name = look_of(tone).tone if known else str(tone)
    if name not in TONES:
        raise ValueError(f"row {label!r}: expected a state or a tone out of {', '.join(TONES)}, got {tone!r}")
    return _Row(str(label), point, low, high, name, word, palette)


def _ground(
    canvas: Canvas, x: Scale, tops: list[float], threshold: float | None, words: str, allowed: str, x_label: str
) -> None:
    bottom = tops[-1]
    for top, end in list(zip(tops, tops[1:], strict=False))[1::2]:
        canvas.shape("rect", "c-stripe", x=0, y=top, width=canvas.width, height=end - top)
    if threshold is not None and allowed:
        start, end = (x.start, x(threshold)) if allowed == "below" else (x(threshold), x.end)
        canvas.shape("rect", "c-allowed", x=start, y=_HEAD, width=end - start, height=bottom - _HEAD)
    places = ticks(x.low, x.high, count=max(2, int((x.end - x.start) / 60)))
    for place, label in zip(places, tick_labels(places), strict=True):
        canvas.line("c-grid", x(place), _HEAD, x(place), bottom)
        canvas.text("c-text", x(place), bottom + 18, label, "middle")
    canvas.line("c-axis", x.start, bottom, x.end, bottom)
    if x.low < 0 < x.high:
        canvas.line("c-axis", x(0), _HEAD, x(0), bottom)
    if threshold is not None:
        canvas.line("c-threshold", x(threshold), _HEAD - 4, x(threshold), bottom)
        canvas.text("c-threshold-text", x(threshold), _HEAD - 10, f"{words} {svg.number(threshold)}", "middle")
    canvas.text("c-strong", (x.start + x.end) / 2, bottom + 38, x_label, "middle")


def _row(canvas: Canvas, row: _Row, x: Scale, y: float, words: float | None) -> None:
    role = f"t-{row.tone}"
    if row.lower is not None and row.upper is not None:
        a, b = svg.at(x(row.lower)), svg.at(x(row.upper))
        ends = f"M{a} {svg.at(y - 5)}V{svg.at(y + 5)}M{b} {svg.at(y - 5)}V{svg.at(y + 5)}"
        canvas.shape("path", f"c-whisker {role}", d=f"M{a} {svg.at(y)}H{b}{ends}")
    if row.value is not None:
        _mark(canvas, row.tone, role, x(row.value), y)
    apart = svg.LEADING / 2 if words is None and row.word and row.figures else 0.0
    if row.word:
        canvas.text(f"c-tone-text {role}", x.end + 14, y + 4 - apart, row.word)
    if row.figures:
        canvas.text("c-label", x.end + 14 + (words or 0.0), y + 4 + apart, row.figures)


def _mark(canvas: Canvas, tone: str, role: str, x: float, y: float) -> None:
    """A shape per tone: circle for a pass, square for a failure or halt, diamond for what is undecided."""
    if tone in ("fail", "halt"):
        canvas.shape("rect", f"c-mark {role}", x=x - 5, y=y - 5, width=10, height=10)
    elif tone == "warn":
        corners = ((x, y - 7), (x + 7, y), (x, y + 7), (x - 7, y))
        points = " ".join(f"{svg.at(a)},{svg.at(b)}" for a, b in corners)
        canvas.shape("polygon", f"c-mark {role}", points=points)
    else:
        canvas.shape("circle", f"c-mark {role}", cx=x, cy=y, r=5.5)


def _summary(canvas: Canvas, rows: list[_Row], threshold: float | None, words: str, level: str) -> str:
    told = [f"{r.label}: {f'{r.word}, ' if r.word and r.figures else r.word}{r.figures}." for r in rows]
    told.append(canvas.said("Intervals are %(level)s confidence intervals.", level=level))
    if threshold is not None:
        told.append(canvas.said("The %(limit)s is %(value)s.", limit=words, value=svg.number(threshold)))
    return " ".join(told)
