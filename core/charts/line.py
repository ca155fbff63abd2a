"""Lines over rounds or time, with bands, a limit and their names; and the small line beside a figure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.charts import names, svg
from core.charts.scales import Scale, span, tick_labels, ticks, time_ticks
from core.charts.svg import Canvas, Chart, Palette, Size, Table

X = float | dt.datetime | dt.date
Points = Sequence[tuple[X, float | None]] | Sequence[float | None]

_MOST_MARKERS = 30  # beyond it markers would hide the line; the last point keeps one


@dataclass(frozen=True)
class Series:
    """One line. `points` are (x, y), or y alone for x = 1, 2, 3...; `band` holds (x, lower, upper) of an interval."""

    name: str
    points: Points
    band: Sequence[tuple[X, float | None, float | None]] = ()


@dataclass(frozen=True)
class Mark:
    """Something that happened at one x: a vertical line with its words above, in a tone of `core.tones`."""

    at: X
    words: str
    tone: str = "info"


@dataclass(frozen=True)
class _Line:
    name: str
    points: tuple[tuple[float, float | None], ...]
    band: tuple[tuple[float, float, float], ...]
    shown: dict[float, str]  # x -> its words in the table

    @property
    def measured(self) -> list[tuple[float, float]]:
        return [(x, y) for x, y in self.points if y is not None]


def line_chart(
    series: Mapping[str, Points] | Sequence[Series | tuple[str, Points]],
    *,
    title: str,
    description: str = "",
    x_label: str,
    y_label: str,
    threshold: float | None = None,
    threshold_label: str = "limit",
    y_range: tuple[float, float] | None = None,
    marks: Sequence[Mark] = (),
    palette: Palette = "screen",
    size: Size = "m",
    key: str = "",
) -> Chart:
    """Lines over a common x axis of numbers or of moments (UTC).

    A value that was not measured breaks its line. `y_range` is the least range shown: it grows to hold all data, so
    that nothing lies outside unseen. Series differ by colour, dash and marker, and are named in full: at their ends,
    or, where a name is too long for that, in a key below. The axis reaches to all `marks`; the description tells them.
    """
    width = svg.WIDTHS[size]
    lines = [_read(s) for s in _listed(series)]
    timed = any(isinstance(_x_of(p), dt.date) for s in _listed(series) for p in s.points)
    values = [y for ln in lines for _, y in ln.measured]
    canvas = Canvas(width, 0.46 * width if size == "m" else 0.62 * width, palette)
    title, x_label, y_label, threshold_label = map(canvas.said, (title, x_label, y_label, threshold_label))
    headers = (x_label, *(ln.name for ln in lines))
    if not values:
        return canvas.no_data(title=title, description=description, headers=headers, size=size, key=key)

    edges = [b for ln in lines for _, low, high in ln.band for b in (low, high)]
    reach = [*values, *edges, *(() if threshold is None else (threshold,))]
    y_low, y_high = span(reach)
    if y_range is not None:
        y_low, y_high = min(y_range[0], *reach), max(y_range[1], *reach)
    steps = ticks(y_low, y_high)
    left = svg.text_width(tick_labels(steps)) + 34
    named = len(lines) > 1
    at_ends = names.room_at_ends([ln.name for ln in lines], width) if named else None
    if at_ends is not None:
        canvas.height = max(canvas.height, 66 + names.LABEL_GAP * len(lines))
    y = Scale(y_low, y_high, canvas.height - 46, 22)
    xs = sorted({p[0] for ln in lines for p in ln.points} | {_place(mark.at) for mark in marks})
    x = Scale(*(span(xs) if xs[0] == xs[-1] else (xs[0], xs[-1])), left, width - (at_ends or 18.0))

    _axes(canvas, x, y, steps, xs, timed, x_label, y_label)
    _draw_marks(canvas, marks, x, y)
    if threshold is not None:
        words = f"{threshold_label} {svg.number(threshold)}"
        canvas.line("c-threshold", x.start, y(threshold), x.end, y(threshold))
        canvas.text("c-threshold-text", x.start + 4, y(threshold) - 5, words)
    for index, ln in enumerate(lines):
        _draw(canvas, ln, index, x, y)
    if at_ends is not None:
        names.name_at_ends(canvas, lines, x, y)
    elif named:
        names.name_below(canvas, lines)
    told = " ".join(
        [description or _summary(canvas, lines, threshold, threshold_label), *(_mark_words(canvas, m) for m in marks)]
    )
    return canvas.finish(title=title, description=told, table=_table(headers, lines), size=size, key=key)


def sparkline(
    values: Sequence[float | None],
    *,
    title: str,
    description: str = "",
    threshold: float | None = None,
    palette: Palette = "screen",
    key: str = "",
) -> Chart:
    """A line without axes, to stand beside a figure; its last value is marked."""
    canvas = Canvas(160, 32, palette)
    title, position = canvas.said(title), canvas.said("Position")
    line = _read(Series(title, values))
    if not line.measured:
        canvas.line("c-axis", 4, 16, 156, 16)
        table = Table((position, title))
        return canvas.finish(
            title=title, description=f"{canvas.said('No data yet')}.", table=table, size="spark", key=key
        )
    reach = [v for _, v in line.measured] + ([] if threshold is None else [threshold])
    y = Scale(*span(reach), 28, 4)
    x = Scale(1, max(len(values), 2), 4, 152)
    if threshold is not None:
        canvas.line("c-threshold", x.start, y(threshold), x.end, y(threshold))
    _path(canvas, line, 0, x, y)
    last = line.measured[-1]
    names.marker(canvas, 0, x(last[0]), y(last[1]))
    told = description or _summary(canvas, [line], threshold, canvas.said("limit"))
    return canvas.finish(title=title, description=told, table=_table((position, title), [line]), size="spark", key=key)


def _listed(series: Mapping[str, Points] | Sequence[Series | tuple[str, Points]]) -> list[Series]:
    rows = series.items() if isinstance(series, Mapping) else series
    return [row if isinstance(row, Series) else Series(*row) for row in rows]


def _x_of(point: object) -> object:
    return point[0] if isinstance(point, tuple | list) else None


def _place(value: X) -> float:
    """The position of an x on its axis: a moment counts in POSIX seconds; one without a zone is taken as UTC."""
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp()
    place = svg.finite(value)
    if place is None:
        raise ValueError(f"expected every x to be a finite number or a moment, got {value!r}; leave the point out")
    return place


def _read(series: Series) -> _Line:
    pairs: list[tuple[X, object]] = [
        (p[0], p[1]) if isinstance(p, tuple | list) else (i, p) for i, p in enumerate(series.points, start=1)
    ]
    shown = {_place(x): svg.moment(x) if isinstance(x, dt.date) else svg.number(x) for x, _ in pairs}
    band = [(_place(x), svg.finite(low), svg.finite(high)) for x, low, high in series.band]
    return _Line(
        name=series.name,
        points=tuple(sorted(((_place(x), svg.finite(y)) for x, y in pairs), key=lambda p: p[0])),
        band=tuple(sorted((x, low, high) for x, low, high in band if low is not None and high is not None)),
        shown=shown,
    )


def _axes(
    canvas: Canvas,
    x: Scale,
    y: Scale,
    marks: tuple[float, ...],
    xs: list[float],
    timed: bool,
    x_label: str,
    y_label: str,
) -> None:
    for place, words in zip(marks, tick_labels(marks), strict=True):
        canvas.line("c-grid", x.start, y(place), x.end, y(place))
        canvas.text("c-text", x.start - 8, y(place) + 4, words, "end")
    room = max(4, int((x.end - x.start) / 70))
    if timed:
        places, labels = time_ticks(x.low, x.high, count=room)
    else:
        places = ticks(x.low, x.high, count=min(room, 10), whole=all(v == int(v) for v in xs))
        labels = tick_labels(places)
    canvas.line("c-axis", x.start, y.start, x.end, y.start)
    for place, words in zip(places, labels, strict=True):
        canvas.line("c-axis", x(place), y.start, x(place), y.start + 4)
        canvas.text("c-text", x(place), y.start + 18, words, "middle")
    canvas.text("c-strong", (x.start + x.end) / 2, canvas.height - 8, x_label, "middle")
    canvas.text("c-strong", 13, (y.start + y.end) / 2, y_label, "middle", turn=True)


def _draw(canvas: Canvas, line: _Line, index: int, x: Scale, y: Scale) -> None:
    if line.band:
        upper = [f"{svg.at(x(a))} {svg.at(y(high))}" for a, _, high in line.band]
        lower = [f"{svg.at(x(a))} {svg.at(y(low))}" for a, low, _ in reversed(line.band)]
        canvas.shape("path", f"c-band {names.role_of(index)}", d="M" + "L".join(upper + lower) + "Z")
    _path(canvas, line, index, x, y)
    marked = line.measured if len(line.measured) <= _MOST_MARKERS else [*_alone(line), line.measured[-1]]
    for a, b in marked:
        names.marker(canvas, index, x(a), y(b))


def _alone(line: _Line) -> list[tuple[float, float]]:
    """Measured points between two that were not: no stroke passes through them, so without a marker they are unseen."""
    values = [None, *(y for _, y in line.points), None]
    return [
        (x, y) for i, (x, y) in enumerate(line.points) if y is not None and values[i] is None and values[i + 2] is None
    ]


def _draw_marks(canvas: Canvas, marks: Sequence[Mark], x: Scale, y: Scale) -> None:
    """Words stand where there is room, from the left; a line without any is named in the description."""
    free = x.start
    for mark in sorted(marks, key=lambda m: _place(m.at)):
        place, width = x(_place(mark.at)), svg.text_width([canvas.said(mark.words)], bold=True)
        canvas.line(f"c-event t-{mark.tone}", place, y.end, place, y.start)
        start = min(max(place - width / 2, x.start), x.end - width)
        if start >= free:
            canvas.text(f"c-tone-text t-{mark.tone}", start + width / 2, 14, canvas.said(mark.words), "middle")
            free = start + width + 8


def _mark_words(canvas: Canvas, mark: Mark) -> str:
    at = svg.moment(mark.at) if isinstance(mark.at, dt.date) else svg.number(mark.at)
    return canvas.said("%(what)s at %(at)s.", what=canvas.said(mark.words), at=at)


def _path(canvas: Canvas, line: _Line, index: int, x: Scale, y: Scale) -> None:
    d, pen = "", False
    for a, b in line.points:
        if b is not None:
            d += f"{'L' if pen else 'M'}{svg.at(x(a))} {svg.at(y(b))}"
        pen = b is not None
    names.stroke(canvas, index, d)


def _table(headers: Sequence[str], lines: list[_Line]) -> Table:
    words = {place: said for ln in lines for place, said in ln.shown.items()}
    columns = [dict(ln.points) for ln in lines]
    rows = tuple((words[place], *(svg.number(c.get(place)) for c in columns)) for place in sorted(words))
    return Table(tuple(headers), rows)


def _summary(canvas: Canvas, lines: list[_Line], threshold: float | None, threshold_label: str) -> str:
    told = []
    for ln in lines:
        if not ln.measured:
            told.append(f"{ln.name}: {canvas.said(svg.NOT_MEASURED)}.")
            continue
        (first, a), (last, b) = ln.measured[0], ln.measured[-1]
        places = {"name": ln.name, "last": svg.number(b), "at": ln.shown[last]}
        if last == first:
            told.append(canvas.said("%(name)s: %(last)s at %(at)s.", **places))
            continue
        places |= {"first": svg.number(a), "began": ln.shown[first]}
        told.append(canvas.said("%(name)s: %(last)s at %(at)s, from %(first)s at %(began)s.", **places))
    if threshold is not None:
        told.append(canvas.said("The %(limit)s is %(value)s.", limit=threshold_label, value=svg.number(threshold)))
    return " ".join(told)
