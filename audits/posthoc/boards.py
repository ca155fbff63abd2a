"""Convening a board's review, declaring, finding, following up and signing off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audits.posthoc import agenda
from audits.posthoc.models import BoardFinding, BoardMember, BoardReview, BoardStep
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from core.spoken import inside
from federation.domain.messages import digest
from models_registry.binding import BOARD
from models_registry.models import ApprovalDecision, Evidence, Version
from models_registry.refusals import refusals_told
from models_registry.services import evidence_record

State = BoardFinding.State


def review_convene(
    *, month: dt.date, board: str, members: Sequence[User], actor: User, chair: User | None = None
) -> BoardReview:
    """Open a review with its members and the open matters of this moment.

    Parameters
    ----------
    chair : User, optional
        One of the members; without, the first auditor among them.

    Raises
    ------
    Forbidden
        If the actor is no auditor: who approves or runs what is reviewed does not choose the reviewers.
    ApplicationError
        If fewer than two people sit, none of them is an auditor, they are all of one house, or one runs the platform.
    """
    if Role.AUDITOR not in actor.roles:
        raise Forbidden(
            "An auditor convenes a board: who approves or runs what is reviewed does not choose who reviews."
        )
    _refuse_dependent(members)
    if not board.strip():
        raise ApplicationError("Name the board, so that its reviews are found again.")
    chair = chair or next(member for member in members if Role.AUDITOR in member.roles)
    if chair not in members:
        raise ApplicationError("Choose the chair among the members.")
    with refusals_told(), governed(action="board.convene", actor=actor.id, reason=board):
        review = BoardReview.objects.create(
            month=month.replace(day=1), board=board.strip(), convened_by=actor, chair=chair,
            agenda=agenda.matters(today=timezone.now().date()),
        )  # fmt: skip
        for member in dict.fromkeys(members):
            BoardMember.objects.create(review=review, user=member)
    return review


def _refuse_dependent(members: Sequence[User]) -> None:
    """A board is of two houses at least: the platform, an institution and a third party are one each."""
    if len(set(members)) < 2:
        raise ApplicationError("A board has at least two members. Choose who sits.")
    if not any(Role.AUDITOR in member.roles for member in members):
        raise ApplicationError("Choose at least one auditor among the members: an auditor signs the review off.")
    if any(Role.ADMINISTRATOR in member.roles for member in members):
        raise ApplicationError("An administrator runs what the board reviews, and does not sit on it.")
    if len({member.institution.id if member.institution else None for member in members}) < 2:
        raise ApplicationError("All members are of one house. Choose somebody of another institution or a third party.")


def conflict_declare(*, review: BoardReview, conflict: str, actor: User) -> BoardMember:
    """Declare a conflict of interest in one's own words; empty words declare that there is none."""
    with refusals_told(), governed(action="board.declare", actor=actor.id):
        member = _member(_open(review), actor)
        if member.declared_at is not None:
            raise Conflict("You have declared already; a declaration never changes.")
        member.conflicted, member.conflict, member.declared_at = (
            bool(conflict.strip()),
            conflict.strip(),
            timezone.now(),
        )
        member.save(update_fields=["conflicted", "conflict", "declared_at"])
    return member


def finding_add(
    *, review: BoardReview, severity: str, text: str, owner: User, due_on: dt.date, actor: User,
    version: Version | None = None, blocking: bool = False,
) -> BoardFinding:  # fmt: skip
    """Keep a finding. A blocking one stands in the way of new deployments of its version until it is closed.

    Raises
    ------
    Forbidden
        If the actor is no member, has not declared yet, has declared a conflict, or decided on the version's use.
    """
    if severity not in BoardFinding.Severity.values:
        raise ApplicationError(
            _("Expected a severity among %(values)s; got %(severity)s.")
            % {"values": ", ".join(BoardFinding.Severity.values), "severity": f"{severity!r}"}
        )
    if not text.strip():
        raise ApplicationError("Say what was found: it becomes part of the record.")
    if blocking and version is None:
        raise ApplicationError("Name the version that the finding blocks.")
    if due_on < timezone.now().date():
        raise ApplicationError(
            _("The deadline %(due_on)s has passed. Choose today or a later day.") % {"due_on": due_on}
        )
    with refusals_told(), governed(action="board.finding", actor=actor.id, reason=severity):
        held = _open(review)
        _refuse_conflicted(_member(held, actor))
        _refuse_involved(version, actor)
        made = BoardFinding.objects.create(
            review=held, severity=severity, text=text.strip(), owner=owner, due_on=due_on, author=actor,
            version=version, blocking=blocking,
        )  # fmt: skip
        if made.blocking:
            _tell_gate(made, Evidence.Verdict.FAIL, f"A blocking {severity} finding, open until it is verified")
    return made


