"""What officers decide about a running deployment. Each call is one governed transaction."""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts import emergency
from accounts.models import Institution, User
from audits.runtime import monitoring
from audits.runtime.halting import deployment_prepare, halt_create
from audits.runtime.locks import lock_exclusive
from audits.runtime.models import Halt, MonitorState, Reinstatement
from audits.runtime.reinstating import NamedEvidence, check_same, refuse_against_chain, refuse_deployer
from audits.runtime.voting import voters
from core import events
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.roles import Role
from core.spoken import inside
from federation.models import Participant
from models_registry.models import Deployment
from models_registry.services import deployment_set_state

MIN_REASON, MAX_REASON = 10, 2000
__all__ = ["check_voter", "deployment_halt", "deployment_prepare", "reinstatement_vote", "sites_of", "voters"]


def deployment_halt(*, deployment: Deployment, reason: str, actor: User, site: str = "") -> Halt:
    """Stop a deployment at once, on one officer's word: whole, or at one site.

    Raises
    ------
    Forbidden
        If the actor is no ethics officer of a participating institution.
    Conflict
        If the deployment is not active, or is halted at the site already.
    ApplicationError
        If no such site takes part.
    """
    reason = checked_reason(reason)
    officer_institutions(actor, deployment, gettext_noop("halt it"), or_lent=True)
    if site and site not in (known := sites_of(deployment)):
        raise ApplicationError(
            _("Expected a site among %(known)s; got %(site)s. Leave it out to halt them all.")
            % {"known": ", ".join(known), "site": f"{site!r}"}
        )
    monitor = MonitorState.objects.filter(deployment=deployment).first()
    return halt_create(
        deployment_id=deployment.id, reason=reason, position=monitor.position if monitor else 0, halted_by=actor,
        site=site,
    )  # fmt: skip


def sites_of(deployment: Deployment) -> list[str]:
    """The codes of the sites that take part in the deployment's federation."""
    rows = Participant.objects.filter(federation=deployment.version.model.federation_id, is_active=True)
    return list(rows.order_by("site").values_list("site", flat=True))


def reinstatement_vote(*, halt: Halt, reason: str, actor: User, evidence: NamedEvidence) -> Reinstatement:
    """One officer's vote to serve again; the last one needed closes the halt and starts the monitor anew.

    Parameters
    ----------
    evidence : NamedEvidence
        New, and the same for all votes on a halt (`audits.runtime.reinstating`).

    Raises
    ------
    Forbidden
        If the actor is no ethics officer of a participating institution, has ordered this halt, or has requested,
        approved or deployed what was halted, or administers it.
    Conflict
        If the halt is closed, the officer or the institution has voted already, an earlier vote names other evidence,
        or the chain's registry holds the deployment halted or revoked.
    """
    reason = checked_reason(reason)
    deployment, institutions = check_voter(halt=halt, actor=actor)
    with governed(action="deployment.reinstate", actor=actor.id, reason=reason):
        # The same order of locks as the monitor takes: its row, then the deployment.
        monitor_row = MonitorState.objects.select_for_update().filter(deployment_id=deployment.id)
        if not monitor_row.exists():
            deployment_prepare(deployment.id)
        monitor_row.get()
        halt = Halt.objects.select_for_update().get(id=halt.id)
        _check_open(halt, deployment)
        institution = _voting_institution(halt, actor, institutions)
        check_same(halt, evidence)
        vote = Reinstatement.objects.create(
            halt=halt, officer=actor, institution=institution, reason=reason, evidence_kind=evidence.kind,
            evidence_digest=evidence.digest, evidence_source=evidence.source, evidence_name=evidence.name,
        )  # fmt: skip
        votes = halt.votes
        officers, places = {v.officer_id for v in votes}, {v.institution_id for v in votes}
        if len(officers) >= settings.OFFICERS_REQUIRED and len(places) >= settings.INSTITUTIONS_REQUIRED:
            _reinstate(halt, deployment)
    return vote


def check_voter(*, halt: Halt, actor: User) -> tuple[Deployment, list[Institution]]:
    """Refuse who may not vote on a halt, whatever they bring; else where they are an officer.

    Raises
    ------
    Forbidden
        As `reinstatement_vote`.
    """
    deployment = Deployment.objects.select_related("version__model", "approval").get(id=halt.deployment_id)
    institutions = officer_institutions(actor, deployment, gettext_noop("reinstate it"), or_lent=True)
    if halt.halted_by_id == actor.id:
        raise Forbidden("You ordered this halt. Two other officers, of two institutions, must judge it.")
    refuse_deployer(actor, deployment)
    return deployment, institutions


