"""Horizontal bars, and the histogram of a null distribution with the observed value in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.charts import svg
from core.charts.scales import Scale, tick_labels, ticks
from core.charts.svg import Canvas, Chart, Palette, Size, Table
from core.tones import TONES, look_of

BarRow = tuple[str, float | None] | tuple[str, float | None, object]

_ROW, _HEAD, _FOOT = 28.0, 26.0, 46.0
_FEWEST_BINS, _MOST_BINS = 5, 40


def bar_chart(
    rows: Sequence[BarRow],
    *,
    title: str,
    description: str = "",
    x_label: str,
    threshold: float | None = None,
    threshold_label: str = "limit",
    x_range: tuple[float, float] | None = None,
    palette: Palette = "screen",
    size: Size = "m",
    key: str = "",
) -> Chart:
    """One horizontal bar a row, always from zero, with its value in figures.

    A row is (label, value) or (label, value, tone or state). A row that was not measured has no bar and says so.
    """
    read = [(str(r[0]), svg.finite(r[1]), _role(r[2]) if len(r) > 2 else "s1") for r in rows]
    width = svg.WIDTHS[size]
    left = min(svg.text_width([label for label, _, _ in read]) + 20, 0.36 * width)
    labels = [svg.wrapped(label, left - 20) for label, _, _ in read]
    tops = svg.row_tops(labels, _HEAD, _ROW)
    bottom = tops[-1]
    canvas = Canvas(width, max(120.0, bottom + _FOOT), palette)
    title, x_label, threshold_label = map(canvas.said, (title, x_label, threshold_label))
    headers = ("", x_label)
    values = [value for _, value, _ in read if value is not None]
    if not values:
        return canvas.no_data(title=title, description=description, headers=headers, size=size, key=key)

    reach = [0.0, *values, *(() if threshold is None else (threshold,)), *(x_range or ())]
    low, high = min(reach), max(reach)
    if x_range is None or low == high:
        high = high + ((high - low) * 0.04 or 1.0)
    right = svg.text_width([svg.number(value) for _, value, _ in read], bold=True) + 20
    x = Scale(low, high, left, width - right)

    _value_axis(canvas, x, bottom, x_label)
    for (_, value, role), label, top, end in zip(read, labels, tops, tops[1:], strict=False):
        middle = (top + end) / 2
        canvas.lines("c-label", 8, middle + 4, label)
        if value is not None:
            start, end = sorted((x(0.0), x(value)))
            canvas.shape("rect", f"c-bar {role}", x=start, y=middle - 8, width=max(end - start, 1.0), height=16)
        canvas.text("c-text" if value is None else "c-strong", width - right + 10, middle + 4, svg.number(value))
    canvas.line("c-axis", x(0.0), _HEAD, x(0.0), bottom)
    if threshold is not None:
        canvas.line("c-threshold", x(threshold), _HEAD - 4, x(threshold), bottom)
        words = f"{threshold_label} {svg.number(threshold)}"
        canvas.text("c-threshold-text", x(threshold), _HEAD - 10, words, _anchor(x, threshold, words))
    table = Table(headers, tuple((label, svg.number(value)) for label, value, _ in read))
    told = description or " ".join(f"{label}: {svg.number(value)}." for label, value, _ in read)
    return canvas.finish(title=title, description=told, table=table, size=size, key=key)


def histogram(
    values: Sequence[float | None],
    *,
    title: str,
    description: str = "",
    x_label: str,
    y_label: str = "Count",
    marker: float | None = None,
    marker_label: str = "observed",
    tail: str = "",
    bins: int | None = None,
    palette: Palette = "screen",
    size: Size = "m",
    key: str = "",
) -> Chart:
    """The distribution of `values` (a permutation null, say), with the observed value as a marked line.

    `tail="upper"` or `"lower"` shades the bins that lie wholly at or beyond the marker. Without `bins` their number
    follows Freedman and Diaconis, within 5 and 40.
    """
    if tail not in ("upper", "lower", ""):
        raise ValueError(f"expected tail='upper', 'lower' or '', got {tail!r}")
    if bins is not None and bins < 1:
        raise ValueError(f"expected at least one bin, got bins={bins}")
    kept = sorted(v for v in map(svg.finite, values) if v is not None)
    seen = svg.finite(marker)
    width = svg.WIDTHS[size]
    canvas = Canvas(width, 0.4 * width if size == "m" else 0.62 * width, palette)
    title, x_label, y_label, marker_label = map(canvas.said, (title, x_label, y_label, marker_label))
    headers = (x_label, y_label)
    if not kept:
        return canvas.no_data(title=title, description=description, headers=headers, size=size, key=key)

    edges, counts = _binned(kept, bins)
    reach = [edges[0], edges[-1], *(() if seen is None else (seen,))]
    room = (max(reach) - min(reach)) * 0.04
    peak = max(counts)
    marks = ticks(0, peak * 1.05, count=4, whole=True)
    left = svg.text_width(tick_labels(marks)) + 34
    x = Scale(min(reach) - room, max(reach) + room, left, width - 18)
    y = Scale(0, peak * 1.05, canvas.height - 46, 30)

    _count_axis(canvas, x, y, marks, x_label, y_label)
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        beyond = seen is not None and ((tail == "upper" and low >= seen) or (tail == "lower" and high <= seen))
        if count:
            size_x = max(x(high) - x(low) - 1, 0.6)
            role = "c-tail" if beyond else "c-hist"
            canvas.shape("rect", role, x=x(low) + 0.5, y=y(count), width=size_x, height=y(0) - y(count))
    canvas.line("c-axis", x.start, y.start, x.end, y.start)
    if seen is not None:
        canvas.line("c-observed", x(seen), 22, x(seen), y.start)
        words = f"{marker_label} {svg.number(seen)}"
        canvas.text("c-observed-text", x(seen), 14, words, _anchor(x, seen, words))
    rows = tuple(
        (canvas.said("%(low)s to %(high)s", low=svg.number(a), high=svg.number(b)), svg.number(c))
        for a, b, c in zip(edges, edges[1:], counts, strict=False)
    )
    told = description or _summary(canvas, kept, len(values) - len(kept), seen, marker_label)
    return canvas.finish(title=title, description=told, table=Table(headers, rows), size=size, key=key)


def _role(tone: object) -> str:
    return f"t-{tone if tone in TONES else look_of(tone).tone}"


def _anchor(x: Scale, place: float, words: str) -> str:
    """Where text at a vertical line must hang so that it stays inside the drawing."""
    half = len(words) * svg.CHARACTER / 2
    if x(place) + half > x.end + 10:
        return "end"
    return "start" if x(place) - half < 0 else "middle"


def _value_axis(canvas: Canvas, x: Scale, bottom: float, x_label: str) -> None:
    places = ticks(x.low, x.high, count=max(2, int((x.end - x.start) / 70)))
    for place, words in zip(places, tick_labels(places), strict=True):
        canvas.line("c-grid", x(place), _HEAD, x(place), bottom)
        canvas.text("c-text", x(place), bottom + 18, words, "middle")
    canvas.text("c-strong", (x.start + x.end) / 2, bottom + 38, x_label, "middle")


def _count_axis(canvas: Canvas, x: Scale, y: Scale, marks: tuple[float, ...], x_label: str, y_label: str) -> None:
    for place, words in zip(marks, tick_labels(marks), strict=True):
        canvas.line("c-grid", x.start, y(place), x.end, y(place))
        canvas.text("c-text", x.start - 8, y(place) + 4, words, "end")
    places = ticks(x.low, x.high, count=max(2, int((x.end - x.start) / 80)))
    for place, words in zip(places, tick_labels(places), strict=True):
        canvas.text("c-text", x(place), y.start + 18, words, "middle")
    canvas.text("c-strong", (x.start + x.end) / 2, canvas.height - 8, x_label, "middle")
    canvas.text("c-strong", 13, (y.start + y.end) / 2, y_label, "middle", turn=True)


def _binned(kept: list[float], bins: int | None) -> tuple[list[float], list[int]]:
    """Equal bins over sorted values; the last one includes its upper edge."""
    low, high = kept[0], kept[-1]
    if low == high:
        room = abs(low) * 0.05 or 0.5
        return [low - room, low + room], [len(kept)]
    count = bins or _bin_count(kept)
    step = (high - low) / count
    counts = [0] * count
    for value in kept:
        counts[min(int((value - low) / step), count - 1)] += 1
    return [low + step * i for i in range(count)] + [high], counts


def _bin_count(kept: list[float]) -> int:
    n = len(kept)
    spread = kept[(3 * n) // 4 if n > 1 else 0] - kept[n // 4]
    if spread <= 0:
        return _FEWEST_BINS
    wanted = (kept[-1] - kept[0]) / (2 * spread / n ** (1 / 3))
    return min(max(math.ceil(wanted), _FEWEST_BINS), _MOST_BINS)


def _summary(canvas: Canvas, kept: list[float], left_out: int, seen: float | None, words: str) -> str:
    reach = {"n": f"{len(kept):,}", "low": svg.number(kept[0]), "high": svg.number(kept[-1])}
    told = [canvas.said("%(n)s values from %(low)s to %(high)s.", **reach)]
    if left_out:
        told.append(canvas.said("%(n)s were not measured.", n=f"{left_out:,}"))
    if seen is not None:
        beyond = f"{sum(v >= seen for v in kept):,}"
        told.append(
            canvas.said(
                "The %(what)s value is %(value)s; %(n)s values are at or above it.",
                what=words, value=svg.number(seen), n=beyond,
            )
        )  # fmt: skip
    return " ".join(told)
