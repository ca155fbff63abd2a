"""How long the gateway and the ingest take, as a histogram over all web processes.

Web processes share no memory, so each counts for itself and adds its counts to the table at most once in
`REQUEST_TIMES_SECONDS`, after an answer. What a process holds when it is killed is lost; nothing else is.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.http import HttpRequest, HttpResponse

from audits.runtime.models import RequestTimes
from provenance.metrics import Metric

logger = logging.getLogger(__name__)
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
NAME = "qfl_request_seconds"
MEANING = "How long requests of clinical systems took, in seconds, over all web processes."
REQUESTS = {  # name of the address -> name of the figure
    "api_predictions": "predictions",
    "api_events": "events",
    "api_outcomes": "outcomes",
}
_ADD = """
    INSERT INTO audits_runtime_requesttimes AS r (request, code, counts, seconds)
    VALUES (%s, %s, %s::bigint[], %s)
    ON CONFLICT (request, code) DO UPDATE SET seconds = r.seconds + EXCLUDED.seconds, counts = (
        SELECT array_agg(a + b ORDER BY place)
        FROM unnest(r.counts, EXCLUDED.counts) WITH ORDINALITY AS both_of(a, b, place)
    )
"""


class Times:
    """The durations that one process has counted and not added to the table yet."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counted: dict[tuple[str, str], tuple[list[int], float]] = {}
        self.written = time.monotonic()

    def add(self, request: str, status: int, seconds: float) -> None:
        key = (request, f"{status // 100}xx")
        with self.lock:
            counts, total = self.counted.get(key) or ([0] * (len(BOUNDS) + 1), 0.0)
            counts[bisect_left(BOUNDS, seconds)] += 1
            self.counted[key] = (counts, total + seconds)
            due = time.monotonic() - self.written >= settings.REQUEST_TIMES_SECONDS
        if due:
            self.write()

    def write(self) -> None:
        """Add everything to the table. What the database refuses is lost: a request must not fail for a figure."""
        with self.lock:
            counted, self.counted, self.written = self.counted, {}, time.monotonic()
        if not counted:
            return
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for (request, code), (counts, seconds) in sorted(counted.items()):
                    cursor.execute(_ADD, [request, code, counts, seconds])
        except (DatabaseError, InterfaceError):
            logger.exception("the durations of %d kinds of requests were not counted", len(counted))


TIMES = Times()


class TimingMiddleware:
    """Counts how long the requests took that clinical systems wait for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        if match is not None and match.url_name in REQUESTS and request.method == "POST":
            TIMES.add(REQUESTS[match.url_name], response.status_code, time.perf_counter() - begun)
        return response


def figures() -> Iterator[Metric]:
    """The histogram as Prometheus has it: cumulative buckets, sum and count."""
    for row in RequestTimes.objects.all():
        labels, below = {"request": row.request, "code": row.code}, 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), row.counts, strict=True):
            below += count
            yield Metric(NAME, MEANING, below, {**labels, "le": bound}, kind="histogram", suffix="_bucket")
        yield Metric(NAME, MEANING, row.seconds, labels, kind="histogram", suffix="_sum")
        yield Metric(NAME, MEANING, below, labels, kind="histogram", suffix="_count")
