"""Policies on record: the one that is in force, and how another takes its place. They are approved as models are.

Ethics officers of any institution that takes part in a federation here decide, since a policy binds every federation;
then an administrator. The rules stand once more in the database (`guards`).
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from accounts.models import Institution, User
from audits.predeployment.models import AuditPolicy, PolicyDecision
from audits.predeployment.policy_joining import Joined, joined
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.spoken import inside, spoken
from federation.domain.messages import digest
from federation.models import Participant
from models_registry.four_eyes import capacity_among, refuse_again, refuse_too_early, refuse_unsaid, standing_of
from models_registry.refusals import refusals_told

State = AuditPolicy.State
RiskClass = AuditPolicy.RiskClass
Decision = PolicyDecision.Decision
Capacity = PolicyDecision.Capacity


def in_force(risk_class: str) -> AuditPolicy:
    """The newest policy of a class of risk that people here approved. Until there is one, it is the one we ship.

    Raises
    ------
    ApplicationError
        For an unknown class.
    """
    _refuse_unknown(risk_class)
    approved = AuditPolicy.objects.filter(risk_class=risk_class, state=State.APPROVED)
    return approved.filter(shipped=False).order_by("-number").first() or _shipped(risk_class)


def _shipped(risk_class: str) -> AuditPolicy:
    """Ours, as a row. A release that ships another content makes another number of it."""
    from audits.predeployment.policy import shipped  # numpy

    content = shipped(risk_class, threshold=settings.BIAS_THRESHOLD, only=settings.AUDIT_CHECKS)
    found = digest(content)
    rows = AuditPolicy.objects.filter(risk_class=risk_class, shipped=True, content_digest=found)
    if (newest := rows.order_by("-number").first()) is not None:
        return newest
    with governed(action="policy.ship", reason="it comes with the platform"):
        number = _next_number(risk_class)
        if (made := rows.order_by("-number").first()) is not None:  # by another process, while this one waited
            return made
        return AuditPolicy.objects.create(
            risk_class=risk_class, number=number, content=content, content_digest=found, state=State.APPROVED,
            shipped=True,
        )  # fmt: skip


def _next_number(risk_class: str) -> int:
    """One process at a time numbers the policies of a class, until its transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit-policy:{risk_class}"])
    newest = AuditPolicy.objects.filter(risk_class=risk_class).order_by("-number").first()
    return newest.number + 1 if newest else 1


class PolicyChanged(Conflict):
    """Another policy came into force since the one that this person began from, and changed the same checks."""

    code = "policy_changed"

    def __init__(self, now: AuditPolicy, both: Joined) -> None:
        names = ", ".join(clash.title for clash in both.clashes)
        super().__init__(
            gettext(
                "%(policy)s came into force meanwhile and changed the same checks in another way: %(names)s. Nothing "
                "is proposed yet: choose the settings of each, and propose again on that policy."
            )
            % {"policy": now, "names": names},
            number=now.number, clashes=[clash.check_id for clash in both.clashes],
        )  # fmt: skip
        self.now, self.both = now, both


def policy_propose(
    *, risk_class: str, content: Any, justification: str, actor: User, base: int | None = None
) -> AuditPolicy:
    """Ask for another policy of a class of risk.

    Parameters
    ----------
    content : mapping as `policy.checked` takes it; settings that it leaves out get their defaults
    base : int, optional
        The number of the policy in force that the person began from. If there is a newer one by now, the checks that
        only it changed are kept as it has them. Without it the given content wins.

    Raises
    ------
    ApplicationError
        If the class is unknown, the justification empty or the content not allowed.
    Conflict
        If it says what is in force already, or another proposal of the class is under review.
    PolicyChanged
        If the policy that came into force meanwhile has changed the same check in another way.
    """
    from audits.predeployment.policy import PolicyError, checked  # numpy

    _refuse_unknown(risk_class)
    if not justification.strip():
        raise ApplicationError("Give a justification: those who decide read it, and it becomes part of the record.")
    try:
        full = checked(content)
    except PolicyError as error:
        raise ApplicationError(gettext("The policy was not accepted: %(error)s.") % {"error": error}) from error
    now = in_force(risk_class)
    full = _on_top_of(now, base, full)
    found = digest(full)
    if found == now.content_digest:
        raise Conflict(gettext("Nothing would change: %(now)s says the same.") % {"now": now})
    with refusals_told(), governed(action="policy.propose", actor=actor.id, reason=justification):
        number = _next_number(risk_class)
        if AuditPolicy.objects.filter(risk_class=risk_class, state=State.UNDER_REVIEW).exists():
            raise Conflict("A proposal of this class is under review; it is decided or withdrawn first.")
        return AuditPolicy.objects.create(
            risk_class=risk_class, number=number, content=full, content_digest=found, requested_by=actor,
            justification=justification.strip(),
        )  # fmt: skip


