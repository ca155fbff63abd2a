"""Which duties a breach brings with it, and when each runs out. They are data: duties.toml beside this."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from audits.domain.incidents.clocks import Clock, ClockBook, read_book

MANY = 500
YEARLY = "hipaa_408_few"


@lru_cache(maxsize=1)
def duty_book() -> ClockBook:
    """The duties as they are written down."""
    return read_book(tomllib.loads((Path(__file__).parent / "duties.toml").read_text(encoding="utf-8")))


def due_at(duty: Clock, aware_at: datetime) -> datetime:
    """When a duty runs out; that of the yearly log, 60 days after the end of the year in which one became aware.

    Examples
    --------
    >>> yearly = next(duty for duty in duty_book().clocks if duty.key == YEARLY)
    >>> str(due_at(yearly, datetime(2026, 5, 1, tzinfo=UTC)))
    '2027-03-02 00:00:00+00:00'
    """
    if duty.key == YEARLY:
        return datetime(aware_at.astimezone(UTC).year + 1, 1, 1, tzinfo=UTC) + timedelta(days=60)
    return duty.due(aware_at)
