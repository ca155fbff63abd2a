"""The report's drawings, in literal colours for print. A chart without data is left out: its table says so already."""

from __future__ import annotations

from typing import Any

from audits.posthoc.assembly import Window, records
from audits.posthoc.assembly.window import identifier
from core.charts import Chart, bar_chart, interval_chart, line_chart
from federation.domain.round_metrics import headline_metric
from federation.domain.run_config import MODEL_NAMES
from federation.models import TrainingRun
from federation.presentation.model_words import label_of

MOST_RUNS = 3  # drawn; the table has them all
MOST_ROWS = 20


def draw(facts: dict[str, Any], window: Window) -> dict[str, str]:
    """Place in the report -> SVG. Built from the same facts as the text, and from the runs' rounds."""
    drawn = {
        "audits.scores": _scores(facts["audits"]),
        "deployments.served": _served(facts["deployments"]),
        "incidents.gaps": _gaps(facts["incidents"]),
    }
    latest = [run for run in reversed(window.once(records.runs)) if len(records.done_rounds(run, window)) > 1]
    for number, run in enumerate(latest[:MOST_RUNS]):
        drawn[f"training.rounds-{number}"] = _rounds(run, window)
    return {place: str(chart.svg) for place, chart in drawn.items() if chart is not None}


def _scores(audits: list[dict[str, Any]]) -> Chart | None:
    rows = [
        (f"{audit['id']}: {audit['model']}", bias["score"], bias["low"], bias["high"], bias["verdict"].lower())
        for audit in audits
        if (bias := audit["bias"]) is not None
    ]
    if not rows:
        return None
    limits = {audit["bias"]["threshold"] for audit in audits if audit["bias"] is not None}
    return interval_chart(
        rows[-MOST_ROWS:], threshold=limits.pop() if len(limits) == 1 else None, title="Bias score of each audit",
        x_label="Bias score (0: all groups fare alike)", palette="print",
    )  # fmt: skip


def _served(deployments: list[dict[str, Any]]) -> Chart | None:
    rows = [(f"{row['id']}: {row['model']}", row["predictions"], row["state"]) for row in deployments]
    if not any(predictions for _, predictions, _ in rows):
        return None
    return bar_chart(
        rows[-MOST_ROWS:], title="Predictions served in the period", x_label="Predictions", palette="print",
        key="served",
    )  # fmt: skip


def _gaps(incidents: list[dict[str, Any]]) -> Chart | None:
    rows = [
        (f"{row['id']}: {row['metric']}", row["gap"], "halted" if row["reinstatement"] is None else "reinstated")
        for row in incidents
        if row.get("gap") is not None
    ]
    if not rows:
        return None
    return bar_chart(
        rows[-MOST_ROWS:], title="Gap between groups at each automatic halt", x_label="Gap", palette="print",
        key="gaps", x_range=(0.0, max(0.2, *(gap for _, gap, _ in rows))),
    )  # fmt: skip


def _rounds(run: TrainingRun, window: Window) -> Chart:
    metric = headline_metric(run.federation.task)
    names = {name: label_of(run.config, name) for name in MODEL_NAMES}
    series = {
        shown: [
            (done.number, ((done.metrics.get(name) or {}).get("overall") or {}).get(metric, {}).get("mean"))
            for done in records.done_rounds(run, window)
        ]
        for name, shown in names.items()
    }
    return line_chart(
        series, title=f"{identifier('RUN', run.id)}: {metric} by round", x_label="Round", y_label=metric,
        palette="print", key=run.id.hex[:6],
    )  # fmt: skip
