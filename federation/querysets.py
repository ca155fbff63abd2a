from __future__ import annotations

from django.db import models


class FederationQuerySet(models.QuerySet):
    def for_user(self, user) -> FederationQuerySet:
        """Federations of the user's institutions; all for members of the platform itself."""
        if user.sees_all:
            return self
        return self.filter(participants__institution__in=user.institution_ids).distinct()


class RunQuerySet(models.QuerySet):
    def for_user(self, user) -> RunQuerySet:
        if user.sees_all:
            return self
        return self.filter(federation__participants__institution__in=user.institution_ids).distinct()