def _on_top_of(now: AuditPolicy, base: int | None, mine: dict[str, Any]) -> dict[str, Any]:
    """The proposal with what others have put into force since the person began."""
    if base is None or base == now.number:
        return mine
    began = AuditPolicy.objects.filter(risk_class=now.risk_class, number=base).first()
    if began is None:
        raise ApplicationError(
            gettext("There is no policy %(base)s of this class; name the one that you began from.") % {"base": base}
        )
    both = joined(began.content, now.content, mine)
    if both.clashes:
        raise PolicyChanged(now, both)
    return both.content


def policy_decide(*, policy: AuditPolicy, decision: str, reason: str, actor: User) -> PolicyDecision:
    """Decide in the capacity that the actor holds. A rejection closes the proposal; the last approval puts it in force.

    Audits that run keep the policy that they began with.

    Raises
    ------
    Forbidden
        If the actor made the proposal, or is neither an officer of a federation's institution nor an administrator.
    Conflict
        If it is closed, the actor has decided already, or the administrator comes before the officers.
    """
    refuse_unsaid(decision, reason)
    with refusals_told(), governed(action=f"policy.{decision}", actor=actor.id, reason=reason):
        policy = _locked(policy.id)
        capacity, institution = capacity_of(policy, actor)
        _refuse_closed(policy)
        refuse_again(policy, actor, what=gettext_noop("proposal"))
        refuse_too_early(policy, decision, capacity)
        made = PolicyDecision.objects.create(
            policy=policy, decided_by=actor, capacity=capacity,
            requested_by=policy.requested_by,  # type: ignore[misc]  # only shipped ones have none, and they are closed
            institution=institution, decision=decision, reason=reason.strip(), content_digest=policy.content_digest,
        )  # fmt: skip
        if decision == Decision.REJECT:
            _close(policy, State.REJECTED)
        elif standing_of(policy).complete:
            _close(policy, State.APPROVED)
        return made


def policy_withdraw(*, policy: AuditPolicy, actor: User, reason: str = "") -> AuditPolicy:
    """Take a proposal back while it is under review."""
    with refusals_told(), governed(action="policy.withdraw", actor=actor.id, reason=reason):
        policy = _locked(policy.id)
        _refuse_closed(policy)
        return _close(policy, State.WITHDRAWN)


def capacity_of(policy: AuditPolicy, actor: User) -> tuple[str, Institution | None]:
    """In which capacity, and for which institution of any federation, this person decides."""
    federated = set(Participant.objects.filter(is_active=True).values_list("institution_id", flat=True))
    officers = gettext_noop("institutions that take part in a federation")
    return capacity_among(policy, actor, federated, what=gettext_noop("proposal"), officers=officers)


def why_not(policy: AuditPolicy, actor: User) -> str:
    """Why this person, whose role decides, cannot decide on a proposal at all; empty if they can."""
    if policy.state != State.UNDER_REVIEW:
        return gettext("The proposal is %(state)s.") % {"state": inside(policy.get_state_display())}
    if any(made.decided_by_id == actor.id for made in policy.decisions.all()):
        return gettext("You have decided. A decision is never changed.")
    try:
        capacity_of(policy, actor)
    except Forbidden as error:
        return str(spoken(error.message))
    return ""


def awaits(policy: AuditPolicy, actor: User) -> bool:
    """Whether the proposal waits for this person's decision now (an administrator's, after the officers')."""
    if why_not(policy, actor):
        return False
    capacity, _ = capacity_of(policy, actor)
    return capacity == Capacity.OFFICER or standing_of(policy).quorum


def waiting(user: User) -> list[AuditPolicy]:
    """Proposals that wait for this person's decision now."""
    if not user.may("policy.decide"):
        return []
    open_ones = AuditPolicy.objects.filter(state=State.UNDER_REVIEW).prefetch_related("decisions")
    return [policy for policy in open_ones if awaits(policy, user)]


def _locked(policy_id: uuid.UUID) -> AuditPolicy:
    return AuditPolicy.objects.select_for_update(of=("self",)).select_related("requested_by").get(id=policy_id)


def _close(policy: AuditPolicy, state: State) -> AuditPolicy:
    policy.state, policy.closed_at = state, timezone.now()
    policy.save(update_fields=["state", "closed_at"])
    return policy


def _refuse_closed(policy: AuditPolicy) -> None:
    if policy.state != State.UNDER_REVIEW:
        raise Conflict(
            gettext("The proposal is %(state)s; only one under review can be decided or withdrawn.")
            % {"state": inside(policy.get_state_display())}
        )


def _refuse_unknown(risk_class: str) -> None:
    if risk_class not in RiskClass.values:
        raise ApplicationError(
            gettext("Expected a class of risk among %(values)s; got %(risk_class)s.")
            % {"values": ", ".join(RiskClass.values), "risk_class": f"{risk_class!r}"}
        )
