"""Chainable reads. `for_user` is the institution scope: what lies outside it does not exist for that person (404)."""

from __future__ import annotations

from django.db import models


class _Scoped(models.QuerySet):
    path = ""

    def for_user(self, user):
        if user.sees_all:
            return self
        return self.filter(**{f"{self.path}participants__institution__in": user.institution_ids}).distinct()


class ModelQuerySet(_Scoped):
    path = "federation__"


class VersionQuerySet(_Scoped):
    path = "model__federation__"


class ApprovalQuerySet(_Scoped):
    path = "version__model__federation__"


class DeploymentQuerySet(_Scoped):
    path = "version__model__federation__"
