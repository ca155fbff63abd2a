"""One image through the deployed hybrid model: weights mapped from their file, answered as the gateway asks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.dice.plans import HYBRID, TWIN
from benchmarks.frame import Measure, compared
from federation.domain.learning.evaluation import predict
from federation.domain.learning.weights import map_state, state_of, to_bytes
from federation.domain.models.base import Model
from federation.domain.models.registry import build

METRIC = "vqc.infer_ms"
RUNS, QUICK_RUNS = 200, 50
PX, THREADS = 64, 2


def deployed(spec: dict) -> Model:
    """A model as a deployment loads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        path.write_bytes(to_bytes(state_of(build(spec, seed=1))))
        model = build(spec)
        map_state(model, path)
    return model.eval()


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Milliseconds for one image at the median, alternating with the classical twin; the target is at most 50."""
    if only and not any(word in METRIC for word in only):
        return
    torch.set_num_threads(THREADS)
    image = np.random.default_rng(0).random((1, HYBRID["inputs"], PX, PX), dtype=np.float32)
    models = [deployed(spec) for spec in (HYBRID, TWIN)]
    times: list[list[float]] = [[], []]
    runs = QUICK_RUNS if quick else RUNS
    for turn in range(runs + 10):
        for model, found in zip(models, times, strict=True):
            started = time.perf_counter()
            predict(model, image, "segmentation")
            if turn >= 10:
                found.append(1000 * (time.perf_counter() - started))
    slow = float(np.quantile(times[0], 0.99))
    note = f"target <= 50 ms at the median on 2 cores; 99th percentile {slow:.1f} ms; {PX} px, {THREADS} threads"
    yield compared(METRIC, times[0], "ms", better="lower", peer=TWIN["kind"], theirs=times[1], note=note)
