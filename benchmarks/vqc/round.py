"""One federated round of the hybrid U-Net beside its twin: real images, five sites, the circuit in the loop."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from benchmarks.dice import data as sets
from benchmarks.dice.plans import HYBRID, LOCAL, TWIN
from benchmarks.frame import Measure, alternate, compared, progress
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.registry import build
from federation.domain.strategies.base import Update
from federation.domain.strategies.fedavg import aggregate

METRIC = "vqc.round_ratio"
RUNS, QUICK_RUNS = 5, 2
QUICK_PATIENTS = 2
THREADS = 2


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Seconds of a round at all sites, one after the other, and their ratio; the target is at most 1.5."""
    if only and not any(word in METRIC for word in only):
        return
    if not sets.LGG.exists():
        progress(f"vqc: {sets.LGG} is not here, so a round is not measured")
        return
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)
    held = dict(sets.sites())
    if quick:
        held = {code: data.take(np.arange(min(QUICK_PATIENTS, data.n_patients))) for code, data in held.items()}
    models = [build(spec, seed=1) for spec in (HYBRID, TWIN)]

    def one_round(model) -> float:
        started = time.perf_counter()
        updates = []
        state = state_of(model)
        for code, data in held.items():
            twin = build(model.spec)
            load_state(twin, state)
            found = train_local(twin, data, LOCAL, seed=1)
            updates.append(Update(code, found.state, found.n_records))
        aggregate(updates)
        return time.perf_counter() - started

    hybrid, classical = alternate(
        *(lambda model=model: one_round(model) for model in models), runs=QUICK_RUNS if quick else RUNS, warm=not quick
    )
    patients = sum(data.n_patients for data in held.values())
    circuits = models[0].core_runs((3, sets.PX, sets.PX))
    note = (
        f"target: hybrid at most 1.5x its twin; {HYBRID['qubits']} qubits, {HYBRID['layers']} layers, {circuits} "
        f"circuits an image, {patients} patients at {len(held)} sites, {LOCAL.slices} slices of each, "
        f"{THREADS} threads; value: hybrid / twin"
    )
    row = compared(METRIC, hybrid, "s", better="lower", peer=f"{TWIN['kind']}, same size", theirs=classical, note=note)
    ratio = row.value / row.peer_value if row.value and row.peer_value else None
    yield Measure("vqc.round_s", row.value, "s", row.peer, row.peer_value, row.ratio, row.runs, row.spread, note)
    yield Measure(METRIC, ratio, "x", runs=row.runs, note=note)
