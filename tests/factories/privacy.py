"""Sites of made-up patients whose labels are coins, and models that learned them by heart or under noise."""

from __future__ import annotations

import numpy as np

from audits.domain.attacks.shadows import Recipe
from audits.predeployment.checks.at_site import AtSite, Bench
from audits.predeployment.checks.base import Check
from audits.predeployment.checks.membership import joined
from audits.predeployment.checks.running import settings_of
from federation.domain.data.dataset import LoadReport, SiteData, split
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.run_config import MODEL_NAMES, RunConfig
from tests.factories.checks import SEED

COLUMNS = 80
# Wide, so that it can learn coins by heart; the attacks do not care which model has which part.
SPEC = {"kind": "mlp_classifier", "inputs": COLUMNS, "hidden": 64, "outputs": 4}
BY_HEART = LocalConfig(epochs=150, batch_size=80, learning_rate=0.02)
PRIVATE = LocalConfig(epochs=1, batch_size=64, learning_rate=0.03, dp=DPConfig(4.0, 0.5, 1e-4))


def coin_patients(site: str, n: int, *, seed: int = 0) -> SiteData:
    """The sex is told by the first column, with errors; nothing tells the label."""
    rng = np.random.default_rng([seed, *site.encode()])
    sex = rng.integers(0, 2, n)
    x = rng.random((n, COLUMNS)).astype(np.float32)
    x[:, 0] = np.clip(0.3 * sex + 0.7 * x[:, 0], 0, 1)
    return SiteData(
        site=site, task="classification", record_ids=tuple(f"{site}-{i}" for i in range(n)), x=x,
        y=rng.integers(0, 2, n), patient_index=np.arange(n, dtype=np.int64),
        groups={"sex": np.where(sex == 1, "male", "female")},
        feature_names=tuple(f"c{i}" for i in range(COLUMNS)), report=LoadReport(n, n),
    )  # fmt: skip


def coin_benches(local: LocalConfig, sizes: dict[str, int], *, rounds: int = 1) -> dict[str, Bench]:
    """Sites of so many patients, and two models trained on the training patients of all of them."""
    splits = {site: split(coin_patients(site, n), seed=1) for site, n in sizes.items()}
    every = None
    for parts in splits.values():
        every = parts.train if every is None else joined(every, parts.train)
    assert every is not None
    config = RunConfig(
        task="classification", models=dict.fromkeys(MODEL_NAMES, SPEC), rounds=rounds, seed=3, local=local,
        epsilon_budget=None if local.dp is None else 5.0, data_digests=dict.fromkeys(sizes, "0"),
    )  # fmt: skip
    models = {name: Recipe(SPEC, local, rounds).train(every, seed) for seed, name in enumerate(MODEL_NAMES)}
    return {site: Bench(parts, models, config) for site, parts in splits.items()}


def at_site(check: Check, bench: Bench, settings: dict, shard: int = 0) -> AtSite:
    fixed = settings_of(check, settings)
    return AtSite(check.id, "north", bench, fixed, SEED, shard, check.shards(fixed), {}, lambda *_: None)
