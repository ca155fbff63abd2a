"""The register of breaches: facts, the duties that follow from them, answers to these, and the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Institution, User
from audits.domain.incidents.clocks import Clock, verdict, why_not
from audits.runtime.models import Incident
from core.context import governed
from core.errors import ApplicationError, Conflict
from protection.domain.duties import MANY, due_at, duty_book
from protection.models import Breach, BreachRecord

Answer = BreachRecord.Answer
FACTS = ("aware_at", "persons", "personal_data", "risk", "high_risk", "phi", "processor")


@dataclass(frozen=True)
class DutyView:
    """A duty of one breach.

    Attributes
    ----------
    state : "applies", "undetermined", "does_not_apply", "notified" or "not_notified"
        What is not known does not stop a duty. A person's answer comes first.
    """

    duty: Clock
    state: str
    due: datetime
    why: str
    record: BreachRecord | None

    @property
    def running(self) -> bool:
        return self.state in ("applies", "undetermined")

    @property
    def overdue(self) -> bool:
        return self.running and self.due < timezone.now()

    @property
    def late(self) -> bool:
        """Whether it was met after its time."""
        return self.record is not None and self.record.done_at is not None and self.record.done_at > self.due

    @property
    def badge(self) -> str:
        if self.running:
            return "overdue" if self.overdue else "due"
        return {"does_not_apply": "not_applicable", "notified": "done", "not_notified": "dismissed"}[self.state]


def known_of(breach: Breach) -> dict[str, bool | None]:
    """What is known of a breach, as the duties ask for it."""
    many = None if breach.persons is None else breach.persons >= MANY
    return {
        "gdpr": breach.personal_data, "hipaa": breach.phi, "risk": breach.risk, "high_risk": breach.high_risk,
        "processor": breach.processor, "many": many,
    }  # fmt: skip


def duties_of(breach: Breach) -> list[DutyView]:
    """All duties, those that run first, by the time at which they run out."""
    known = known_of(breach)
    answers: dict[str, BreachRecord] = {}
    for record in breach.records.all():  # oldest first: the newest answer counts
        if record.duty:
            answers[record.duty] = record
    found = []
    for duty in duty_book().clocks:
        answer, state = answers.get(duty.key), verdict(duty, known)
        why = why_not(duty, known, duty_book()) if state == "does_not_apply" else ""
        found.append(
            DutyView(duty, answer.answer if answer else state, due_at(duty, breach.aware_at), why, answer)
        )  # fmt: skip
    return sorted(found, key=lambda view: (not view.running, view.due, view.duty.key))


def breach_open(
    *, institution: Institution | None, incident: Incident | None, nature: str, actor: User, **facts: Any
) -> Breach:
    """Enter a breach in the register.

    Raises
    ------
    ApplicationError
        If what is said of it cannot be.
    """
    _refuse_impossible(nature, facts)
    with governed(action="breach.open", actor=actor.pk):
        return Breach.objects.create(
            institution=institution, incident=incident, nature=nature.strip(), recorded_by=actor,
            **{name: facts[name] for name in FACTS},
        )  # fmt: skip


def breach_facts(*, breach: Breach, revision: int, actor: User, **facts: Any) -> Breach:
    """Correct or complete the facts; each revision stays in the ledger."""
    _refuse_impossible(str(breach.nature), facts)
    with governed(action="breach.facts", actor=actor.pk):
        row = _locked(breach)
        if row.revision != revision:
            raise Conflict(
                _(
                    "Somebody changed these facts while you wrote: revision %(revision)s now, you began from "
                    "%(revision_2)s. Nothing was saved: look at the page, then enter yours again."
                )
                % {"revision": row.revision, "revision_2": revision}
            )
        for name in FACTS:
            setattr(row, name, facts[name])
        row.revision += 1
        row.save(update_fields=[*FACTS, "revision"])
        return row


def breach_answer(
    *, breach: Breach, duty: str, answer: str, text: str, actor: User, done_at: datetime | None = None
) -> BreachRecord:
    """Record that somebody was notified, that it was decided not to, or a remark (no duty).

    Raises
    ------
    ApplicationError
        If reasons or the moment are missing, or the moment cannot be.
    """
    if answer == Answer.REMARK:
        duty, done_at = "", None
    elif duty not in {one.key for one in duty_book().clocks}:
        raise ApplicationError("Choose the duty that this answers.")
    if not text.strip():
        raise ApplicationError(
            "Say what was told to whom under which reference, or why nobody is notified (Art. 33(1), 34(3)). It "
            "becomes part of the record."
        )
    if answer == Answer.NOTIFIED and (done_at is None or not breach.aware_at <= done_at <= timezone.now()):
        raise ApplicationError(
            _("Expected the moment of the notification, between %(aware_at)s UTC and now.")
            % {"aware_at": f"{breach.aware_at:%d %b %Y, %H:%M}"}
        )
    with governed(action=f"breach.{answer}", actor=actor.pk):
        row = _locked(breach)
        return BreachRecord.objects.create(
            breach=row, duty=duty, answer=answer, text=text.strip(), author=actor,
            done_at=done_at if answer == Answer.NOTIFIED else None,
        )  # fmt: skip


def breach_close(*, breach: Breach, actor: User) -> Breach:
    """Close a breach when every duty that runs was answered."""
    with governed(action="breach.close", actor=actor.pk):
        row = _locked(breach)
        if open_ := [view.duty.article for view in duties_of(row) if view.running]:
            raise Conflict(
                _("Answer every duty first: %(open)s still run. What is not known does not stop one.")
                % {"open": ", ".join(open_)}
            )
        row.closed_at, row.closed_by = timezone.now(), actor
        row.save(update_fields=["closed_at", "closed_by"])
        return row


def _locked(breach: Breach) -> Breach:
    row = Breach.objects.select_for_update(of=("self",)).get(pk=breach.pk)
    if row.closed_at is not None:
        raise Conflict("This breach is closed; nothing is added any more.")
    return row


def _refuse_impossible(nature: str, facts: dict[str, Any]) -> None:
    if not nature.strip():
        raise ApplicationError("Say what happened and which kinds of data are concerned. Name no patient.")
    if facts["aware_at"] > timezone.now():
        raise ApplicationError("Nobody can have become aware of it in the future.")
    if facts["high_risk"] and facts["risk"] is False:
        raise ApplicationError("A high risk is a risk: answer the two questions alike.")