def finding_follow(*, finding: BoardFinding, state: str, text: str, actor: User) -> BoardFinding:
    """Take one step: its owner works on it and says it is done, an auditor who does not own it closes or reopens it.

    Raises
    ------
    Conflict
        If the step does not exist from where the finding stands.
    Forbidden
        If it is another person's step.
    """
    if not text.strip():
        raise ApplicationError("Say what was done, or what is missing: it becomes part of the record.")
    with refusals_told(), governed(action=f"board.{state}", actor=actor.id, reason=str(finding.id)):
        held = (
            BoardFinding.objects.select_for_update(of=("self",)).select_related("review", "version").get(id=finding.id)
        )
        if state not in BoardFinding.TRANSITIONS[State(held.state)]:
            raise Conflict(
                _("The finding is %(state)s; from there it cannot become %(state_2)s.")
                % {"state": inside(held.get_state_display()), "state_2": f"{state!r}"}
            )
        _refuse_step(held, actor)
        held.state, held.closed_by = state, actor if state == State.CLOSED else None
        held.save(update_fields=["state", "closed_by"])
        BoardStep.objects.create(finding=held, state=state, text=text.strip(), author=actor)
        if held.blocking and state == State.CLOSED:
            _tell_gate(held, Evidence.Verdict.PASS, f"A blocking {held.severity} finding was verified and closed")
    return held


def review_sign(*, review: BoardReview, actor: User) -> BoardReview:
    """Sign a review off: by an auditor of its members without a conflict, after every member has declared."""
    with refusals_told(), governed(action="board.sign", actor=actor.id):
        held = _open(review)
        member = _member(held, actor)
        if Role.AUDITOR not in actor.roles:
            raise Forbidden("An auditor signs a review off.")
        if waiting := held.members.filter(declared_at__isnull=True).count():
            raise Conflict(
                _("%(waiting)s of the members have not declared their conflicts of interest yet.")
                % {"waiting": waiting}
            )
        _refuse_conflicted(member)
        held.state, held.signed_by, held.signed_at = BoardReview.State.SIGNED, actor, timezone.now()
        held.save(update_fields=["state", "signed_by", "signed_at"])
    return held


def _tell_gate(finding: BoardFinding, verdict: str, told: str) -> None:
    """Hand the finding down as evidence of its version, which the gate reads (`models_registry.binding`)."""
    step = finding.steps.last()
    source = finding.id if verdict == Evidence.Verdict.FAIL else step.id  # type: ignore[union-attr]
    evidence_record(
        version=finding.version, kind=BOARD, source_id=source, verdict=verdict,  # type: ignore[arg-type]
        digest=digest({"finding": str(finding.id), "severity": finding.severity, "verdict": str(verdict)}),
        summary={
            "finding": str(finding.id), "review": str(finding.review_id), "board": str(finding.review),
            "severity": finding.severity, "told": [told],
        },
    )  # fmt: skip


def _open(review: BoardReview) -> BoardReview:
    held = BoardReview.objects.select_for_update().get(id=review.id)
    if held.state != BoardReview.State.OPEN:
        raise Conflict("This review is signed off. What is found now belongs to the next one.")
    return held


def _member(review: BoardReview, actor: User) -> BoardMember:
    found = review.members.filter(user=actor).first()
    if found is None:
        raise Forbidden("Only the members of the board take part in its review.")
    return found


def _refuse_conflicted(member: BoardMember) -> None:
    if member.declared_at is None:
        raise Forbidden("Declare first whether you have a conflict of interest.")
    if member.conflicted:
        raise Forbidden("You declared a conflict of interest: you neither find nor sign in this review.")


def _refuse_involved(version: Version | None, actor: User) -> None:
    """Who approved or rejected a use of a version has a conflict on record, whatever they declared."""
    if version is not None and ApprovalDecision.objects.filter(request__version=version, decided_by=actor).exists():
        raise Forbidden("You decided on a request for this version. Another member finds upon it.")


def _refuse_step(finding: BoardFinding, actor: User) -> None:
    if finding.state == State.DONE:
        if Role.AUDITOR not in actor.roles or actor.id == finding.owner_id:
            raise Forbidden("An auditor who does not own the finding verifies it.")
        if finding.review.members.filter(user=actor, conflicted=True).exists():
            raise Forbidden("You declared a conflict of interest in this review.")
    elif actor.id != finding.owner_id:
        raise Forbidden("The owner of the finding works on it.")
