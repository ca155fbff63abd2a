"""What the deployment's pages show, read from counters, roll-ups and the monitor's summary; never from the rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from accounts.models import Membership, User
from audits.domain.monitor.policy import BETTING, E_SR
from audits.runtime import services, summary
from audits.runtime.models import DeploymentCounter, Halt, MonitorState, Reinstatement
from audits.runtime.rollups import SERVED, Rate, group_rates, served_by_hour
from core.charts import Chart, Series, interval_chart, line_chart
from models_registry.models import ApprovalRequest, Deployment
from provenance.models import Entry

BATCHES_SHOWN = 8
LINES = 6  # streams drawn; all are in the gap chart
FLOOR = -2.0  # lost wealth below this is drawn at it: how much was lost says nothing more
HOURS = 48
METRICS = {
    "tpr": "True positive rate",
    "fpr": "False positive rate",
    "accuracy": "Accuracy",
    "dice": "Dice",
    SERVED: "Flagged share",
}
SHORT = {"tpr": "TPR", "fpr": "FPR", "accuracy": "Accuracy", "dice": "Dice", SERVED: "Flagged"}  # beside lines
DETECTORS = {BETTING: "Betting wealth", E_SR: "e-SR evidence"}


@dataclass(frozen=True)
class Standing:
    """The state in one look: whether anything is served, why not, and who must act."""

    state: str  # a state of core.tones
    title: str
    text: str
    halt: Halt | None
    votes: list[Reinstatement]
    voters: list[Membership]
    halt_seq: int | None  # ledger entry
    evidence: tuple[float, float] | None  # log10 of the evidence at the halt, and of the limit
    position: int
    outcomes: int
    predictions: int
    limit: int | None


@dataclass(frozen=True)
class GroupRow:
    attribute: str
    group: str
    rates: list[Rate]


def standing(deployment: Deployment) -> Standing:
    halt = Halt.objects.open().filter(deployment=deployment).select_related("halted_by", "deployment__version__model")
    open_halt = halt.first() if deployment.state == Deployment.State.HALTED else None
    counter = DeploymentCounter.objects.filter(deployment=deployment).first() or DeploymentCounter()
    monitor = MonitorState.objects.filter(deployment=deployment).first()
    state, title, text = _words(deployment, open_halt, monitor)
    return Standing(
        state=state, title=title, text=text, halt=open_halt,
        votes=list(open_halt.reinstatements.select_related("officer", "institution")) if open_halt else [],
        voters=services.voters(open_halt) if open_halt else [],
        halt_seq=ledger_seqs([open_halt.id]).get(str(open_halt.id)) if open_halt else None,
        evidence=_evidence(open_halt), position=monitor.position if monitor else 0,
        outcomes=counter.outcomes, predictions=counter.predictions,
        limit=deployment.policy.get("max_predictions"),
    )  # fmt: skip


def _evidence(halt: Halt | None) -> tuple[float, float] | None:
    alarm = halt.alarm if halt else {}
    if alarm.get("log_evidence") is None or alarm.get("log_limit") is None:
        return None
    return alarm["log_evidence"] / math.log(10), alarm["log_limit"] / math.log(10)


def _words(deployment: Deployment, halt: Halt | None, monitor: MonitorState | None) -> tuple[str, str, str]:
    if deployment.state == Deployment.State.REVOKED:
        return "revoked", "Revoked", "Nothing is predicted, for good. A new deployment needs a new approval."
    if deployment.state == Deployment.State.HALTED:
        return "halted", "Halted: nothing is predicted", halt.reason if halt else "No reason is on record."
    if deployment.kind == ApprovalRequest.Kind.SHADOW:
        text = "Answers are stored for evaluation and withheld from care."
        return "shadow", "Shadow: predictions are not for care", text
    if monitor is not None and monitor.amber:
        text = "Predictions are served. The monitor has warnings below; a warning halts nothing."
        return "active", "Active, with warnings", text
    return "active", "Active", "Predictions are served. No alarm does not mean that fairness was shown."


def ledger_seqs(ids: list) -> dict[str, int]:
    """The newest ledger entry about each of some governed rows."""
    rows = Entry.objects.filter(object_id__in=[str(i) for i in ids]).order_by()
    return dict(rows.values_list("object_id").annotate(Max("seq")))


def may_vote(user: User, place: Standing) -> bool:
    return any(membership.user_id == user.id for membership in place.voters)


def monitor_view(deployment: Deployment) -> dict[str, Any]:
    """Charts, warnings and tables of the live part of the page."""
    monitor = MonitorState.objects.filter(deployment=deployment).first()
    told = monitor.summary if monitor else {}
    batches = list(deployment.batches.all()[:BATCHES_SHOWN])
    seqs = ledger_seqs([batch.id for batch in batches])
    return {
        "place": standing(deployment),
        "monitor": monitor,
        "note": told.get("note", ""),
        "alarms": told.get("alarms", []),
        "watched": bool(told.get("streams")),
        "quorum": quorum(),
        "epoch": {"number": len(told.get("epochs", [])), "start": summary.epoch_start(told)},
        "gaps": gap_chart(told),
        "evidence": [evidence_chart(told, rule) for rule in told.get("detectors", [])],
        "served": served_chart(deployment),
        "batches": [(batch, seqs.get(str(batch.id))) for batch in batches],
        **group_table(deployment),
    }


def stream_name(stream: dict) -> str:
    return f"{SHORT.get(stream['metric'], stream['metric'])} {stream['first']} / {stream['second']}"


def gap_chart(told: dict) -> Chart | None:
    """Each stream's gap so far, with a plain interval that informs and decides nothing."""
    streams = told.get("streams", [])
    if not streams:
        return None
    return interval_chart(
        [(stream_name(s), s["gap"], s["lower"], s["upper"], "halted" if s["halted"] else "info") for s in streams],
        threshold=told["threshold"], title="Gap between groups so far", x_label="Mean difference of pairs",
        x_range=(0.0, 0.3), threshold_label="tolerated",
    )  # fmt: skip


