"""What the deployment's pages show, read from counters, roll-ups and the monitor's summary; never from the rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Membership, User
from audits.runtime import history, services, streams, summary
from audits.runtime.models import DeploymentCounter, Halt, MonitorState, Reinstatement
from core.charts import Chart, Mark, Series, interval_chart, line_chart
from models_registry.models import ApprovalRequest, Deployment
from provenance.models import Entry

BATCHES_SHOWN = 8
LINES = 6  # streams drawn; all are in the gap chart
FLOOR = -2.0  # lost wealth below this is drawn at it: how much was lost says nothing more


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

    @property
    def waiting(self) -> int:
        """Outcomes that the monitor has not folded yet."""
        return max(0, self.outcomes - self.position)


def standing(deployment: Deployment) -> Standing:
    halt = Halt.objects.open().filter(deployment=deployment).select_related("halted_by", "deployment__version__model")
    open_halt = halt.first() if deployment.state == Deployment.State.HALTED else None
    counter = DeploymentCounter.objects.filter(deployment=deployment).first() or DeploymentCounter()
    monitor = MonitorState.objects.filter(deployment=deployment).first()
    state, title, text = _words(deployment, open_halt, monitor)
    return Standing(
        state=state, title=title, text=text, halt=open_halt,
        votes=list(open_halt.reinstatements.standing().select_related("officer", "institution")) if open_halt else [],
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
        return "revoked", _("Revoked"), _("Nothing is predicted, for good. A new deployment needs a new approval.")
    if deployment.state == Deployment.State.HALTED:
        return "halted", _("Halted: nothing is predicted"), halt.reason if halt else _("No reason is on record.")
    if deployment.kind == ApprovalRequest.Kind.SHADOW:
        text = _("Answers are stored for evaluation and withheld from care.")
        return "shadow", _("Shadow: predictions are not for care"), text
    if monitor is not None and monitor.amber:
        text = _("Predictions are served. The monitor has warnings below; a warning halts nothing.")
        return "active", _("Active, with warnings"), text
    return "active", _("Active"), _("Predictions are served. No alarm does not mean that fairness was shown.")


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
    place = standing(deployment)
    rows = streams.rows(told, history.outcomes_an_hour(deployment, timezone.now()))
    return {
        "place": place,
        "monitor": monitor,
        "waiting_note": _("by the monitor, %(n)s wait") % {"n": f"{place.waiting:,}"},
        "note": told.get("note", ""),
        "alarms": sorted(told.get("alarms", []), key=_first_crossed),
        "watched": bool(told.get("streams")),
        "quorum": quorum(),
        "epoch": {"number": len(told.get("epochs", [])), "start": summary.epoch_start(told)},
        "gaps": gap_chart(told),
        "evidence": [evidence_chart(told, rule) for rule in told.get("detectors", [])],
        "streams": rows,
        "streams_left": len(told.get("streams", [])) - len(rows),
        "soonest": streams.soonest(rows),
        "serving": deployment.state == Deployment.State.ACTIVE,
        "batches": [(batch, seqs.get(str(batch.id))) for batch in batches],
    }


def _first_crossed(alarm: dict[str, Any]) -> tuple[bool, int]:
    """Halts before warnings, and what crossed its limit first before what followed from it."""
    return alarm["level"] != "halt", alarm["position"]


def gap_chart(told: dict) -> Chart | None:
    """Each stream's gap so far, with a plain interval that informs and decides nothing."""
    rows = told.get("streams", [])
    if not rows:
        return None
    return interval_chart(
        [(streams.name_of(s), s["gap"], s["lower"], s["upper"], "halted" if s["halted"] else "info") for s in rows],
        threshold=told["threshold"], title="Gap between groups so far", x_label="Mean difference of pairs",
        x_range=(0.0, 0.3), threshold_label="tolerated",
    )  # fmt: skip


def evidence_chart(told: dict, rule: str) -> Chart:
    """The streams with the most evidence against the halting line, over the outcomes told."""
    rows, points, limit = told["streams"], told["history"], told["limits"][rule]
    top = sorted(range(len(rows)), key=lambda i: -(rows[i][rule] if rows[i][rule] is not None else -math.inf))
    lines = [
        Series(streams.name_of(rows[i]), [(point["position"], _floored(point[rule][i])) for point in points])
        for i in sorted(top[:LINES])
    ]
    told_of = [f"{streams.name_of(rows[i])}: {_said(rows[i][rule])}." for i in top[:LINES]]
    if len(rows) > LINES:
        told_of.insert(0, _("The %(n)s streams with the most evidence of %(all)s.") % {"n": LINES, "all": len(rows)})
    told_of.append(
        _("Halts at %(limit)s. Values below %(floor)s are drawn at %(floor)s.")
        % {"limit": f"{limit:.2f}", "floor": f"{FLOOR:g}"}
    )
    return line_chart(
        lines, title=_("%(detector)s against the halting line") % {"detector": _(streams.DETECTORS[rule])},
        x_label="Outcomes told", y_label="log10", threshold=limit, threshold_label="halts at",
        y_range=(FLOOR, limit + 0.5), key=rule,
        marks=evidence_marks(told),
        description=" ".join(told_of),
    )  # fmt: skip


def evidence_marks(told: dict) -> list[Mark]:
    """Where warnings began and streams halted, by outcome."""
    marks, before = [], False
    for point in told["history"]:
        if point.get("amber") and not before:
            marks.append(Mark(point["position"], "Amber", "warn"))
        before = bool(point.get("amber"))
    halts = sorted(at for stream in told["streams"] for at in stream["halted"].values())
    return marks + ([Mark(halts[0], "Halt", "halt")] if halts else [])


def _floored(value: float | None) -> float:
    return FLOOR if value is None else max(FLOOR, value)


def _said(value: float | None) -> str:
    return _("none") if value is None else f"{value:.2f}"


def quorum() -> dict[str, int]:
    return {"officers": settings.OFFICERS_REQUIRED, "institutions": settings.INSTITUTIONS_REQUIRED}
