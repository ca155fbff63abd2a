"""The deployment's page at ten million stored events: a person's GET, with session and rendering, over HTTP.

Events and roll-ups are made by SQL: a month's rows, and a year of hours for two sites, six groups and four metrics.
"""

from __future__ import annotations

import os
import statistics
import time
import urllib.request
from collections.abc import Iterator

import psycopg2
from django.db import connection, transaction
from django.test import Client

from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared, machine, progress
from benchmarks.platform import durability
from benchmarks.runtime.serving import Platform
from core.context import governed

EVENTS, QUICK_EVENTS = 10_000_000, 200_000
CHUNK, BATCH = 500_000, 1000
HOURS, QUICK_HOURS = 365 * 24, 30 * 24
GETS = 15
_EVENTS = """
    INSERT INTO runtime_prediction (received_at, deployment_id, event_key, batch_id, batch_index, site, subject,
        attributes, score, flagged, output, shape, warnings, made_at)
    SELECT at, %(deployment)s, md5(n::text) || md5((-n)::text), md5('batch' || n / %(batch)s)::uuid, n %% %(batch)s,
        CASE n %% 2 WHEN 0 THEN 'north' ELSE 'south' END, md5((n / 3)::text),
        jsonb_build_object('sex', (ARRAY['female', 'male'])[1 + n %% 2]), (n %% 1000) / 1000.0, n %% 4 = 0, '', '[]',
        '[]', at
    FROM (SELECT n, now() - interval '25 days' * (1 - n / %(total)s::float8) AS at
          FROM generate_series(%(first)s, %(last)s) AS n) AS rows
"""
_BATCHES = """
    INSERT INTO audits_runtime_batch (id, created_at, deployment_id, kind, site, rows, first_position, root, salt)
    SELECT md5('batch' || n)::uuid, now() - interval '25 days' * (1 - n / %(total)s::float8), %(deployment)s,
        'prediction', 'north', %(batch)s, n * %(batch)s + 1, repeat('0', 64), decode(repeat('00', 32), 'hex')
    FROM generate_series(0, %(total)s - 1) AS n
"""
_ROLLUPS = """
    INSERT INTO audits_runtime_rollup (deployment_id, hour, site, attributes, metric, n, total, total_sq)
    SELECT %(deployment)s, date_trunc('hour', now()) - make_interval(hours => h), s,
        jsonb_build_object('sex', x, 'age_band', a), m, 100, 50, 50
    FROM generate_series(0, %(hours)s - 1) AS h, unnest(ARRAY['north', 'south']) AS s,
        unnest(ARRAY['female', 'male', 'unknown']) AS x, unnest(ARRAY['60 and over', 'under 60']) AS a,
        unnest(ARRAY['tpr', 'fpr', 'accuracy', 'selection_rate']) AS m
    ON CONFLICT DO NOTHING
"""
_DAILY = """
    INSERT INTO audits_runtime_dailyrollup (deployment_id, hour, site, attributes, metric, n, total, total_sq)
    SELECT deployment_id, date_trunc('day', hour, 'UTC'), site, attributes, metric, sum(n), sum(total), sum(total_sq)
    FROM audits_runtime_rollup WHERE deployment_id = %(deployment)s GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (deployment_id, hour, site, attributes, metric) DO UPDATE
        SET n = EXCLUDED.n, total = EXCLUDED.total, total_sq = EXCLUDED.total_sq
"""


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    runs, events = (QUICK_RUNS, QUICK_EVENTS) if quick else (RUNS, EVENTS)
    deployment = platform.another("Ten million")
    fill(deployment.id, events, QUICK_HOURS if quick else HOURS)
    client = Client(SERVER_NAME="localhost")
    client.force_login(platform.world.people.auditor, backend="django.contrib.auth.backends.ModelBackend")
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    url = f"http://127.0.0.1:{platform.port}/deployments/{deployment.id}/"
    _get(url, cookie)
    times = [[_get(url, cookie) for _ in range(GETS)] for _ in range(runs)]
    worst = max(map(max, times))
    note = (
        f"target <= 150; median of {GETS} GETs a run, slowest of all {worst:.0f} ms; {events} events stored, "
        f"load {machine()['load'][0]}; {durability()}"
    )
    yield compared("runtime.page_ms", list(map(statistics.median, times)), "ms", better="lower", note=note)


def fill(deployment, events: int, hours: int) -> None:
    shared = {"deployment": deployment, "batch": BATCH}
    for first in range(0, events, CHUNK):
        last = min(events, first + CHUNK) - 1
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_EVENTS, {**shared, "total": events, "first": first, "last": last})
        progress(f"stored {last + 1} of {events} events")
    with governed(action="bench.fill"), connection.cursor() as cursor:
        cursor.execute(_BATCHES, {**shared, "total": events // BATCH})
        cursor.execute(_ROLLUPS, {**shared, "hours": hours})
        cursor.execute(_DAILY, shared)
        cursor.execute(
            "INSERT INTO audits_runtime_deploymentcounter (deployment_id, predictions, outcomes) VALUES (%s, %s, 0) "
            "ON CONFLICT (deployment_id) DO UPDATE SET predictions = EXCLUDED.predictions",
            [deployment, events],
        )
    owner = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])  # what autovacuum does in time
    owner.autocommit = True
    with owner.cursor() as cursor:
        cursor.execute("ANALYZE audits_runtime_rollup, audits_runtime_batch, provenance_entry")
    owner.close()


def _get(url: str, cookie: str) -> float:
    asked = urllib.request.Request(url, headers={"Cookie": cookie})  # noqa: S310 - our own address
    started = time.perf_counter()
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - our own address
        page = answer.read()
    if b"Ten million" not in page:
        raise RuntimeError(f"expected the deployment's page, got {page[:200]!r}")
    return (time.perf_counter() - started) * 1e3
