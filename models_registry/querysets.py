"""Chainable reads. `for_user` is the institution scope: what lies outside it does not exist for that person (404)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.models import Q


class _Scoped(models.QuerySet):
    path = ""

    def for_user(self, user):
        if user.sees_all:
            return self
        return self.filter(**{f"{self.path}participants__institution__in": user.institution_ids}).distinct()


class ModelQuerySet(_Scoped):
    path = "federation__"


Opened = Callable[[Any], models.QuerySet]
_opened: list[Opened] = []


def opens_versions(ids_for: Opened) -> None:
    """Let a higher floor open single versions to somebody from outside: it gives their ids for a person."""
    if ids_for not in _opened:
        _opened.append(ids_for)


class VersionQuerySet(_Scoped):
    path = "model__federation__"

    def for_user(self, user):
        inside = super().for_user(user)
        if user.sees_all or not _opened:
            return inside
        reached = Q(id__in=inside.values("id"))
        for ids_for in _opened:
            reached |= Q(id__in=ids_for(user))
        return self.filter(reached)


class ApprovalQuerySet(_Scoped):
    path = "version__model__federation__"


class DeploymentQuerySet(_Scoped):
    path = "version__model__federation__"
