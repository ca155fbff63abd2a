"""What the calendar asks for: the reports of the last month and half-year, whole and for each institution."""

from __future__ import annotations

import datetime as dt

from accounts.models import Institution
from audits.posthoc.calendar import last_period
from audits.posthoc.models import Report
from audits.posthoc.services import report_issue

KINDS = (Report.Kind.MONTHLY, Report.Kind.BIANNUAL)


def reports_due(*, today: dt.date) -> list[Report]:
    """Ask for each report of a period that is over and has none. Called again, it finds them and makes nothing.

    Nothing is asked of a time before the platform, or the institution, was there.
    """
    institutions = list(Institution.objects.filter(is_active=True).order_by("created_at"))
    made = []
    for kind in KINDS:
        start, end = last_period(kind, today)
        there = [row for row in institutions if row.created_at.date() <= end]
        for institution in [None, *there] if there else []:
            asked = Report(kind=kind, period_start=start, period_end=end, institution=institution)
            if not Report.objects.same_as(asked).exists():
                made.append(report_issue(asked))
    return made
