"""Hourly and daily sums by site and group, written with each batch; pages read these and never scan the rows."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from core.prepared import Prepared
from federation.domain.group_rates import Sums

Z_95 = 1.959963984540054
SERVED = "selection_rate"  # written at prediction time, once for each prediction: its n counts them
TOLD = "told"  # written once for each outcome: its n counts them, for any other metric may be undefined for a case
SCORE, CORRECTED, AFTER_HALT = "score", "corrected", "after_halt"  # beside the rates: sums of scores, two counts
NO_RATES = (TOLD, SCORE, CORRECTED, AFTER_HALT)  # nor are names with a dot: what became of predictions, refusals

_UPSERT = """
    INSERT INTO {table} AS r (deployment_id, hour, site, attributes, metric, n, total, total_sq)
    SELECT %(deployment)s::uuid, {begin}, %(site)s::text, g, m, sum(n)::bigint, sum(t), sum(q) FROM sums
    GROUP BY 2, 4, 5
    ON CONFLICT (deployment_id, hour, site, attributes, metric)
    DO UPDATE SET n = r.n + EXCLUDED.n, total = r.total + EXCLUDED.total, total_sq = r.total_sq + EXCLUDED.total_sq
"""
# Both sums, as common table expressions. What stands in `after` is done first: the counter's lock orders the writers.
ADD = f"""
    sums AS (
        SELECT h, g::jsonb AS g, m, n, t, q
        FROM {{after}} unnest(
            %(hours)s::timestamptz[], %(groups)s::text[], %(metrics)s::text[], %(ns)s::bigint[], %(totals)s::float8[],
            %(squares)s::float8[]
        ) AS s(h, g, m, n, t, q)
    ), hourly AS ({_UPSERT.format(table="audits_runtime_rollup", begin="h")}),
    daily AS ({_UPSERT.format(table="audits_runtime_dailyrollup", begin="date_trunc('day', h, 'UTC')")})
"""  # noqa: S608 - constants
_ADD = Prepared(f"WITH {ADD.format(after='')} SELECT")
_PLACES = ("hours", "groups", "metrics", "ns", "totals", "squares")


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
    sums = RollupSums()
    for attributes, metrics in values:
        sums.add(at, group_key(attributes), metrics)
    sums.write(deployment_id, site)


def group_key(attributes: Mapping[str, str]) -> str:
    return json.dumps(attributes, sort_keys=True)


class RollupSums:
    """Sums of one batch by hour, group and metric; written by hour and by day, in an order that all writers share."""

    def __init__(self) -> None:
        self.sums: dict[tuple[datetime, str, str], Sums] = {}

    def add(self, at: datetime, group: str, metrics: Mapping[str, float], times: int = 1) -> None:
        """Count metric values of a group (`group_key`) so many times; -1 takes a row's values back."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        for metric, value in metrics.items():
            key = (hour, group, metric)
            more = Sums(times, times * value, times * value * value)
            self.sums[key] = self.sums[key] + more if key in self.sums else more

    def values(self, deployment_id: uuid.UUID, site: str) -> dict[str, Any]:
        """Of the places in `ADD`; in an order that all writers share."""
        rows = [(*key, s.n, s.total, s.total_sq) for key, s in sorted(self.sums.items(), key=lambda item: item[0])]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in _PLACES]
        return {"deployment": deployment_id, "site": site, **dict(zip(_PLACES, columns, strict=True))}

    def write(self, deployment_id: uuid.UUID, site: str) -> None:
        if self.sums:
            with connection.cursor() as cursor:
                _ADD.execute(cursor, self.values(deployment_id, site))


def rate(s: Sums) -> Rate:
    """Wilson's score interval around the mean."""
    if s.mean is None:
        return Rate(0, None, None, None)
    p, n, z2 = min(max(s.mean, 0.0), 1.0), s.n, Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Rate(n, p, max(0.0, centre - half), min(1.0, centre + half))
