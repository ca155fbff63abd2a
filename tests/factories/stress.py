"""Sites and models of which one knows what stress does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from audits.predeployment.checks.at_site import Bench
from federation.domain.data.dataset import LoadReport, SiteData, Splits, split
from federation.domain.data.phantom import PhantomSource
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.models.base import Model
from federation.domain.models.choice import ModelChoice
from federation.domain.models.registry import build, default_specs, transferred_specs
from federation.domain.models.specs import chosen_specs
from federation.domain.run_config import MODEL_NAMES, RunConfig

FEATURES = ("age", "sex_male", "chol", "chol_missing", "thal_3", "thal_6", "thal_missing")


def rows_of(site: str, n: int, *, seed: int = 0) -> SiteData:
    """Made-up patients; the disease follows age and cholesterol. Every third is a woman, every second is old."""
    rng = np.random.default_rng([seed, *site.encode()])
    age, chol = rng.uniform(0, 1, n), rng.uniform(0, 1, n)
    sex = np.arange(n) % 3 > 0
    thal = rng.integers(0, 3, n)
    x = np.column_stack([age, sex, chol, np.zeros(n), thal == 0, thal == 1, thal == 2]).astype(np.float32)
    groups = {
        "sex": np.where(sex, "male", "female"),
        "age_band": np.where(np.arange(n) % 2 > 0, "65 and over", "under 65"),
    }
    y = (age + chol > 1).astype(np.int64)
    ids = tuple(f"{site}-{i:04d}" for i in range(n))
    return SiteData(site, "classification", ids, x, y, np.arange(n, dtype=np.int64), groups, FEATURES, LoadReport(n, n))


def bench_of(data: SiteData, models: dict[str, Model], *, seed: int = 3) -> Bench:
    specs = {name: models[name].spec for name in MODEL_NAMES}
    config = RunConfig(
        task=data.task, models=specs, rounds=1, seed=seed, epsilon_budget=None, data_digests={data.site: "0" * 64},
        local=LocalConfig(epochs=1, batch_size=8, learning_rate=0.01),
    )  # fmt: skip
    return Bench(split(data, seed=seed), models, config)


@cache
def tabular_models() -> dict[str, Model]:
    """Both classifiers, trained until they know the rule."""
    return _trained(rows_of("teacher", 300), LocalConfig(epochs=25, batch_size=16, learning_rate=0.05))


@cache
def beside_logistic() -> dict[str, Model]:
    """The quantum classifier and a logistic regression, trained until they know the rule."""
    specs = chosen_specs("classification", len(FEATURES), None, ModelChoice("logistic"))
    return _trained(rows_of("teacher", 300), LocalConfig(epochs=25, batch_size=16, learning_rate=0.05), specs)


@cache
def imaging_models() -> dict[str, Model]:
    """Both U-Nets, trained on a few small phantoms."""
    data = PhantomSource(patients=48, n_sites=1, px=16).load("phantom-1")
    return _trained(data, LocalConfig(epochs=6, batch_size=8, learning_rate=0.02))


def _trained(data: SiteData, config: LocalConfig, specs: Sequence[dict] | None = None) -> dict[str, Model]:
    specs = specs or default_specs(data.task, data.x.shape[1], data.side)
    models = {name: build(spec, seed=1) for name, spec in zip(MODEL_NAMES, specs, strict=True)}
    for model in models.values():
        train_local(model, data, config, seed=1)
        model.eval()
    return models


def tabular_benches(n: int = 120, *, models: dict[str, Model] | None = None) -> dict[str, Bench]:
    """Two hospitals of n patients each."""
    return {site: bench_of(rows_of(site, n), models or tabular_models()) for site in ("north", "south")}


def imaging_benches(patients: int = 60) -> dict[str, Bench]:
    source = PhantomSource(patients=patients, n_sites=2, px=16)
    return {site.code: bench_of(source.load(site.code), imaging_models()) for site in source.sites()}


def labelled(data: SiteData) -> SiteData:
    """Phantoms to classify: whether a patient's tumour is larger than that of half of them."""
    area = data.y.sum(axis=(1, 2))
    return replace(data, task="classification", y=(area > np.median(area)).astype(np.int64))


@cache
def image_classifiers() -> dict[str, Model]:
    """The chest classifier and its twin, trained on phantoms until they know a large tumour."""
    data = labelled(PhantomSource(patients=240, n_sites=1, px=16, seed=9).load("phantom-1"))
    return _trained(data, LocalConfig(epochs=20, batch_size=16, learning_rate=0.005))


@cache
def classifiers_on_unets() -> dict[str, Model]:
    """A classifier and its twin on the ways down of two U-Nets, tuned on the same phantoms."""
    data = labelled(PhantomSource(patients=240, n_sites=1, px=16, seed=9).load("phantom-1"))
    specs = transferred_specs(default_specs("segmentation", data.x.shape[1], data.side))
    return _trained(data, LocalConfig(epochs=4, batch_size=16, learning_rate=0.01), specs)


def classified_image_benches(patients: int = 120, *, models: dict[str, Model] | None = None) -> dict[str, Bench]:
    source, found = PhantomSource(patients=patients, n_sites=2, px=16), models or image_classifiers()
    return {site.code: bench_of(labelled(source.load(site.code)), found) for site in source.sites()}


def with_audit(bench: Bench, audit: SiteData) -> Bench:
    """The same bench with other audit patients."""
    return Bench(Splits(bench.splits.train, bench.splits.validation, audit), bench.models, bench.config)


def without_groups(data: SiteData) -> SiteData:
    return replace(data, groups={})
