"""A round of ten sites and 100,000 parameters: plain, secure, and Flower's SecAgg+ where it is installed."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.federation.engine import Federation, example
from benchmarks.frame import QUICK_RUNS, RUNS, Measure, alternate, compared, progress

SITES, SIZE, KEEP = 10, 100_000, 0.08
METRICS = ("federation.round_s", "federation.round_all_s", "federation.vs_flower_secagg")


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Targets: at most 0.5 s, at most twice plain FedAvg in the same engine, less than Flower's SecAgg+."""
    if only and not any(word in metric for word in only for metric in METRICS):
        return
    torch.set_num_threads(2)
    start, trained = example(SIZE, SITES)
    compressed, whole = (Federation(SITES, start, keep=keep) for keep in (KEEP, 1.0))
    _check(whole, trained)
    runs = QUICK_RUNS if quick else 3 * RUNS
    peer = _Flower.start(threshold=compressed.config.threshold)
    contestants: list[Callable[[], float]] = [
        lambda: _seconds(compressed.secure_round, trained),
        lambda: _seconds(compressed.plain_round, trained),
        lambda: _seconds(whole.secure_round, trained),
    ]
    figures = alternate(*contestants, *([peer.one_round] if peer else []), runs=runs)
    secure, plain, every = figures[:3]
    for metric, ours, sent in ((METRICS[0], secure, f"{KEEP:g}"), (METRICS[1], every, "all")):
        note = (
            f"target <= 0.5 s and <= 2x plain FedAvg in the same engine (here "
            f"{statistics.median(ours) / statistics.median(plain):.2f}x); {sent} of the coordinates; {SITES} sites, "
            f"{SIZE:,} parameters, ML-KEM-768, AES-256-GCM, ML-DSA-65, threshold {compressed.config.threshold}; in one "
            "process, one site after the other, without training and broker; pairwise keys are agreed once a run"
        )
        yield compared(metric, ours, "s", better="lower", peer="plain FedAvg, signed", theirs=plain, note=note)
    if peer is None:
        progress("FLWR_PYTHON names no Python with flwr (its SecAgg+ is in 1.41), so the comparison is left out")
        yield Measure(METRICS[2], None, "s", "Flower SecAgg+", note="flwr is not installed: set FLWR_PYTHON")
        return
    note = (
        f"ours with all coordinates sent and sealed, against {peer.version} SecAgg+ (P-384, in-process, unsealed, "
        "unsigned, nothing serialised); same sites, parameters and threshold; its masks keep 32 bits of the secret"
    )
    yield compared(METRICS[2], every, "s", better="lower", peer=peer.version, theirs=figures[3], note=note)


def _seconds(one_round: Callable, trained) -> float:
    started = time.perf_counter()
    one_round(trained)
    return time.perf_counter() - started


def _check(federation: Federation, trained) -> None:
    """What is timed must be right: with all coordinates, both ways give the same mean to the quantisation error."""
    plain, secure = federation.plain_round(trained)["w"], federation.secure_round(trained)["w"]
    step = federation.config.clip * 2 * SITES / 65521
    if np.abs(plain - secure).max() > 2 * step:
        raise AssertionError(f"the secure mean is off by {np.abs(plain - secure).max()}, expected {step}")


class _Flower:
    """A round of Flower's SecAgg+ in a process of its own environment."""

    def __init__(self, process: subprocess.Popen[str], version: str) -> None:
        self._process, self.version = process, version

    @classmethod
    def start(cls, *, threshold: int) -> _Flower | None:
        python = os.environ.get("FLWR_PYTHON", "")
        if not Path(python).is_file():
            return None
        script = Path(__file__).parent / "flower_peer.py"
        process = subprocess.Popen(
            [python, str(script), str(SITES), str(SIZE), str(threshold)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        version = process.stdout.readline().strip()
        return cls(process, version) if version else None

    def one_round(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())
