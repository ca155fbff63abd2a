"""The charts that checks ask for, drawn from what was stored and from nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from core.charts import Chart, Series, bar_chart, histogram, interval_chart, line_chart
from core.charts.svg import Palette

logger = logging.getLogger(__name__)
# What a figure's options may name; the rest of a chart's arguments are the page's.
_OPTIONS = {
    "intervals": {"x_label", "threshold", "threshold_label", "allowed", "x_range", "level"},
    "bars": {"x_label", "threshold", "threshold_label", "x_range"},
    "histogram": {"x_label", "y_label", "marker", "marker_label", "tail", "bins"},
    "lines": {"x_label", "y_label", "threshold", "threshold_label", "y_range"},
}


def drawn(figures: Sequence[Mapping[str, Any]], *, key: str, palette: Palette = "screen") -> list[Chart]:
    """The charts that a check asked for. One that cannot be drawn is left out: its figures stand in the tables."""
    found = []
    for number, figure in enumerate(figures):
        try:
            found.append(_drawn(figure, f"{key}-{number}", palette))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            logger.warning("figure %s of %s cannot be drawn: %s", number, key, error)
    return found


def _drawn(figure: Mapping[str, Any], key: str, palette: Palette) -> Chart:
    kind, rows = figure["kind"], figure["rows"]
    options = {name: value for name, value in figure.get("options", {}).items() if name in _OPTIONS[kind]}
    for name in ("x_range", "y_range"):
        if name in options:
            options[name] = tuple(options[name])
    common: dict[str, Any] = {"title": figure["title"], "key": key, "palette": palette, **options}
    if kind == "intervals":
        return interval_chart([tuple(row) for row in rows], **{"threshold": None, **common})
    if kind == "bars":
        return bar_chart([tuple(row) for row in rows], **{"x_label": "", **common})
    if kind == "histogram":
        return histogram(rows, **{"x_label": "", **common})
    series = [
        Series(row[0], [tuple(p) for p in row[1]], [tuple(b) for b in row[2]] if len(row) > 2 else ()) for row in rows
    ]
    return line_chart(series, **{"x_label": "", "y_label": "", **common})
