"""Hourly and daily sums by site and group, written with each batch; pages read these and never scan the rows."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from federation.domain.group_rates import Sums

Z_95 = 1.959963984540054
SERVED = "selection_rate"  # written at prediction time, once for each prediction: its n counts them
TOLD = "told"  # written once for each outcome: its n counts them, for any other metric may be undefined for a case

_UPSERT = """
    INSERT INTO {table} AS r (deployment_id, hour, site, attributes, metric, n, total, total_sq)
    SELECT %s, %s, %s, a, m, n, t, s
    FROM unnest(%s::jsonb[], %s::text[], %s::bigint[], %s::float8[], %s::float8[]) AS given(a, m, n, t, s)
    ON CONFLICT (deployment_id, hour, site, attributes, metric)
    DO UPDATE SET n = r.n + EXCLUDED.n, total = r.total + EXCLUDED.total, total_sq = r.total_sq + EXCLUDED.total_sq
"""
_HOURLY, _DAILY = (_UPSERT.format(table=f"audits_runtime_{name}") for name in ("rollup", "dailyrollup"))


@dataclass(frozen=True)
class Rate:
    """A metric of one group: mean in [0, 1] and a 95 % Wilson interval.

    The interval is exact in form for 0/1 values and conservative for shares such as Dice, whose variance is never
    larger than that of a 0/1 value of the same mean. All None when nobody is counted.
    """

    n: int
    mean: float | None
    lower: float | None
    upper: float | None


def rollups_add(
    *,
    deployment_id: uuid.UUID,
    at: datetime,
    site: str,
    values: Iterable[tuple[Mapping[str, str], Mapping[str, float]]],
) -> None:
    """Add (attributes, metric values) of each row. The caller holds the deployment's counter row, so none waits."""
    sums: dict[tuple[str, str], Sums] = {}
    for attributes, metrics in values:
        group = json.dumps(attributes, sort_keys=True)
        counted = metrics if SERVED in metrics else {**metrics, TOLD: 1.0}
        for metric, value in counted.items():
            key = (group, metric)
            sums[key] = sums.get(key, Sums(0, 0.0, 0.0)) + Sums(1, value, value * value)
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    keys = sorted(sums)
    columns: list[list[Any]] = [
        [group for group, _ in keys], [metric for _, metric in keys], [sums[key].n for key in keys],
        [sums[key].total for key in keys], [sums[key].total_sq for key in keys],
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_HOURLY, [deployment_id, hour, site, *columns])
        cursor.execute(_DAILY, [deployment_id, hour.replace(hour=0), site, *columns])


def rate(s: Sums) -> Rate:
    """Wilson's score interval around the mean."""
    if s.mean is None:
        return Rate(0, None, None, None)
    p, n, z2 = min(max(s.mean, 0.0), 1.0), s.n, Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Rate(n, p, max(0.0, centre - half), min(1.0, centre + half))
