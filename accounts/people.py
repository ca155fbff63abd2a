"""Who is on the platform, as far as somebody may see."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.erasure import may_erase
from accounts.factors import KINDS
from accounts.invitations import may_end
from accounts.models import Factor, Membership, User
from core import vault
from core.fields import Opened


@dataclass(frozen=True)
class Person:
    """One line of the list of people."""

    user: User
    name: str
    erased: bool
    may_erase: bool
    has_factor: bool  # a second one, in force
    roles: tuple[tuple[Membership, bool], ...]  # those held now, and whether the viewer may end them


def people_for(viewer: User) -> QuerySet[User]:
    """Everybody for members of the platform; for members of an institution those who belong to it.

    Not named `for_user`: the ledger takes a model with that name for the scope of all rows that refer to it.
    """
    people = User.objects.all()
    if viewer.sees_all:
        return people
    return people.filter(Q(memberships__institution__in=viewer.institution_ids)).distinct()


def listed(viewer: User) -> list[Person]:
    """The people that the viewer may see, by name; those who were erased last."""
    with_factor = Factor.objects.filter(user=OuterRef("pk"), type__in=KINDS)
    people = people_for(viewer).annotate(has_factor=Exists(with_factor))
    users = list(people.prefetch_related("memberships__institution"))
    vault.warm(user.pk for user in users)
    found = [_person(viewer, user) for user in users]
    return sorted(found, key=lambda person: (person.erased, person.name.casefold()))


def _person(viewer: User, user: User) -> Person:
    name = user.name
    erased = isinstance(name, Opened) and name.erased
    roles = tuple((held, may_end(viewer, held)) for held in user.memberships.all() if held.is_active)
    return Person(user, str(user), erased, not erased and may_erase(viewer, user), user.has_factor, roles)  # type: ignore[attr-defined]  # annotated
