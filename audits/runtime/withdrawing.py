"""Taking back a vote to reinstate, so that one wrong piece of evidence does not leave a deployment halted for good."""

from __future__ import annotations

import uuid

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Membership, User
from audits.runtime.models import Halt, Reinstatement
from audits.runtime.services import checked_reason, officer_institutions
from core.context import governed
from core.errors import Conflict, Forbidden, NotFound
from core.roles import Role
from models_registry.models import Deployment


def vote_withdraw(*, vote: Reinstatement, reason: str, actor: User) -> Reinstatement:
    """Withdraw a vote before the halt is closed. It stays on record, and counts no more.

    Whoever cast it may. If they are no officer of that institution any more, another ethics officer of it may instead.
    Then the institution may vote anew, and, if no other vote stands, on other evidence. Who may vote is unchanged.

    Raises
    ------
    Forbidden
        If the vote is neither the actor's nor one that they inherit.
    Conflict
        If the halt is closed, or the vote is withdrawn already.
    """
    reason = checked_reason(reason)
    institutions = officer_institutions(actor, vote.halt.deployment, gettext_noop("withdraw a vote on its halt"))
    if not may_withdraw(vote, actor) or (vote.officer_id != actor.id and vote.institution not in institutions):
        raise Forbidden(
            _(
                "This is the vote of %(officer)s. Another officer of %(institution)s may withdraw it only once "
                "they are no officer there any more."
            )
            % {"officer": vote.officer, "institution": vote.institution}
        )
    with governed(action="deployment.withdraw_vote", actor=actor.id, reason=reason):
        halt = Halt.objects.select_for_update().get(id=vote.halt_id)  # as a vote does: none is counted meanwhile
        vote.refresh_from_db()
        if halt.closed_at is not None:
            raise Conflict("This halt is closed, so its votes stand.")
        if vote.withdrawn_at is not None:
            raise Conflict("This vote was withdrawn already.")
        vote.withdrawn_at, vote.withdrawn_by, vote.withdrawn_why = timezone.now(), actor, reason
        vote.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_why"])
    return vote


def vote_of(deployment: Deployment, named: object) -> Reinstatement:
    """A vote on a halt of this deployment.

    Raises
    ------
    NotFound
        If there is none of this id.
    """
    rows = Reinstatement.objects.select_related("officer", "institution", "halt__deployment__version__model")
    try:
        return rows.get(halt__deployment=deployment, id=uuid.UUID(str(named)))
    except (ValueError, Reinstatement.DoesNotExist):
        raise NotFound("There is no such vote on a halt of this deployment.") from None


def may_withdraw(vote: Reinstatement, actor: User) -> bool:
    """Whether a person could withdraw this vote while the halt is open."""
    if vote.officer_id == actor.id:
        return True
    held = Membership.objects.filter(institution=vote.institution_id, role=Role.ETHICS_OFFICER, is_active=True)
    active = held.filter(user__is_active=True)
    return not active.filter(user=vote.officer_id).exists() and active.filter(user=actor.id).exists()
