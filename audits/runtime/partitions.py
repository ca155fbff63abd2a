"""Months are added ahead of time by the database itself: the application does not own the tables."""

from __future__ import annotations

from django.db import connection

MONTHS_AHEAD = 6


def ensure_partitions(months_ahead: int = MONTHS_AHEAD) -> int:
    """Create the monthly partitions up to `months_ahead` months from now; returns how many were new."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT runtime_ensure_partitions(%s)", [months_ahead])
        return cursor.fetchone()[0]