def evidence_chart(told: dict, rule: str) -> Chart:
    """The streams with the most evidence against the halting line, over the outcomes told."""
    streams, history, limit = told["streams"], told["history"], told["limits"][rule]
    top = sorted(range(len(streams)), key=lambda i: -(streams[i][rule] if streams[i][rule] is not None else -math.inf))
    lines = [
        Series(stream_name(streams[i]), [(point["position"], _floored(point[rule][i])) for point in history])
        for i in sorted(top[:LINES])
    ]
    shown = f"The {LINES} streams with the most evidence of {len(streams)}. " if len(streams) > LINES else ""
    last = [f"{stream_name(streams[i])}: {_said(streams[i][rule])}." for i in top[:LINES]]
    return line_chart(
        lines, title=f"{DETECTORS[rule]} against the halting line", x_label="Outcomes told", y_label="log10",
        threshold=limit, threshold_label="halts at", y_range=(FLOOR, limit + 0.5), key=rule,
        description=f"{shown}{' '.join(last)} Halts at {limit:.2f}. Values below {FLOOR:g} are drawn at {FLOOR:g}.",
    )  # fmt: skip


def _floored(value: float | None) -> float:
    return FLOOR if value is None else max(FLOOR, value)


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def served_chart(deployment: Deployment) -> Chart:
    """Predictions an hour; an hour without any is 0, not missing."""
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    found = dict(served_by_hour(deployment, now - timedelta(hours=HOURS)))
    points = []
    if found:
        first = min(min(found), now - timedelta(hours=6))
        hours = int((now - first).total_seconds() // 3600)
        points = [(first + timedelta(hours=i), found.get(first + timedelta(hours=i), 0)) for i in range(hours + 1)]
    return line_chart(
        {"Predictions": points}, title=f"Predictions an hour, last {HOURS} hours", x_label="Hour (UTC)",
        y_label="Predictions", y_range=(0, 1),
    )  # fmt: skip


def group_table(deployment: Deployment) -> dict[str, Any]:
    """Metrics by group from the roll-ups, in the order of the policy's metrics."""
    rates = group_rates(deployment)
    known = {metric for groups in rates.values() for found in groups.values() for metric in found}
    metrics = [metric for metric in METRICS if metric in known]
    nobody = Rate(0, None, None, None)
    rows = [
        GroupRow(attribute, group, [found.get(metric, nobody) for metric in metrics])
        for attribute, groups in rates.items()
        for group, found in groups.items()
    ]
    return {"group_metrics": [METRICS[metric] for metric in metrics], "group_rows": rows}


def quorum() -> dict[str, int]:
    return {"officers": settings.OFFICERS_REQUIRED, "institutions": settings.INSTITUTIONS_REQUIRED}
