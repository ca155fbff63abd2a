from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Value, When

from core.roles import Role

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


class VoteQuerySet(models.QuerySet):
    def standing(self) -> VoteQuerySet:
        """Those that count: not withdrawn."""
        return self.filter(withdrawn_at__isnull=True)


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


class AppealQuerySet(models.QuerySet):
    def for_user(self, user) -> AppealQuerySet:
        """A contested case is its own site's matter, and the platform's auditors' and administrators'."""
        return self if user.sees_all else self.filter(institution__in=user.institution_ids)

    def independent_of(self, user) -> AppealQuerySet:
        """Those that this person may decide: what `appeals.why_not` says of one, for many in one query."""
        from audits.runtime.models import Review

        at = [held.institution_id for held in user.held if held.role in {Role.CLINICIAN, Role.ETHICS_OFFICER}]
        reviewed = Review.objects.filter(
            deployment_id=OuterRef("deployment_id"), event_key=OuterRef("event_key"), recorded_by=user.pk
        )
        mine = Q(filed_by=user.pk) | Q(requested_by=user.pk)
        return self.filter(institution__in=at).exclude(mine).exclude(Exists(reviewed))

    def overdue(self, today: dt.date) -> AppealQuerySet:
        return self.filter(~Q(state="decided"), due_on__lt=today)

    def queue(self, today: dt.date) -> AppealQuerySet:
        """Overdue ones first, then by the day they are due; decided ones last, the newest decision first."""
        late = When(~Q(state="decided") & Q(due_on__lt=today), then=Value(0))
        rank = Case(late, When(~Q(state="decided"), then=Value(1)), default=Value(2))
        return self.annotate(rank=rank).order_by("rank", "-decided_at", "due_on", "created_at")
