"""Who may still vote to reinstate a deployment: one rule, for one halt on its page and for many on the home page."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from accounts.models import Membership, User
from audits.runtime.models import Halt
from audits.runtime.reinstating import deployers
from core import vault
from core.roles import Role

# What `awaits` reads of each halt, so that many cost no more than one.
WITH_VOTERS = (
    "reinstatements", "deployment__approval__decisions", "deployment__version__model__federation__participants",
)  # fmt: skip


def voters(halt: Halt) -> list[Membership]:
    """The officers who may still vote on a halt: of institutions that have not voted, and who did not deploy it."""
    if halt.closed_at is not None:
        return []
    halt = Halt.objects.select_related("deployment__version__model").get(id=halt.id)  # as the votes stand now
    officers = Membership.objects.filter(
        role=Role.ETHICS_OFFICER, is_active=True, user__is_active=True, institution__in=_places(halt)
    )
    found = list(officers.select_related("user", "institution"))
    held = Membership.objects.filter(
        role=Role.ADMINISTRATOR, is_active=True, user__in={membership.user_id for membership in found}
    )
    administrators = set(held.values_list("user_id", flat=True))
    left = [membership for membership in found if _may(membership, halt, administrators)]
    vault.warm(membership.user_id for membership in left)
    return sorted(left, key=lambda membership: (str(membership.institution), str(membership.user)))


def awaits(halt: Halt, user: User) -> bool:
    """Whether this person's vote is asked for; no query where the halt was read with `WITH_VOTERS`."""
    if halt.closed_at is not None:
        return False
    administrators = {user.pk} if Role.ADMINISTRATOR in user.roles else set()
    places = _places(halt)
    return any(
        membership.role == Role.ETHICS_OFFICER
        and membership.institution_id in places
        and _may(membership, halt, administrators)
        for membership in user.held
    )


def _places(halt: Halt) -> set[uuid.UUID]:
    federation = halt.deployment.version.model.federation
    return {participant.institution_id for participant in federation.participants.all() if participant.is_active}


def _may(membership: Membership, halt: Halt, administrators: Collection[uuid.UUID]) -> bool:
    """Whether this officer is independent, and the first of the institution and the person to vote."""
    person = membership.user_id
    return not (
        any(vote.institution_id == membership.institution_id or vote.officer_id == person for vote in halt.votes)
        or person in deployers(halt.deployment)
        or person in administrators
        or person == halt.halted_by_id
    )
