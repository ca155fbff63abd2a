"""How data protection and continuity stand now: counts and dates for the overview, the page and the home pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from protection.assessments import models_of
from protection.models import Backup, Breach, RestoreDrill, RetentionExecution, SubjectRequest


@dataclass(frozen=True)
class Continuity:
    """The newest backup, the newest drills, and what is overdue."""

    backup: Backup | None
    drill: RestoreDrill | None
    passed: RestoreDrill | None

    @property
    def backup_overdue(self) -> bool:
        since = timezone.now() - timedelta(hours=settings.CONTINUITY_LOST_HOURS)
        return self.backup is None or self.backup.taken_at < since

    @property
    def drill_due(self) -> datetime | None:
        return self.passed.created_at + timedelta(days=settings.CONTINUITY_DRILL_DAYS) if self.passed else None

    @property
    def drill_overdue(self) -> bool:
        return self.drill_due is None or self.drill_due < timezone.now()

    @property
    def last_failed(self) -> bool:
        return self.drill is not None and self.drill.outcome == RestoreDrill.Outcome.FAILED


def continuity() -> Continuity:
    passed = RestoreDrill.objects.filter(outcome=RestoreDrill.Outcome.PASSED)
    return Continuity(Backup.objects.first(), RestoreDrill.objects.first(), passed.first())


def of(user: Any) -> dict[str, Any]:
    """Counts for the overview."""
    today = timezone.now().date()
    requests = SubjectRequest.objects.for_user(user).open().aggregate(
        n=Count("pk"), late=Count("pk", filter=Q(due_on__lt=today))
    )  # fmt: skip
    models = models_of(user)
    return {
        "requests": requests["n"], "requests_late": requests["late"],
        "breaches": Breach.objects.for_user(user).open().count(), "models": len(models),
        "assessed": sum(view.signed is not None for view in models), "continuity": continuity(),
        "executed": RetentionExecution.objects.first(),
    }  # fmt: skip
