"""Area `strategies`: each aggregation rule beside FedAvg, with the circuit, on unlike sites, over paired seeds.

Patients of UCI heart are dealt to five sites by a Dirichlet draw over labels (0.3: some sites hold nearly one label). A
seed decides the deal, the initial weights and the training noise, and all rules share them. AUC is of patients that no
site trained on. Nothing is tuned: rules have their defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np
import torch
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from benchmarks.frame import ROOT, Measure, progress
from federation.domain.data.dataset import SiteData
from federation.domain.data.heart import HeartSource
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import State, load_state, state_of
from federation.domain.models.base import Model, as_batch
from federation.domain.models.registry import build, default_specs
from federation.domain.strategies.base import Before, Strategy, Update
from federation.domain.strategies.registry import RULES, strategy

FOLDER = ROOT.parent / "shared" / "data" / "heart"
SITES, ALPHA, HELD_OUT, FEWEST = 5, 0.3, 0.3, 8
SEEDS, QUICK_SEEDS = 10, 2


@dataclass(frozen=True)
class Regime:
    """How long sites train between two averages, and whether they add noise."""

    name: str
    rounds: int
    local: LocalConfig
    rules: tuple[str, ...]


REGIMES = (
    Regime("short", 15, LocalConfig(2, 32, 0.03), tuple(n for n in RULES if n != "fedavg")),
    Regime("long", 6, LocalConfig(15, 32, 0.1), ("qifa",)),
    Regime("private", 10, LocalConfig(2, 32, 0.03, dp=DPConfig(3.0, 0.5, 1e-4)), ("qifa",)),
)


@dataclass(frozen=True)
class Trained:
    """What one rule came to: AUC of the patients held out, and the angles."""

    auc: float
    angles: np.ndarray


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Measure each regime; none needs a database. QUICK has too few seeds for a conclusion."""
    chosen = [regime for regime in REGIMES if not only or regime.name in only]
    if not chosen:
        raise SystemExit(f"expected some of {', '.join(r.name for r in REGIMES)}, got {' '.join(only)}")
    torch.set_num_threads(1)
    for regime in chosen:
        found: dict[str, list[Trained]] = {name: [] for name in ("fedavg", *regime.rules)}
        for seed in range(QUICK_SEEDS if quick else SEEDS):
            train, held = deal(seed)
            for name, results in found.items():
                results.append(run(strategy(name), regime, train, held, seed=seed))
            progress(f"strategies: {regime.name}, seed {seed}: {[f'{n} {r[-1].auc:.3f}' for n, r in found.items()]}")
        for name in regime.rules:
            yield row(regime, name, found[name], found["fedavg"])


def row(regime: Regime, name: str, ours: list[Trained], plain: list[Trained]) -> Measure:
    """A rule's mean AUC beside FedAvg's, with the interval of the paired difference."""
    apart = [a.auc - b.auc for a, b in zip(ours, plain, strict=True)]
    reach = float(t.ppf(0.975, len(apart) - 1)) * stdev(apart) / len(apart) ** 0.5
    turn = [abs((a.angles - b.angles + np.pi) % (2 * np.pi) - np.pi).max() for a, b in zip(ours, plain, strict=True)]
    value, peer = mean(r.auc for r in ours), mean(r.auc for r in plain)
    note = (
        f"AUC, paired difference {mean(apart):+.4f} [{mean(apart) - reach:+.4f}, {mean(apart) + reach:+.4f}] (95 % t), "
        f"better in {sum(d > 0 for d in apart)} of {len(apart)} seeds, sd of FedAvg {stdev(r.auc for r in plain):.3f}; "
        f"largest angle between both at the end {max(turn):.3f} rad; {regime.rounds} rounds, {SITES} sites, "
        f"Dirichlet {ALPHA}"
    )
    return Measure(
        f"strategies.{regime.name}.{name}", value, "AUC", "fedavg", peer, value / peer, len(apart), None, note
    )


def deal(seed: int) -> tuple[list[SiteData], SiteData]:
    """Five sites of unlike labels, and the patients that are held out."""
    source, rng = HeartSource(FOLDER), np.random.default_rng([seed, 11])
    whole = _pooled([source.load(info.code) for info in source.sites()])
    order = rng.permutation(whole.n_patients)
    cut = int(HELD_OUT * len(order))
    held, rest = whole.take(np.sort(order[:cut])), order[cut:]
    while True:
        owner = np.empty(len(rest), dtype=np.int64)
        for label in (0, 1):
            own = whole.y[rest] == label
            owner[own] = rng.choice(SITES, size=int(own.sum()), p=rng.dirichlet([ALPHA] * SITES))
        if np.bincount(owner, minlength=SITES).min() >= FEWEST:
            return [whole.take(np.sort(rest[owner == site])) for site in range(SITES)], held


def _pooled(parts: list[SiteData]) -> SiteData:
    names = tuple(f"{p.site}/{record}" for p in parts for record in p.record_ids)
    x, y = np.concatenate([p.x for p in parts]), np.concatenate([p.y for p in parts])
    return SiteData("all", "classification", names, x, y, np.arange(len(names)), {}, parts[0].feature_names,
                    parts[0].report)  # fmt: skip


def run(rule: Strategy, regime: Regime, train: list[SiteData], held: SiteData, *, seed: int) -> Trained:
    model = build(default_specs("classification", held.x.shape[1])[0], seed=seed)
    at, own = Before(state_of(model), angles=model.angles, sites=len(train)), [State() for _ in train]
    for number in range(regime.rounds):
        updates = []
        for i, data in enumerate(train):
            load_state(model, at.start)
            result = train_local(
                model, data, regime.local, seed=seed * 10_000 + number * 100 + i, pull=rule.pull, own=own[i] or None
            )
            own[i] = result.own
            updates.append(Update(f"{i}", result.state, data.n_patients, regime.local.noise_of(data.n_patients)))
        done = rule.aggregate(updates, at)
        at = Before(done.state, done.memory, at.angles, at.sites)
    load_state(model, at.start)
    return Trained(_auc(model, held), np.concatenate([at.start[name].ravel() for name in sorted(at.angles)]))


def _auc(model: Model, held: SiteData) -> float:
    model.eval()
    with torch.no_grad():
        return float(roc_auc_score(held.y, model(as_batch(held.x)).numpy()))
