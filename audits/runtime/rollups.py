"""Hourly sums by site and group, written with each batch; pages and reports read these and never scan the rows."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Sum

from audits.runtime.models import Rollup, RollupTotal
from federation.domain.group_rates import Sums
from models_registry.models import Deployment

Z_95 = 1.959963984540054
SERVED = "selection_rate"  # written at prediction time, once for each prediction: its n counts them

_UPSERT = """
    WITH given AS (
        SELECT %s::uuid AS deployment, h, %s AS site, g::jsonb AS g, m, n, t, q
        FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::bigint[], %s::float8[], %s::float8[])
            AS s(h, g, m, n, t, q)
    ), summed AS (
        INSERT INTO audits_runtime_rolluptotal AS r (deployment_id, attributes, metric, n, total, total_sq)
        SELECT deployment, g, m, sum(n), sum(t), sum(q) FROM given GROUP BY deployment, g, m ORDER BY g, m
        ON CONFLICT (deployment_id, attributes, metric)
        DO UPDATE SET n = r.n + EXCLUDED.n, total = r.total + EXCLUDED.total, total_sq = r.total_sq + EXCLUDED.total_sq
    )
    INSERT INTO audits_runtime_rollup AS r (deployment_id, hour, site, attributes, metric, n, total, total_sq)
    SELECT deployment, h, site, g, m, n, t, q FROM given
    ON CONFLICT (deployment_id, hour, site, attributes, metric)
    DO UPDATE SET n = r.n + EXCLUDED.n, total = r.total + EXCLUDED.total, total_sq = r.total_sq + EXCLUDED.total_sq
"""


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
    """Sums of one batch by hour, group and metric, written in one statement in an order that all writers share."""

    def __init__(self) -> None:
        self.sums: dict[tuple[datetime, str, str], Sums] = {}

    def add(self, at: datetime, group: str, metrics: Mapping[str, float], times: int = 1) -> None:
        """Count metric values of a group (`group_key`) so many times; -1 takes a row's values back."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        for metric, value in metrics.items():
            key = (hour, group, metric)
            more = Sums(times, times * value, times * value * value)
            self.sums[key] = self.sums[key] + more if key in self.sums else more

    def write(self, deployment_id: uuid.UUID, site: str) -> None:
        rows = [(*key, s.n, s.total, s.total_sq) for key, s in sorted(self.sums.items(), key=lambda item: item[0])]
        if rows:
            with connection.cursor() as cursor:
                cursor.execute(_UPSERT, [deployment_id, site, *map(list, zip(*rows, strict=True))])


def group_rates(deployment: Deployment) -> dict[str, dict[str, dict[str, Rate]]]:
    """Attribute to group to metric to rate, over all hours and sites."""
    sums: dict[tuple[str, str, str], Sums] = {}
    for row in RollupTotal.objects.filter(deployment=deployment):
        for attribute, group in row.attributes.items():
            key = (attribute, group, row.metric)
            sums[key] = sums.get(key, Sums(0, 0.0, 0.0)) + Sums(row.n, row.total, row.total_sq)
    out: dict[str, dict[str, dict[str, Rate]]] = {}
    for (attribute, group, metric), s in sorted(sums.items()):
        out.setdefault(attribute, {}).setdefault(group, {})[metric] = rate(s)
    return out


def rate(s: Sums) -> Rate:
    """Wilson's score interval around the mean."""
    if s.mean is None:
        return Rate(0, None, None, None)
    p, n, z2 = min(max(s.mean, 0.0), 1.0), s.n, Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Rate(n, p, max(0.0, centre - half), min(1.0, centre + half))


def served_by_hour(deployment: Deployment, since: datetime) -> list[tuple[datetime, int]]:
    """Predictions in each hour that had any."""
    rows = Rollup.objects.filter(deployment=deployment, metric=SERVED, hour__gte=since)
    return [(row["hour"], row["count"]) for row in rows.order_by("hour").values("hour").annotate(count=Sum("n"))]
