from __future__ import annotations

from django.db import models


class HaltQuerySet(models.QuerySet):
    def open(self) -> HaltQuerySet:
        return self.filter(closed_at__isnull=True)

    def for_user(self, user) -> HaltQuerySet:
        if user.sees_all:
            return self
        path = "deployment__version__model__federation__participants__institution__in"
        return self.filter(**{path: user.institution_ids}).distinct()
