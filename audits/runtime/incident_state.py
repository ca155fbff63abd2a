"""How an incident stands: its clocks, what is noted, and what its next state still needs. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.domain.incidents.clocks import Clock, clock_book, verdict, why_not
from audits.runtime.incident_opening import regimes_of
from audits.runtime.models import Incident, IncidentRecord, IncidentTask
from audits.runtime.querysets import IncidentQuerySet

Kind, Answer, Action, State = (
    IncidentRecord.Kind, IncidentRecord.Answer, IncidentRecord.Action, Incident.State,
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What is known of an incident now."""

    aware_at: datetime
    known: dict[str, bool | None]
    record: IncidentRecord | None  # None: nobody has answered, only the deployment's regimes are known


@dataclass(frozen=True)
class ClockView:
    """A regulator clock of one incident.

    Attributes
    ----------
    state : "applies", "undetermined", "does_not_apply" or "done"
        "undetermined" while a fact is not known; its time runs like one that applies.
    why : str
        Why it does not apply, or the reference of the report.
    record : IncidentRecord or None
        The officer's own answer, if one was given; else the facts decide.
    """

    clock: Clock
    state: str
    due: datetime
    why: str
    record: IncidentRecord | None

    @property
    def running(self) -> bool:
        return self.state in ("applies", "undetermined")

    @property
    def overdue(self) -> bool:
        return self.running and self.due < timezone.now()

    @property
    def badge(self) -> str:
        return "overdue" if self.overdue else {"applies": "due", "undetermined": "due"}.get(self.state, self.state)


def facts_of(incident: Incident) -> Facts:
    """The newest answers; before any, the moment of the halt and the regimes of the deployment."""
    record = _newest(incident, Kind.FACTS)
    under = regimes_of(incident.halt)
    known: dict[str, bool | None] = dict.fromkeys(clock_book().questions)
    known |= {name: name in under for name in clock_book().regimes}
    if record is None:
        return Facts(incident.created_at, known, None)
    return Facts(datetime.fromisoformat(record.data["aware_at"]), {**known, **record.data["known"]}, record)


def clocks_of(incident: Incident) -> list[ClockView]:
    """All clocks, those that run first, by the time at which they run out."""
    facts = facts_of(incident)
    answers = {record.key: record for record in _records(incident) if record.kind == Kind.CLOCK}  # oldest first
    found = [_clock_view(clock, facts, answers.get(clock.key)) for clock in clock_book().clocks]
    return sorted(found, key=lambda view: (not view.running, view.due, view.clock.key))


def _clock_view(clock: Clock, facts: Facts, answer: IncidentRecord | None) -> ClockView:
    due = clock.due(facts.aware_at)
    if answer is not None:
        return ClockView(clock, answer.answer, due, str(answer.text), answer)
    return ClockView(clock, verdict(clock, facts.known), due, why_not(clock, facts.known, clock_book()), None)


def note_of(incident: Incident, kind: str) -> IncidentRecord | None:
    """The newest note of a kind: downtime plan, root cause, corrective action."""
    return _newest(incident, kind)


def approved_plan(incident: Incident) -> str:
    """The clinical downtime plan that was approved with the deployment's policy; empty if there is none."""
    return str(incident.deployment.policy.get("downtime_plan", ""))


def _records(incident: Incident) -> list[IncidentRecord]:
    return list(incident.records.all())  # prefetched by `with_details`, in the order in which they were written


def _newest(incident: Incident, kind: str) -> IncidentRecord | None:
    return next((record for record in reversed(_records(incident)) if record.kind == kind), None)


def with_details(queryset: IncidentQuerySet) -> IncidentQuerySet:
    """Everything that the pages and the API show of incidents, in a fixed number of queries."""
    named = queryset.select_related(
        "halt__halted_by", "halt__deployment", "deployment__version__model", "responsible", "look_back"
    )
    return named.prefetch_related(
        Prefetch("records", IncidentRecord.objects.select_related("author").order_by("created_at")),
        Prefetch("tasks", IncidentTask.objects.select_related("owner", "done_by", "created_by")),
    )


def missing(incident: Incident) -> list[str]:
    """What the next state still needs, in sentences; empty if it can be entered."""
    if incident.state == State.OPEN:
        lacks = [] if incident.responsible_id else [_("a responsible officer")]
        planned = note_of(incident, Kind.DOWNTIME) or approved_plan(incident)
        return lacks + ([] if planned else [_("the clinical downtime plan")])
    if incident.state == State.CONTAINED:
        lacks = [] if note_of(incident, Kind.ROOT_CAUSE) else [_("the root cause")]
        return lacks + ([] if note_of(incident, Kind.ACTION) else [_("a corrective action")])
    if incident.state == State.RESOLVED:
        return _missing_to_close(incident)
    return []


def _missing_to_close(incident: Incident) -> list[str]:
    lacks = [
        _("the clock %(article)s: report it, or say why it does not apply") % {"article": view.clock.article}
        for view in clocks_of(incident)
        if view.running
    ]
    lacks += [_("the task “%(task)s”") % {"task": task.title} for task in incident.tasks.all() if task.done_at is None]
    look_back = incident.look_back
    if look_back.built_at is None:
        lacks.append(_("the list of the look-back, which is still being made"))
    elif waiting := look_back.cases.waiting().count():
        lacks.append(_("re-reading and disclosure of %(n)s cases of the look-back") % {"n": waiting})
    return lacks
