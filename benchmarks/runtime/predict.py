"""One image sent to a deployed hybrid, until its mask has come back and its row and ledger entry are committed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.dice.plans import HYBRID, PX, TWIN
from benchmarks.frame import Measure, compared, progress
from benchmarks.runtime.ingest import conditions
from benchmarks.runtime.load import Line, request
from benchmarks.runtime.serving import Platform
from core import context
from models_registry.models import Deployment
from tests.factories.federation import make_federation
from tests.factories.registry import make_deployment, make_evidence, make_version

IMAGES, QUICK_IMAGES, FIRST = 200, 40, 20  # the first are sent unmeasured: each web process loads the models


def measure(platform: Platform, *, quick: bool) -> Iterator[Measure]:
    """Milliseconds at the median over one connection, alternating with the classical twin; the target is at most 50."""
    deployments = _deployed(platform)
    line, rng = Line(platform.port), np.random.default_rng(0)
    times: list[list[float]] = [[] for _ in deployments]
    for number in range(-FIRST, QUICK_IMAGES if quick else IMAGES):
        for deployment, found in zip(deployments, times, strict=True):
            body = _body(f"case-{number + FIRST}", rng)
            started = time.perf_counter()
            status, answer = line.send(request(platform.path("predictions", deployment), platform.secret, body))
            if status != 200 or b'"mask"' not in answer:
                raise RuntimeError(f"expected a mask, got {status}: {answer[:300]!r}")
            if number >= 0:
                found.append(1000 * (time.perf_counter() - started))
    slow = float(np.quantile(times[0], 0.99))
    progress(f"one image: p50 {np.median(times[0]):.1f} ms, p99 {slow:.1f} ms")
    note = conditions(
        f"target <= 50 ms at the median; 99th percentile {slow:.1f} ms; {PX} px, one after another, in one thread"
    )
    yield compared("runtime.predict_ms", times[0], "ms", better="lower", peer=TWIN["kind"], theirs=times[1], note=note)


def _deployed(platform: Platform) -> list[Deployment]:
    """The hybrid and its twin, each in use; their weights are initial ones, which take as long."""
    world = make_federation(platform.world.people, "segmentation", [HYBRID["inputs"], PX, PX], name="Images")
    found = []
    for primary, baseline in ((HYBRID, TWIN), (TWIN, HYBRID)):
        context.set_actor(None)
        version = make_version(world, models={"primary": primary, "baseline": baseline})
        make_evidence(version)
        found.append(make_deployment(world, version=version, name=primary["kind"]))
    context.set_actor(None)
    return found


def _body(name: str, rng: np.random.Generator) -> bytes:
    pixels = rng.random((HYBRID["inputs"], PX, PX), dtype=np.float32)
    image = {"shape": list(pixels.shape), "dtype": "float32", "data": base64.b64encode(pixels.tobytes()).decode()}
    return json.dumps({"records": [{"event_key": name, "patient": name, "image": image}]}).encode()
