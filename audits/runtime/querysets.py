from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import Case, Q, Value, When


class HaltQuerySet(models.QuerySet):
    def open(self) -> HaltQuerySet:
        return self.filter(closed_at__isnull=True)

    def for_user(self, user) -> HaltQuerySet:
        if user.sees_all:
            return self
        path = "deployment__version__model__federation__participants__institution__in"
        return self.filter(**{path: user.institution_ids}).distinct()


class AppealQuerySet(models.QuerySet):
    def for_user(self, user) -> AppealQuerySet:
        """A contested case is its own site's matter, and the platform's auditors' and administrators'."""
        return self if user.sees_all else self.filter(institution__in=user.institution_ids)

    def overdue(self, today: dt.date) -> AppealQuerySet:
        return self.filter(~Q(state="decided"), due_on__lt=today)

    def queue(self, today: dt.date) -> AppealQuerySet:
        """Overdue ones first, then by the day they are due; decided ones last, the newest decision first."""
        late = When(~Q(state="decided") & Q(due_on__lt=today), then=Value(0))
        rank = Case(late, When(~Q(state="decided"), then=Value(1)), default=Value(2))
        return self.annotate(rank=rank).order_by("rank", "-decided_at", "due_on", "created_at")
