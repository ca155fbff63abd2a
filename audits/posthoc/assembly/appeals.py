"""Appeals of the period, counted by what they were when it ended."""

from __future__ import annotations

from django.db.models import Count, Q

from audits.posthoc.assembly.window import Window
from audits.runtime.models import Appeal


def appeals(window: Window) -> dict[str, int]:
    """An appeal is upheld when the contested answer no longer stands, and rejected when it does."""
    rows = Appeal.objects.filter(created_at__lt=window.until)
    if window.institution:
        rows = rows.filter(institution=window.institution)
    decided, waiting = Q(**window.during("decided_at")), Q(decided_at__isnull=True) | Q(decided_at__gte=window.until)
    outcome = Appeal.Outcome
    return rows.order_by().aggregate(
        received=Count("id", filter=Q(created_at__gte=window.since)),
        carried_over=Count("id", filter=Q(created_at__lt=window.since) & (waiting | decided)),
        upheld=Count("id", filter=decided & Q(outcome=outcome.CHANGED)),
        rejected=Count("id", filter=decided & Q(outcome=outcome.UPHELD)),
        withdrawn=Count("id", filter=decided & Q(outcome=outcome.WITHDRAWN)),
        open=Count("id", filter=waiting),
    )
