"""The month of Art. 12(3) GDPR, by the calendar."""

from __future__ import annotations

import calendar
from datetime import date

MONTHS, FURTHER = 1, 2


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or that month's last one. A weekend does not make it longer.

    Examples
    --------
    >>> str(months_after(date(2026, 1, 31), 1)), str(months_after(date(2026, 11, 15), 3))
    ('2026-02-28', '2027-02-15')
    """
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def due(received: date, *, extended: bool = False) -> date:
    """By when a request is to be answered: a month, or three where it was extended."""
    return months_after(received, MONTHS + (FURTHER if extended else 0))
