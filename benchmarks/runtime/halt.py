"""From the answer to the outcome that crosses the limit to the committed halt, while others send: as many events as are
promised, and as many as the machine takes.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import connection

from audits.runtime.models import Halt
from benchmarks.frame import QUICK_RUNS, RUNS, Measure, compared, progress
from benchmarks.runtime.ingest import CONNECTIONS, SIZE, conditions
from benchmarks.runtime.load import Line, request
from benchmarks.runtime.sending import in_background
from benchmarks.runtime.serving import Platform
from models_registry.models import Deployment

CASES, TOLD = 3000, 100  # stored beforehand; outcomes in a request
FOUND = {"female": 0.3, "male": 0.9}  # of the ill: a gap that no policy tolerates
PATIENCE = 30.0
RATE = 20_000  # events a second


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    runs = QUICK_RUNS if quick else RUNS
    for part, (metric, rate) in enumerate((("runtime.halt_s", RATE), ("runtime.halt_s.full", 0))):
        numbers = range(part * runs, (part + 1) * runs)
        deployments = [platform.another(f"Halt {number}") for number in numbers]
        labels = [_store(platform, deployment, seed) for seed, deployment in zip(numbers, deployments, strict=True)]
        found = []
        with in_background(
            platform, size=SIZE, requests=400, connections=CONNECTIONS, seconds=runs * PATIENCE, rate=rate
        ):
            for deployment, told in zip(deployments, labels, strict=True):
                found.append(_halt(platform, deployment, told))
                progress(f"halted {found[-1]:.2f} s after the crossing outcome was accepted")
        load = f"at {rate} events/s" if rate else "as fast as they go"
        note = conditions(f"outcomes in batches of {TOLD}, others send in batches of {SIZE} {load} meanwhile")
        yield compared(metric, found, "s", better="lower", note=f"target <= 1; {note}")


def _store(platform: Platform, deployment: Deployment, seed: int) -> list[int]:
    """Events of a model that misses ill women; returns the truth of each."""
    rng, at = random.Random(seed), datetime.now(UTC).isoformat()  # noqa: S311 - made-up patients
    labels, records = [], []
    for number in range(CASES):
        sex, ill = rng.choice(("female", "male")), int(rng.random() < 0.5)
        flagged = int(rng.random() < (FOUND[sex] if ill else 0.1))
        labels.append(ill)
        records.append(
            {"event_key": f"h{seed}-{number}", "patient": number, "at": at, "attributes": {"sex": sex},
             "label": flagged}
        )  # fmt: skip
    _post(Line(platform.port), platform, deployment, "events", records)
    return labels


def _halt(platform: Platform, deployment: Deployment, labels: list[int]) -> float:
    halted: list[float] = []
    watcher = threading.Thread(target=_watch, args=(deployment, halted))
    watcher.start()
    line, accepted = Line(platform.port), []
    seed = platform_number(deployment)
    for start in range(0, CASES, TOLD):
        if halted:
            break
        records = [{"event_key": f"h{seed}-{n}", "label": labels[n]} for n in range(start, start + TOLD)]
        _post(line, platform, deployment, "outcomes", records)
        accepted.append(time.perf_counter())
    watcher.join(timeout=PATIENCE)
    if not halted:
        raise RuntimeError(f"expected the monitor to halt within {PATIENCE} s")
    position = Halt.objects.get(deployment=deployment).alarm["position"]
    return max(0.0, halted[0] - accepted[(position - 1) // TOLD])


def platform_number(deployment: Deployment) -> int:
    return int(deployment.name.split()[-1])


def _watch(deployment: Deployment, halted: list[float]) -> None:
    deadline = time.perf_counter() + PATIENCE
    try:
        while time.perf_counter() < deadline:
            with connection.cursor() as cursor:
                cursor.execute("SELECT state FROM models_registry_deployment WHERE id = %s", [deployment.id])
                (state,) = cursor.fetchone()
            if state == Deployment.State.HALTED:
                halted.append(time.perf_counter())
                return
            time.sleep(0.005)
    finally:
        connection.close()


def _post(line: Line, platform: Platform, deployment: Deployment, what: str, records: list[dict]) -> None:
    body = json.dumps({"records": records}).encode()
    status, answer = line.send(request(platform.path(what, deployment), platform.secret, body))
    if status != 200:
        raise RuntimeError(f"expected the {what} to be accepted, got {status}: {answer[:300]!r}")
