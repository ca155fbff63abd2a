"""Twenty minutes of steady sending: what is lost, what slows down, what grows. Runs only if it is asked for by name."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from audits.runtime.models import DeploymentCounter, Prediction
from benchmarks.frame import Measure, compared, progress
from benchmarks.runtime.ingest import CONNECTIONS, SIZE, conditions
from benchmarks.runtime.sending import Sender
from benchmarks.runtime.serving import Platform

ROUNDS, SECONDS, QUICK_SECONDS = 20, 60.0, 3.0
RATE = 20_000  # events/s: the load that is promised, kept up instead of exceeded


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    seconds, accepted, rates, slow = QUICK_SECONDS if quick else SECONDS, 0, [], []
    before = Prediction.objects.filter(deployment_id=platform.deployment.id).count()
    first = None
    for number in range(ROUNDS):
        requests = int(seconds * RATE / SIZE / CONNECTIONS)
        sender = Sender(platform, connections=CONNECTIONS, requests=requests, size=SIZE, seconds=2 * seconds, rate=RATE)
        sender.go()
        sent = sender.done()
        accepted += sent.events
        rates.append(sent.rate)
        slow.append(sent.percentile(99))
        first = first or max(platform.memory().values())
        progress(f"minute {number + 1}: {sent.rate:.0f} events/s, p99 {slow[-1]:.0f} ms")
    stored = Prediction.objects.filter(deployment_id=platform.deployment.id).count() - before
    counted = DeploymentCounter.objects.get(deployment=platform.deployment).predictions - before
    note = conditions(f"{ROUNDS} rounds of {seconds:.0f} s in batches of {SIZE}")
    fifth = ROUNDS // 5
    drift = statistics.median(rates[-fifth:]) / statistics.median(rates[:fifth])
    yield compared("runtime.soak", rates, "events/s", better="higher", note=f"last fifth / first {drift:.2f}; {note}")
    yield compared("runtime.soak.p99_ms", slow, "ms", better="lower", note=note)
    yield Measure("runtime.soak.lost", accepted - stored, "events", note=f"{accepted} accepted, {counted} counted")
    grown = max(platform.memory().values()) - (first or 0)
    yield Measure("runtime.soak.rss_growth", grown, "GiB", note="of the largest process, after the first round")
