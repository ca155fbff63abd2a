"""What people do about an incident. Each call is one governed transaction; what was said is added to, never changed.

Open, contained, resolved, closed: each step names what it needs (`missing`), and the next one is refused until it is
there.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Membership, User
from audits.domain.incidents.clocks import clock_book
from audits.runtime.incident_state import missing
from audits.runtime.models import Incident, IncidentRecord, IncidentTask
from core import vault
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from federation.models import Participant

MIN_TEXT, MAX_TEXT = 10, 4000
Kind, Answer, Action, State = (
    IncidentRecord.Kind, IncidentRecord.Answer, IncidentRecord.Action, Incident.State,
)  # fmt: skip
NOTES = (Kind.DOWNTIME, Kind.ROOT_CAUSE, Kind.ACTION, Kind.REMARK)


def incident_assign(*, incident: Incident, responsible: User, actor: User) -> Incident:
    """Name the responsible officer.

    Raises
    ------
    Forbidden
        If the actor is no ethics officer of the federation.
    ApplicationError
        If the person named is not one either.
    """
    _refuse_stranger(incident, actor)
    if responsible.id not in {membership.user_id for membership in people_of(incident, Role.ETHICS_OFFICER)}:
        raise ApplicationError("Expected an ethics officer of an institution that takes part.")
    with governed(action="incident.assign", actor=actor.id):
        locked = _locked(incident)
        _refuse_closed(locked)
        locked.responsible = responsible
        locked.save(update_fields=["responsible"])
    return locked


def incident_facts(*, incident: Incident, known: dict[str, Any], aware_at: datetime, actor: User) -> IncidentRecord:
    """Answer the questions that decide which clocks run.

    Parameters
    ----------
    known : dict
        Regime or fact to True, False or None (not known). A regime that is left out is the deployment's, a fact that
        is left out is not known.

    Raises
    ------
    ApplicationError
        If a question is unknown or an answer is none, or the moment of awareness lies in the future or long past.
    """
    _refuse_stranger(incident, actor)
    questions = clock_book().questions
    if unknown := set(known) - set(questions):
        raise ApplicationError(
            _("Expected facts among %(questions)s; got %(unknown)s.")
            % {"questions": ", ".join(questions), "unknown": ", ".join(sorted(unknown))}
        )
    if wrong := [name for name, value in known.items() if value not in (True, False, None)]:
        raise ApplicationError(_("Expected true, false or null for %(wrong)s.") % {"wrong": wrong[0]})
    if aware_at > timezone.now() or (incident.created_at - aware_at).days > 365:
        raise ApplicationError("Expected a moment of awareness within the year before the halt, not in the future.")
    data = {"aware_at": aware_at.isoformat(), "known": dict(known)}
    return _record(incident, actor, Kind.FACTS, "incident.facts", data=data)


def incident_clock(*, incident: Incident, clock: str, answer: str, text: str, actor: User) -> IncidentRecord:
    """Say of a clock that it applies, does not apply (with a reason), or was met (with the report's reference)."""
    _refuse_stranger(incident, actor)
    if clock not in (keys := [c.key for c in clock_book().clocks]):
        raise ApplicationError(
            _("Expected a clock among %(keys)s; got %(clock)s.") % {"keys": ", ".join(keys), "clock": f"{clock!r}"}
        )
    if answer not in Answer.values:
        raise ApplicationError(
            _("Expected an answer among %(values)s; got %(answer)s.")
            % {"values": ", ".join(Answer.values), "answer": f"{answer!r}"}
        )
    least = {Answer.APPLIES: 0, Answer.DONE: 3}.get(Answer(answer), MIN_TEXT)
    what = gettext_noop("the report's reference") if answer == Answer.DONE else gettext_noop("a reason")
    return _record(
        incident, actor, Kind.CLOCK, "incident.clock", key=clock, answer=answer, text=clean(text, what, least)
    )


def incident_note(*, incident: Incident, kind: str, text: str, actor: User, action: str = "") -> IncidentRecord:
    """Record the downtime plan, the root cause, a corrective action (one of four, with its reason) or a remark."""
    _refuse_stranger(incident, actor)
    if kind not in NOTES:
        raise ApplicationError(
            _("Expected a note among %(notes)s; got %(kind)s.") % {"notes": ", ".join(NOTES), "kind": f"{kind!r}"}
        )
    if kind == Kind.ACTION and action not in Action.values:
        raise ApplicationError(
            _("Expected a corrective action among %(values)s; got %(action)s.")
            % {"values": ", ".join(Action.values), "action": f"{action!r}"}
        )
    key = action if kind == Kind.ACTION else ""
    return _record(
        incident, actor, kind, f"incident.{kind}", key=key, text=clean(text, gettext_noop("a text"), MIN_TEXT)
    )


def incident_advance(*, incident: Incident, text: str, actor: User) -> Incident:
    """Enter the next state.

    Raises
    ------
    Conflict
        If it is closed, or something is missing; the message says what.
    """
    _refuse_stranger(incident, actor)
    reason = clean(text, gettext_noop("a reason"), MIN_TEXT)
    with governed(action="incident.advance", actor=actor.id, reason=reason):
        locked = _locked(incident)
        if locked.state == State.CLOSED:
            raise Conflict("This incident is closed.")
        if lacks := missing(locked):
            raise Conflict(
                _("The incident cannot become %(next)s: %(lacks)s.")
                % {"next": Incident.NEXT[State(locked.state)], "lacks": "; ".join(lacks)}
            )
        locked.state = Incident.NEXT[State(locked.state)]
        locked.closed_at = timezone.now() if locked.state == State.CLOSED else None
        locked.save(update_fields=["state", "closed_at"])
        IncidentRecord.objects.create(incident=locked, kind=Kind.STATE, key=locked.state, text=reason, author=actor)
    return locked


def task_create(*, incident: Incident, title: str, owner: User, due_on: date, actor: User) -> IncidentTask:
    """Give somebody of the federation something to do until a day."""
    _refuse_stranger(incident, actor)
    if owner.id not in {membership.user_id for membership in people_of(incident)}:
        raise ApplicationError("Expected an owner of an institution that takes part, or of the platform.")
    if due_on < timezone.now().date():
        raise ApplicationError(_("Expected a day from today on, got %(due_on)s.") % {"due_on": due_on})
    with governed(action="incident.task", actor=actor.id):
        _refuse_closed(_locked(incident))
        return IncidentTask.objects.create(
            incident=incident,
            title=clean(title, gettext_noop("what is to be done"), 5, 200),
            owner=owner,
            due_on=due_on,
            created_by=actor,
        )


def task_done(*, task: IncidentTask, actor: User) -> IncidentTask:
    """Tick a task off: by its owner, or by an officer of the federation."""
    if task.owner_id != actor.id:
        _refuse_stranger(task.incident, actor)
    with governed(action="incident.task_done", actor=actor.id):
        _refuse_closed(_locked(task.incident))
        locked = IncidentTask.objects.select_for_update().get(id=task.id)
        if locked.done_at is not None:
            raise Conflict(_("This task was done on %(done_at)s.") % {"done_at": date_format(locked.done_at, "j M Y")})
        locked.done_at, locked.done_by = timezone.now(), actor
        locked.save(update_fields=["done_at", "done_by"])
    return locked


# --- who ----------------------------------------------------------------------------------------------------------


def people_of(incident: Incident, role: str | None = None) -> list[Membership]:
    """Members of the institutions that take part (and, if no role is asked for, of the platform), by name."""
    places = Participant.objects.filter(federation=incident.deployment.version.model.federation_id, is_active=True)
    rows = Membership.objects.filter(is_active=True, user__is_active=True).exclude(role=Role.EXTERNAL_AUDITOR)
    inside = rows.filter(institution__in=places.values("institution"))
    found = inside.filter(role=role) if role else inside | rows.filter(institution__isnull=True)
    members = list(found.select_related("user", "institution"))
    vault.warm(member.user_id for member in members)
    return sorted(members, key=lambda member: (str(member.user), str(member.institution)))


def manages(user: User, incident: Incident) -> bool:
    """Whether the person is an ethics officer of an institution that takes part."""
    return Membership.objects.filter(
        user=user.pk, role=Role.ETHICS_OFFICER, is_active=True,
        institution__participations__federation=incident.deployment.version.model.federation_id,
        institution__participations__is_active=True,
    ).exists()  # fmt: skip


def _refuse_stranger(incident: Incident, actor: User) -> None:
    if not isinstance(actor, User) or not actor.is_active or not manages(actor, incident):
        raise Forbidden(
            _("Only an ethics officer of an institution of %(federation)s manages this incident.")
            % {"federation": incident.deployment.version.model.federation}
        )


def _record(incident: Incident, actor: User, kind: str, action: str, **values: Any) -> IncidentRecord:
    with governed(action=action, actor=actor.id):
        _refuse_closed(_locked(incident))
        return IncidentRecord.objects.create(incident=incident, kind=kind, author=actor, **values)


def _locked(incident: Incident) -> Incident:
    return (
        Incident.objects.select_for_update(of=("self",))
        .select_related("look_back", "halt__deployment")
        .get(id=incident.id)
    )


def _refuse_closed(incident: Incident) -> None:
    if incident.state == State.CLOSED:
        raise Conflict("This incident is closed; nothing is added to it.")


def clean(text: Any, what: str, least: int, most: int = MAX_TEXT) -> str:
    """A text that can be stored and read."""
    kept = text.strip() if isinstance(text, str) else ""
    if not least <= len(kept) <= most:
        raise ApplicationError(
            _("Give %(what)s of %(least)s to %(most)s characters, got %(n)s.")
            % {"what": _(what), "least": least, "most": most, "n": len(kept)}
        )
    if "\x00" in kept or any(0xD800 <= ord(letter) <= 0xDFFF for letter in kept):
        raise ApplicationError("The text holds characters that cannot be stored. Write it as plain text.")
    return kept


def find_person(key: uuid.UUID | str) -> User:
    """A person by identifier, for whom the services then check whether they fit."""
    found = User.objects.filter(id=key, is_active=True).first()
    if found is None:
        raise ApplicationError("Expected a person of this platform.")
    return found