def halt_voted_on(deployment: Deployment, named: Any = None) -> Halt:
    """The halt that a vote is about: the one named, else the open one of the whole deployment.

    Raises
    ------
    NotFound
        If the deployment has no such halt.
    Conflict
        If none is named and it is not halted.
    """
    halts = Halt.objects.filter(deployment=deployment)
    if not named:
        found = halts.open().first()
        if found is None:
            raise Conflict(
                _("%(deployment)s is not halted, so there is nothing to vote on.") % {"deployment": deployment}
            )
        return found
    try:
        return halts.get(id=uuid.UUID(str(named)))
    except (ValueError, Halt.DoesNotExist):
        raise NotFound("There is no such halt of this deployment.") from None


def _reinstate(halt: Halt, deployment: Deployment) -> None:
    """A site halt leaves the deployment's state and the monitor, which watches all sites, as they are."""
    lock_exclusive(deployment.id)
    deployment.refresh_from_db(fields=["state"])
    position, told = None, f"the halt at {halt.site} ends"
    if not halt.site:
        position = monitoring.epoch_begin(deployment_id=deployment.id, halt_id=halt.id)
        told = f"the monitor starts anew after outcome {position}"
    with governed(action="deployment.reinstate", reason=f"{settings.OFFICERS_REQUIRED} officers voted; {told}"):
        halt.closed_at = timezone.now()
        halt.save(update_fields=["closed_at"])
        if not halt.site:
            deployment_set_state(deployment=deployment, state=Deployment.State.ACTIVE)
        events.emit(
            "deployment.reinstated",
            {"deployment": str(deployment.id), "halt": str(halt.id), "position": position},
        )


def _check_open(halt: Halt, deployment: Deployment) -> None:
    if halt.closed_at is not None:
        raise Conflict(
            _("This halt was closed on %(when)s UTC; there is nothing to vote on.")
            % {"when": date_format(halt.closed_at.astimezone(UTC), "j F Y, H:i")}
        )
    deployment.refresh_from_db(fields=["state"])
    refuse_against_chain(deployment)
    if deployment.state == Deployment.State.REVOKED or (deployment.state == Deployment.State.ACTIVE and not halt.site):
        raise Conflict(
            _("%(deployment)s is %(state)s, so it cannot be reinstated.")
            % {"deployment": deployment, "state": inside(deployment.get_state_display())}
        )


def officer_institutions(actor: User, deployment: Deployment, what: str, *, or_lent: bool = False) -> list[Institution]:
    """Where in the deployment's federation the actor is an ethics officer; `or_lent`: or stands in for one."""
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
    if not held and or_lent and isinstance(actor, User) and (lent := emergency.institution_of(actor)) is not None:
        held = Institution.objects.filter(
            pk=lent, participations__is_active=True,
            participations__federation_id=deployment.version.model.federation_id,
        ).distinct()  # fmt: skip
    if not held:
        raise Forbidden(
            _("Only an ethics officer of an institution of %(federation)s may %(what)s.")
            % {"federation": deployment.version.model.federation, "what": _(what)}
        )
    return list(held)


def _voting_institution(halt: Halt, actor: User, institutions: list[Institution]) -> Institution:
    votes = halt.votes
    if any(vote.officer_id == actor.id for vote in votes):
        raise Conflict(
            "You have voted on this halt already. The next vote must come from an officer elsewhere; if yours names "
            "the wrong evidence, withdraw it and vote again."
        )
    voted = {vote.institution_id for vote in votes}
    for institution in institutions:
        if institution.id not in voted:
            return institution
    raise Conflict(
        _("%(institution)s has voted on this halt already. The next vote must come from another institution.")
        % {"institution": institutions[0]}
    )


def checked_reason(text: str) -> str:
    """A reason that can be stored and read: it stands in the ledger for good."""
    reason = text.strip() if isinstance(text, str) else ""
    if not MIN_REASON <= len(reason) <= MAX_REASON:
        raise ApplicationError(
            _("Give a reason of %(least)s to %(most)s characters, got %(n)s. It is written to the ledger.")
            % {"least": MIN_REASON, "most": MAX_REASON, "n": len(reason)}
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
