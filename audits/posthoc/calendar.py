"""Which days a report of a kind covers, and which reports the calendar asks for."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from audits.posthoc.models import Report

_WORDS = {
    Report.Kind.MONTHLY: gettext_noop("a whole calendar month, its first day to its last"),
    Report.Kind.BIANNUAL: gettext_noop("a half-year: 1 January to 30 June, or 1 July to 31 December"),
}


def last_period(kind: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """The last month or half-year that was over before that day."""
    month = today.month if kind == Report.Kind.MONTHLY else 1 if today.month <= 6 else 7
    end = dt.date(today.year, month, 1) - dt.timedelta(days=1)
    months = 1 if kind == Report.Kind.MONTHLY else 6
    return dt.date(end.year, end.month - months + 1, 1), end


def kind_check(kind: str, start: dt.date, end: dt.date) -> str:
    """What is wrong with these days for a report of that kind, in words; empty if nothing is.

    A period that is under way is allowed: it begins on the right day, and ends before its last.
    """
    if kind not in Report.Kind.values:
        return _("Expected a kind among %(values)s, got %(kind)s.") % {
            "values": ", ".join(Report.Kind.values), "kind": repr(kind),
        }  # fmt: skip
    if kind == Report.Kind.CUSTOM:
        return ""
    first_months = range(1, 13) if kind == Report.Kind.MONTHLY else (1, 7)
    last = last_period(kind, _next(kind, start))[1]
    if start.day == 1 and start.month in first_months and end <= last:
        return ""
    return _("Expected %(what)s; got %(start)s to %(end)s. Choose other days, or the kind of free days.") % {
        "what": _(_WORDS[Report.Kind(kind)]), "start": start, "end": end,
    }  # fmt: skip


def _next(kind: str, start: dt.date) -> dt.date:
    """A day of the month or half-year after the one of that day."""
    for _month in range(1 if kind == Report.Kind.MONTHLY else 7 - (start.month - 1) % 6 - 1):
        start = (start.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return start
