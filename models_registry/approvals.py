"""Approval: bound to content, by independent people, officers before the administrator.

A request is locked before it is decided, voided or deployed, so that of two people acting at once the second one sees
what the first one did. The same rules stand once more in the database (`guards`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from core import events
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.spoken import inside
from federation.domain.messages import digest
from models_registry import binding, signatures
from models_registry.delegations import Acting, in_force
from models_registry.four_eyes import capacity_among, refuse_again, refuse_too_early, refuse_unsaid, standing_of
from models_registry.models import ApprovalComment, ApprovalDecision, ApprovalRequest, Deployment, Version
from models_registry.policies import policy_of
from models_registry.refusals import refusals_told
from models_registry.signatures import Signed

State = ApprovalRequest.State
Decision = ApprovalDecision.Decision
Capacity = ApprovalDecision.Capacity
CLOSING: dict[str, State] = {Decision.REJECT: State.REJECTED, Decision.REQUEST_CHANGE: State.CHANGE_REQUESTED}
OFFICERS = gettext_noop("the federation's institutions")
MOST_COMMENT = 4000


def approval_request(
    *, version: Version, kind: str, justification: str, policy: Mapping[str, Any] | None = None, actor: User
) -> ApprovalRequest:
    """Ask for the use of a version, on exactly what stands now: weights, card, audit, policy, data manifests.

    Raises
    ------
    Conflict
        If the version was never audited, failed, or is not conclusive enough for this kind of use.
    """
    if kind not in ApprovalRequest.Kind.values:
        raise ApplicationError(
            _("Expected a kind among %(values)s, got %(kind)s.")
            % {"values": ", ".join(ApprovalRequest.Kind.values), "kind": f"{kind!r}"}
        )
    if not justification.strip():
        raise ApplicationError("Give a justification: those who decide read it, and it becomes part of the record.")
    chosen = policy_of(version=version, kind=kind, chosen=policy)
    with refusals_told(), governed(action="approval.request", actor=actor.id, reason=justification):
        lock_version(version)
        reason = binding.refusal(version, kind)
        if reason:
            raise Conflict(reason)
        content = binding.content_of(version, chosen)
        if not content["card"]:
            raise Conflict("This version has no model card. Write one first: an approval is bound to it.")
        made = ApprovalRequest.objects.create(
            version=version, kind=kind, content=content, content_digest=digest(content), policy=chosen,
            requested_by=actor, justification=justification.strip(),
            expires_at=timezone.now() + timedelta(days=settings.APPROVAL_REVIEW_DAYS),
        )  # fmt: skip
        events.emit("approval.requested", {"request": str(made.id)})
        return made


def approval_decide(
    *, request: ApprovalRequest, decision: str, reason: str, actor: User, signed: Signed | None = None
) -> ApprovalDecision:
    """Decide in the capacity that the actor holds. A rejection or a wish for a change closes the request, the last
    approval grants it; who abstains counts neither way.

    Parameters
    ----------
    signed : Signed, optional
        The actor's signature. Whoever has a key signs; the platform may require one of everybody.

    Raises
    ------
    Forbidden
        If the actor is the requester, or neither an officer of the federation (nor stands in for one) nor an
        administrator.
    Conflict
        If the request is closed or too old, the actor has decided already, the administrator comes before the
        officers, the signature is missing or not of this decision, or the content has changed (the request is then
        voided).
    """
    refuse_unsaid(decision, reason, Decision.values)
    with refusals_told(), governed(action=f"approval.{decision}", actor=actor.id, reason=reason):
        request = lock_request(request.id)
        acting = acting_of(request, actor)
        _refuse_closed(request)
        over = _is_over(request)
        changed = [] if over else binding.changes(request)
        if over:  # the closing must be committed, so it is told only after this transaction
            _expire(request)
        elif changed:
            _void(request, changed)
        else:
            refuse_again(request, actor, what=gettext_noop("request"))
            made = _record(request, decision, reason.strip(), actor, acting, signed)
    if over and request.expires_at is not None:
        raise Conflict(
            _("The request expired on %(day)s. Make a new one.") % {"day": date_format(request.expires_at, "j M Y")}
        )
    if changed:
        raise Conflict(void_words(changed))
    return made


def _record(
    request: ApprovalRequest, decision: str, reason: str, actor: User, acting: Acting, signed: Signed | None
) -> ApprovalDecision:
    refuse_too_early(request, decision, acting.capacity)
    told = signatures.checked(signed, request, decision, reason, actor, acting)
    made = ApprovalDecision.objects.create(
        request=request, decided_by=actor, requested_by_id=request.requested_by_id, capacity=acting.capacity,
        institution=acting.institution, delegation=acting.delegation, decision=decision, reason=reason,
        content_digest=request.content_digest, **told,
    )  # fmt: skip
    if decision in CLOSING:
        _close(request, CLOSING[decision])
    elif standing_of(request).complete:
        _close(request, State.APPROVED)
    return made


def expire_due() -> int:
    """Close every request under review whose time is over."""
    due = ApprovalRequest.objects.filter(state=State.UNDER_REVIEW, expires_at__lte=timezone.now())
    closed = 0
    for request_id in due.order_by("id").values_list("id", flat=True):
        with governed(action="approval.expire"):
            request = lock_request(request_id)
            if _is_over(request) and request.state == State.UNDER_REVIEW:
                _expire(request)
                closed += 1
    return closed


def approval_comment(*, request: ApprovalRequest, text: str, actor: User) -> ApprovalComment:
    """Say something about a request. It decides nothing, and stays as it is."""
    said = text.strip()
    if not 1 <= len(said) <= MOST_COMMENT:
        raise ApplicationError(
            _("Expected a comment of 1 to %(most_comment)s characters, got %(n)s.")
            % {"most_comment": MOST_COMMENT, "n": len(said)}
        )
    with governed(action="approval.comment", actor=actor.id):
        return ApprovalComment.objects.create(request=request, author=actor, text=said)


def approval_withdraw(*, request: ApprovalRequest, actor: User, reason: str = "") -> ApprovalRequest:
    """Take a request back while it is under review."""
    with refusals_told(), governed(action="approval.withdraw", actor=actor.id, reason=reason):
        request = lock_request(request.id)
        _refuse_closed(request)
        return _close(request, State.WITHDRAWN)


def acting_of(request: ApprovalRequest, actor: User) -> Acting:
    """In which capacity, and for which institution of the federation, this person decides; or in whose place."""
    participants = request.version.model.federation.participants.all()
    federated = {participant.institution_id for participant in participants if participant.is_active}
    try:
        return Acting(*capacity_among(request, actor, federated, what=gettext_noop("request"), officers=OFFICERS))
    except Forbidden:
        if actor.id == request.requested_by_id:
            raise
        given = in_force(actor).filter(institution__in=federated).exclude(officer=request.requested_by_id).first()
        if given is None:
            raise
        return Acting(Capacity.OFFICER, given.institution, given)


def may_decide(request: ApprovalRequest, actor: User) -> bool:
    """Whether a decision of this person is what the request waits for now (an administrator's, after the officers')."""
    if request.state != State.UNDER_REVIEW or any(d.decided_by_id == actor.id for d in request.decisions.all()):
        return False
    try:
        acting = acting_of(request, actor)
    except Forbidden:
        return False
    return acting.capacity == Capacity.OFFICER or standing_of(request).quorum


def void_stale(version: Version) -> list[ApprovalRequest]:
    """Void what the version's new card or evidence has overtaken: under review, or approved and not yet deployed.

    Called inside the transaction that makes the change, so that no approval survives it.
    """
    open_ids = version.approval_requests.filter(state__in=[State.UNDER_REVIEW, State.APPROVED]).values_list(
        "id", flat=True
    )
    voided = []
    for request_id in sorted(open_ids):
        request = lock_request(request_id)
        changed = binding.changes(request) if _can_be_voided(request) else []
        if changed:
            voided.append(_void(request, changed))
    return voided


def void_if_stale(request: ApprovalRequest) -> list[str]:
    """Void a locked request whose content has changed, and say what changed."""
    changed = binding.changes(request)
    if changed:
        _void(request, changed)
    return changed


def void_words(changed: list[str]) -> str:
    return _("The content has changed since the request: %(changed)s. The request is void; make a new one.") % {
        "changed": ", ".join(map(_, changed))
    }


def lock_version(version: Version) -> None:
    """One at a time changes the version's card and evidence, or binds a request to them.

    Not the key: a row that refers to the version (a deployment, whose maker holds a request's lock) need not wait, so
    the two locks never form a circle.
    """
    Version.objects.select_for_update(no_key=True).only("id").get(id=version.id)


def lock_request(request_id: uuid.UUID) -> ApprovalRequest:
    return (
        ApprovalRequest.objects.select_for_update(of=("self",))
        .select_related("version__model__federation", "requested_by")
        .get(id=request_id)
    )


def _can_be_voided(request: ApprovalRequest) -> bool:
    if request.state == State.UNDER_REVIEW:
        return True
    return request.state == State.APPROVED and not Deployment.objects.filter(approval=request).exists()


def _void(request: ApprovalRequest, changed: list[str]) -> ApprovalRequest:
    with governed(action="approval.void", reason=f"changed: {', '.join(changed)}"):
        return _close(request, State.VOIDED)


def _close(request: ApprovalRequest, state: State) -> ApprovalRequest:
    request.state, request.closed_at = state, timezone.now()
    request.save(update_fields=["state", "closed_at"])
    return request


def _is_over(request: ApprovalRequest) -> bool:
    return request.expires_at is not None and request.expires_at <= timezone.now()


def _expire(request: ApprovalRequest) -> ApprovalRequest:
    with governed(action="approval.expire"):
        return _close(request, State.EXPIRED)


def _refuse_closed(request: ApprovalRequest) -> None:
    if request.state != State.UNDER_REVIEW:
        raise Conflict(
            _("The request is %(state)s; only one under review can be decided.")
            % {"state": inside(request.get_state_display())}
        )
