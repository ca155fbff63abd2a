from __future__ import annotations

from django.db import models
from django.db.models import Q

_SITES = "deployment__version__model__federation__participants__institution__in"


class _OfDeployment(models.QuerySet):
    path = ""

    def for_user(self, user):
        if user.sees_all:
            return self
        return self.filter(**{f"{self.path}{_SITES}": user.institution_ids}).distinct()


class HaltQuerySet(_OfDeployment):
    def standing(self) -> HaltQuerySet:
        """Not closed, of whole deployments and of single sites."""
        return self.filter(closed_at__isnull=True)

    def open(self) -> HaltQuerySet:
        """Standing halts of whole deployments."""
        return self.standing().filter(site="")


class IncidentQuerySet(_OfDeployment):
    def not_closed(self) -> IncidentQuerySet:
        return self.exclude(state="closed")


class NoticeQuerySet(_OfDeployment):
    path = "halt__"


class CaseQuerySet(models.QuerySet):
    def in_scope(self) -> CaseQuerySet:
        return self.filter(in_scope=True)

    def waiting(self) -> CaseQuerySet:
        """In scope, and not both re-read and disclosed."""
        return self.in_scope().filter(Q(reread="") | Q(disclosed=""))


class AmberQuerySet(_OfDeployment):
    def open(self) -> AmberQuerySet:
        return self.filter(decided_at__isnull=True)

    def decided(self) -> AmberQuerySet:
        return self.filter(decided_at__isnull=False)
