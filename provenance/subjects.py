"""What decisions on the chain are about: where an object stands, from the mirror, and who may see it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, QuerySet, When
from django.utils import timezone

from core.errors import NotFound
from provenance.domain.decision import NOBODY, SubjectState
from provenance.models_decisions import ChainDecision, ChainSubject

STANDING = (ChainDecision.State.FINAL, *ChainDecision.UNDER_WAY)
# Content digests of those of the objects that exist and lie within a person's reach, by their ids.
Resolver = Callable[[Collection[str], Any], Mapping[str, str]]
_RESOLVERS: list[Resolver] = []


class NoSuchSubject(NotFound):
    """Nothing within the person's reach is decided on under this identifier."""


@dataclass(frozen=True)
class SubjectView:
    """What is known here of an object's standing on the chain."""

    state: SubjectState
    read_at: datetime | None  # None: the mirror has never held it
    nonce: int
    proposer: str
    content_digest: str  # of what the subject stands for

    @property
    def age(self) -> timedelta | None:
        return None if self.read_at is None else timezone.now() - self.read_at


def subject_state(*, object_id: str) -> SubjectView | None:
    """Where an object stands, from the mirror; None if nothing was ever proposed for it."""
    first = standing_on(object_id)
    if first is None:
        return None
    row = ChainSubject.objects.filter(subject=first.subject).first()
    if row is None:
        return SubjectView(SubjectState.NONE, None, 0, NOBODY, first.content_digest)
    return SubjectView(SubjectState(row.state), row.read_at, row.nonce, row.proposer, first.content_digest)


def on_subject(resolver: Resolver) -> Resolver:
    """Register who knows objects that are decided on: a higher floor, which this one cannot import."""
    if resolver not in _RESOLVERS:
        _RESOLVERS.append(resolver)
    return resolver


def contents_for(object_ids: Collection[str], user: Any) -> dict[str, str]:
    """Content digests of those of the objects that a person may see, by their ids."""
    return {name: digest for resolver in _RESOLVERS for name, digest in resolver(object_ids, user).items()}


def decisions_for(user: Any) -> QuerySet[ChainDecision]:
    """The decisions on what a person may see; all of them for members of the platform."""
    if user.sees_all:
        return ChainDecision.objects.all()
    named = set(ChainDecision.objects.order_by().values_list("object_id", flat=True).distinct())
    return ChainDecision.objects.filter(object_id__in=contents_for(named, user))


def subject_for(*, object_id: str, user: Any) -> SubjectView | None:
    """`subject_state` for a person: None also for what lies outside their reach."""
    return subject_state(object_id=object_id) if user.sees_all or contents_for([object_id], user) else None


def standing_on(object_id: str) -> ChainDecision | None:
    """A decision that holds the object's subject and its salt: one on the chain, else one on its way there.

    What expired or failed binds nobody: a wrong proposal must not keep an object from being decided on.
    """
    final = Case(When(state=ChainDecision.State.FINAL, then=0), default=1)
    held = ChainDecision.objects.filter(object_id=object_id, state__in=STANDING)
    return held.order_by(final, "created_at").first()


def subjects() -> dict[str, str]:
    """The subject of every object that is or may come to be on the chain, by the object's id."""
    named = ChainDecision.objects.filter(state__in=STANDING).order_by().values_list("object_id", flat=True).distinct()
    return {name: found.subject for name in sorted(named) if (found := standing_on(name)) is not None}
