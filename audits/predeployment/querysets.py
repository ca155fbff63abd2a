"""Chainable reads. `for_user` is the scope: what lies outside it does not exist for that person (404)."""

from __future__ import annotations

from django.db import models


class AuditQuerySet(models.QuerySet):
    def for_user(self, user) -> AuditQuerySet:
        if user.sees_all:
            return self
        path = "version__model__federation__participants__institution__in"
        return self.filter(**{path: user.institution_ids}).distinct()


class PolicyQuerySet(models.QuerySet):
    def for_user(self, user) -> PolicyQuerySet:
        """A policy binds every federation, so whoever may see policies sees all of them."""
        return self if user.may("policy.view") else self.none()
