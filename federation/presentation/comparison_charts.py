"""Comparisons as drawings: differences with their intervals, and the course over the rounds."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from core.charts import Chart, Series, interval_chart, line_chart
from federation.presentation.charts import METRIC_WORDS
from federation.presentation.run_result import Row, RunResult


def sites_chart(result: RunResult) -> Chart | None:
    """The difference at the end: all sites, and each of them."""
    if not result.by_site or not result.end.n:
        return None
    return _differences(result.metric, [Row(_("All sites"), result.end), *result.by_site], "sites")


def difference_by_round(result: RunResult) -> Chart | None:
    """The paired difference after each round, with its interval as a band."""
    found = [(float(number), each) for number, each in result.by_round]
    if not any(each.n for _, each in found):
        return None
    words = _(METRIC_WORDS[result.metric])
    line = Series(
        _("Difference"), [(x, e.difference) for x, e in found], band=[(x, e.lower, e.upper) for x, e in found]
    )
    return line_chart(
        [line], title=_("%(metric)s by round: quantum model minus the other") % {"metric": words}, x_label="Round",
        y_label="Difference", threshold=0.0, threshold_label="no difference", size="s",
    )  # fmt: skip


def forest(results: Sequence[RunResult]) -> Chart | None:
    return _differences(results[0].metric, [Row(result.run.name, result.end) for result in results], "runs")


def _differences(metric: str, rows: Sequence[Row], key: str) -> Chart:
    words = _(METRIC_WORDS[metric])
    drawn = [(row.label, row.found.difference, row.found.lower, row.found.upper, row.tone) for row in rows]
    return interval_chart(
        drawn, threshold=None,
        title=_("%(metric)s: quantum model minus the one beside it, same patients") % {"metric": words},
        x_label="Difference; above 0 the quantum model is better", key=key,
    )  # fmt: skip


def course(results: Sequence[RunResult]) -> Chart | None:
    words = _(METRIC_WORDS[results[0].metric])
    lines = []
    for number, result in enumerate(results, start=1):
        mark = f" {number}" if len(results) > 1 else ""
        lines += [(f"{short}{mark}", result.course(model)) for model, short in result.short.items()]
    return line_chart(
        lines[: 2 * 3],
        title=_("%(metric)s by round, all sites") % {"metric": words},
        x_label="Round",
        y_label=words,
        key="course",
    )  # beyond three runs lines cannot be told apart; the table and the export hold them all
