from __future__ import annotations

from django.db import models


class AuditQuerySet(models.QuerySet):
    def for_user(self, user) -> AuditQuerySet:
        if user.sees_all:
            return self
        path = "version__model__federation__participants__institution__in"
        return self.filter(**{path: user.institution_ids}).distinct()
