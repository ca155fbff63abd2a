"""Bytes that a site sends in a round, and what sending fewer costs the model: real hospitals, real training."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.federation.engine import Federation, example
from benchmarks.frame import ROOT, Measure, progress
from federation.domain.data.dataset import SiteData, split
from federation.domain.data.heart import HeartSource
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.evaluation import evaluate
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.base import Model
from federation.domain.models.registry import build
from federation.domain.secure.compression import ErrorFeedback
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.update import Layout, UpdateCode

METRIC = "federation.bytes_ratio"
FOLDER = ROOT.parent / "shared" / "data" / "heart"
SITES, SIZE, KEEP, CLIP = 10, 100_000, 0.08, 0.25
MODEL = {"kind": "mlp_classifier", "inputs": 26, "hidden": 16, "outputs": 8}
LOCAL = LocalConfig(epochs=2, batch_size=32, learning_rate=0.001)
ROUNDS, SEEDS, QUICK_SEEDS = 40, 6, 2


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Bytes of all sealed, masked messages of a site in a round over those of its weights in float32; target 1/8."""
    if only and not any(word in METRIC for word in only):
        return
    start, trained = example(SIZE, SITES)
    federation = Federation(SITES, start, keep=KEEP)
    federation.secure_round(trained)
    sent = sum(federation.sent.values()) / SITES
    binary = 0.75 * sent  # the text is base64, for brokers that carry JSON
    loss, words = _loss(QUICK_SEEDS if quick else SEEDS)
    note = (
        f"target <= 0.125 with at most 1 point of the metric lost; {sent / 1000:.1f} kB a site and round as sent "
        f"(base64), {binary / (4 * SIZE):.4f} of float32 in binary, all three stages, {SITES} sites, {SIZE:,} "
        f"parameters, {KEEP:g} of the coordinates at 16 bits; to the sites the whole weights go; {words}"
    )
    yield Measure(METRIC, sent / (4 * SIZE), "of float32", "float32", 1.0, 4 * SIZE / sent, note=note)
    yield Measure("federation.bytes_loss", loss, "points", note=words)


@dataclass(frozen=True)
class _Site:
    train: SiteData
    test: SiteData


def _loss(seeds: int) -> tuple[float | None, str]:
    """Points of accuracy lost to compression, on the test patients of the four hospitals of UCI heart."""
    if not FOLDER.exists():
        return None, f"the metric is not measured: {FOLDER} is not here"
    torch.set_num_threads(2)
    source, pairs = HeartSource(FOLDER), []
    for seed in range(seeds):
        splits = [split(source.load(info.code), seed=seed) for info in source.sites()]
        sites = [_Site(part.train, part.audit) for part in splits]
        pairs.append((_trained(sites, seed, _averaging(sites)), _trained(sites, seed, _compressing(sites))))
        progress(f"heart, seed {seed}: {100 * pairs[-1][0]:.1f} whole, {100 * pairs[-1][1]:.1f} compressed")
    lost = [100 * (whole - part) for whole, part in pairs]
    mean, sd = statistics.mean(lost), statistics.stdev(lost)
    whole, part = (100 * statistics.mean(column) for column in zip(*pairs, strict=True))
    return mean, (
        f"accuracy on heart {whole:.1f} % with whole float32 updates and {part:.1f} % compressed: {mean:+.2f} points "
        f"lost (sd of the difference {sd:.2f}, {seeds} seeds), {MODEL['kind']}, {ROUNDS} rounds"
    )


Round = Callable[[Model, list[dict], int], None]


def _trained(sites: list[_Site], seed: int, combine: Round) -> float:
    model = build(MODEL, seed=seed)
    for number in range(1, ROUNDS + 1):
        states, start = [], state_of(model)
        for place, site in enumerate(sites):
            twin = build(MODEL)
            load_state(twin, start)
            states.append(train_local(twin, site.train, LOCAL, seed=1000 * seed + 10 * number + place).state)
        combine(model, states, number)
    right = total = 0.0
    for site in sites:
        found = evaluate(model, site.test).metrics["accuracy"]
        right, total = right + float(np.nansum(found)), total + int((~np.isnan(found)).sum())
    return right / total


def _averaging(sites: list[_Site]) -> Round:
    records = [site.train.n_patients for site in sites]

    def combine(model: Model, states: list[dict], number: int) -> None:
        load_state(
            model,
            {
                name: (
                    sum(n * s[name].astype(float) for n, s in zip(records, states, strict=True)) / sum(records)
                ).astype(np.float32)
                for name in states[0]
            },
        )

    return combine


def _compressing(sites: list[_Site]) -> Round:
    """What the sums of masked, quantised, sparse updates give; masks cancel exactly and are left out."""
    records = [site.train.n_patients for site in sites]
    keys = {str(place): "0" * 64 for place in range(len(sites))}
    config = SecurityConfig.recommended(keys, most_records=max(records), keep=KEEP, clip=CLIP)
    layout = Layout.of({"m": state_of(build(MODEL))})
    owed = [ErrorFeedback(np.zeros(layout.size, dtype=np.float32)) for _ in sites]

    def combine(model: Model, states: list[dict], number: int) -> None:
        start = layout.flatten({"m": state_of(model)})
        code = UpdateCode.of(config, seed="run", round_number=number, size=layout.size)
        total = np.zeros(len(code.indices), dtype=np.int64)
        for place, (n, state, debt) in enumerate(zip(records, states, owed, strict=True)):
            change = layout.flatten({"m": state}) - start
            total += code.encode(change, n, debt, seed=bytes([place, number]) * 16)
            debt.settle()
        summed = (total % code.quantiser.field.modulus).astype(np.uint32)
        load_state(model, layout.unflatten(code.apply(start, summed, sum(records)))["m"])

    return combine
