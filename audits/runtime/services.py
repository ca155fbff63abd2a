"""What officers decide about a running deployment. Each call is one governed transaction."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Institution, Membership, User
from audits.runtime import monitoring
from audits.runtime.halting import deployment_prepare, halt_create
from audits.runtime.locks import lock_exclusive
from audits.runtime.models import Halt, MonitorState, Reinstatement
from core import events, vault
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from models_registry.models import Deployment
from models_registry.services import deployment_set_state

MIN_REASON, MAX_REASON = 10, 2000
__all__ = ["deployment_halt", "deployment_prepare", "reinstatement_vote", "voters"]


def deployment_halt(*, deployment: Deployment, reason: str, actor: User) -> Halt:
    """Stop a deployment at once, on one officer's word.

    Raises
    ------
    Forbidden
        If the actor is no ethics officer of a participating institution.
    Conflict
        If the deployment is not active.
    """
    reason = _reason(reason)
    _officer_institutions(actor, deployment, "halt it")
    monitor = MonitorState.objects.filter(deployment=deployment).first()
    return halt_create(
        deployment_id=deployment.id, reason=reason, position=monitor.position if monitor else 0, halted_by=actor
    )


def reinstatement_vote(*, halt: Halt, reason: str, actor: User) -> Reinstatement:
    """One officer's vote to serve again; the last one needed closes the halt and starts the monitor anew.

    Raises
    ------
    Forbidden
        If the actor is no ethics officer of a participating institution, or has ordered this halt.
    Conflict
        If the halt is closed, or the officer or the institution has voted already.
    """
    reason = _reason(reason)
    deployment = Deployment.objects.select_related("version__model").get(id=halt.deployment_id)
    institutions = _officer_institutions(actor, deployment, "reinstate it")
    if halt.halted_by_id == actor.id:
        raise Forbidden("You ordered this halt. Two other officers, of two institutions, must judge it.")
    with governed(action="deployment.reinstate", actor=actor.id, reason=reason):
        # The same order of locks as the monitor takes: its row, then the deployment.
        monitor_row = MonitorState.objects.select_for_update().filter(deployment_id=deployment.id)
        if not monitor_row.exists():
            deployment_prepare(deployment.id)
        monitor_row.get()
        halt = Halt.objects.select_for_update().get(id=halt.id)
        _check_open(halt, deployment)
        institution = _voting_institution(halt, actor, institutions)
        vote = Reinstatement.objects.create(halt=halt, officer=actor, institution=institution, reason=reason)
        votes = list(halt.reinstatements.all())
        officers, places = {v.officer_id for v in votes}, {v.institution_id for v in votes}
        if len(officers) >= settings.OFFICERS_REQUIRED and len(places) >= settings.INSTITUTIONS_REQUIRED:
            _reinstate(halt, deployment)
    return vote


def voters(halt: Halt) -> list[Membership]:
    """The officers who may still vote on a halt: of participating institutions that have not voted."""
    if halt.closed_at is not None:
        return []
    voted = halt.reinstatements.values_list("institution_id", flat=True)
    rows = (
        Membership.objects.filter(
            role=Role.ETHICS_OFFICER,
            is_active=True,
            user__is_active=True,
            institution__participations__federation=halt.deployment.version.model.federation_id,
            institution__participations__is_active=True,
        )
        .exclude(institution__in=voted)
        .exclude(user__in=halt.reinstatements.values_list("officer_id", flat=True))
    )
    if halt.halted_by_id:
        rows = rows.exclude(user=halt.halted_by_id)
    found = list(rows.select_related("user", "institution").distinct())
    vault.warm(membership.user_id for membership in found)
    return sorted(found, key=lambda membership: (str(membership.institution), str(membership.user)))


def _reinstate(halt: Halt, deployment: Deployment) -> None:
    lock_exclusive(deployment.id)
    deployment.refresh_from_db(fields=["state"])
    position = monitoring.epoch_begin(deployment_id=deployment.id, halt_id=halt.id)
    with governed(
        action="deployment.reinstate",
        reason=f"{settings.OFFICERS_REQUIRED} officers voted; the monitor starts anew after outcome {position}",
    ):
        halt.closed_at = timezone.now()
        halt.save(update_fields=["closed_at"])
        deployment_set_state(deployment=deployment, state=Deployment.State.ACTIVE)
        events.emit(
            "deployment.reinstated",
            {"deployment": str(deployment.id), "halt": str(halt.id), "position": position},
        )


def _check_open(halt: Halt, deployment: Deployment) -> None:
    if halt.closed_at is not None:
        raise Conflict(f"This halt was closed on {halt.closed_at:%d %B %Y, %H:%M} UTC; there is nothing to vote on.")
    deployment.refresh_from_db(fields=["state"])
    if deployment.state != Deployment.State.HALTED:
        raise Conflict(f"{deployment} is {deployment.get_state_display().lower()}, so it cannot be reinstated.")


def _officer_institutions(actor: User, deployment: Deployment, what: str) -> list[Institution]:
    """Where in the deployment's federation the actor is an ethics officer."""
    held = (
        Institution.objects.filter(
            membership__user_id=actor.id,
            membership__role=Role.ETHICS_OFFICER,
            membership__is_active=True,
            participations__federation_id=deployment.version.model.federation_id,
            participations__is_active=True,
        ).order_by("name").distinct()
        if isinstance(actor, User) and actor.is_active
        else Institution.objects.none()
    )  # fmt: skip
    if not held:
        raise Forbidden(
            f"Only an ethics officer of an institution of {deployment.version.model.federation} may {what}."
        )
    return list(held)


def _voting_institution(halt: Halt, actor: User, institutions: list[Institution]) -> Institution:
    votes = list(halt.reinstatements.all())
    if any(vote.officer_id == actor.id for vote in votes):
        raise Conflict("You have voted on this halt already. The next vote must come from an officer elsewhere.")
    voted = {vote.institution_id for vote in votes}
    for institution in institutions:
        if institution.id not in voted:
            return institution
    raise Conflict(
        f"{institutions[0]} has voted on this halt already. The next vote must come from another institution."
    )


def _reason(text: str) -> str:
    """A reason that can be stored and read: it stands in the ledger for good."""
    reason = text.strip() if isinstance(text, str) else ""
    if not MIN_REASON <= len(reason) <= MAX_REASON:
        raise ApplicationError(
            f"Give a reason of {MIN_REASON} to {MAX_REASON} characters, got {len(reason)}. It is written to the ledger."
        )
    if "\x00" in reason or any(0xD800 <= ord(letter) <= 0xDFFF for letter in reason):
        raise ApplicationError("The reason holds characters that cannot be stored. Write it as plain text.")
    return reason


def deployment_created(payload: dict):
    """Handler of the registry's event: the counter and the monitor stand before the first prediction."""

    def effects() -> None:
        with transaction.atomic():
            deployment_prepare(payload["deployment"])

    return effects
