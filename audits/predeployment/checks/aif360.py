"""AIF360's own metrics, for readers who know them by name. Reported without a verdict: they have no interval."""

from __future__ import annotations

from collections.abc import Sequence

from audits.domain.fairness.aif360_metrics import Aif360Value, aif360_metrics
from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Gathered, Principle, Result, Table
from audits.predeployment.checks.cells import CellsCheck, cells_of

_LARGEST = "equalized_odds_difference"
_NO_VERDICT = "AIF360 gives single figures without an interval, so no verdict is drawn from them."


class Aif360(CellsCheck):
    id = "aif360"
    title = "AIF360 metrics"
    principle = Principle.FAIRNESS
    question = "What do the metrics of AIF360 say, by the names that its readers know?"
    inputs = ("audit patients and their attributes",)
    measured_by = "bias_score"
    libraries = ("aif360",)

    def conclude(self, gathered: Gathered) -> Result:
        found, twin = (aif360_metrics(cells_of(gathered, model)) for model in ("primary", "baseline"))
        value, sentence = _worst(found)
        beside, _ = _worst(twin)
        also = "" if beside is None else f"That of the classical twin is {beside:.3f}."
        return Result(
            Verdict.NOT_ASSESSABLE,
            (sentence, *((also,) if also else ()), _NO_VERDICT),
            value,
            tables=(_table("Quantum model", found), _table("Classical twin", twin)),
            change="Nothing would: these figures inform.",
            evidence={
                "task": gathered.task, "rows": [row.as_dict() for row in found], "twin": [r.as_dict() for r in twin],
                "source": "the sites' confusion counts",
            },
        )  # fmt: skip


def _worst(rows: Sequence[Aif360Value]) -> tuple[float | None, str]:
    gaps = [(row.value, row) for row in rows if row.metric == _LARGEST and row.value is not None]
    value, worst = max(gaps, key=lambda pair: pair[0], default=(None, None))
    if worst is None:
        return None, "No pair of groups could be compared."
    pair = f"{worst.attribute} = {worst.group} and {worst.compared_with}"
    return value, f"The largest equalised-odds gap is {value:.3f}, between {pair}."


def _table(title: str, found: Sequence[Aif360Value]) -> Table:
    rows = tuple(
        (
            r.attribute or "all patients",
            r.metric.replace("_", " "),
            r.value,
            r.group or "",
            r.compared_with or "",
            r.reason or r.meaning,
        )
        for r in found
    )
    return Table(title, ("Attribute", "Metric", "Value", "Group", "Compared with", "What it means"), rows)
