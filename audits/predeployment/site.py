"""The audit order, in the hospital's own worker: no Django, no database. Only sums and scores leave the site.

The coordinator fixed everything in advance: models, policy, seeds and the reference group of each attribute. The site
opens the patients that no training round has seen, and answers with counts by group, with the observed and permuted
statistics of the kernel test, and with the scores of a few explanations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.explain import lime_image, lime_tabular
from audits.domain.explain.score import SiteExplanation, permuted_parameters
from audits.domain.fairness.quantum_mmd import site_statistics
from audits.predeployment.policy import image_settings, kernel_order, tabular_settings
from federation.domain.data.dataset import UNKNOWN, SiteData, Splits
from federation.domain.learning.evaluation import RecordOutcomes, cells, evaluate, predict
from federation.domain.learning.weights import load_state, state_of
from federation.domain.messages import Message
from federation.domain.models.base import Model
from federation.domain.models.registry import build
from federation.domain.run_config import MODEL_NAMES
from federation.site.handlers import Answer, Site, Tell, frozen_config, handles, load_models

Predict = Callable[[NDArray[np.float32]], NDArray[np.floating]]
PARTS = ("primary", "baseline", "kernel test", "explanations")


@handles("audit")
def audit(site: Site, order: Message, tell: Tell) -> Answer:
    """Measure both models on the site's audit patients."""
    config = frozen_config(site, order)
    splits = site.splits(config.seed)
    answer: dict[str, Any] = {
        "n_patients": splits.audit.n_patients,
        "cells": {name: [] for name in MODEL_NAMES},
        "mmd": {},
        "explanation": None,
        "timings": {},
    }
    if splits.audit.n_patients == 0:  # a very small site: it says so, and the audit lists it as not assessable
        return answer, {}
    models, policy = load_models(order, config), order.body["policy"]
    outcomes = {}
    for number, name in enumerate(MODEL_NAMES):
        with _timed(answer, tell, number):
            outcomes[name] = evaluate(models[name], splits.audit)
            found = cells(splits.audit.site, outcomes[name], splits.audit.groups)
            answer["cells"][name] = [cell.as_dict() for cell in found]
    with _timed(answer, tell, 2):
        known = _standardised(models["primary"], outcomes["primary"], splits.train)
        answer["mmd"] = _kernel_tests(splits.audit, known, policy)
    with _timed(answer, tell, 3):
        answer["explanation"] = _explained(models["primary"], splits, policy).as_dict()
    return answer, {}


@contextmanager
def _timed(answer: dict[str, Any], tell: Tell, number: int) -> Iterator[None]:
    tell({"model": PARTS[number], "step": number + 1, "steps": len(PARTS), "loss": None})
    started = time.perf_counter()
    yield
    answer["timings"][PARTS[number]] = round(time.perf_counter() - started, 3)


def _standardised(model: Model, outcomes: RecordOutcomes, train: SiteData) -> RecordOutcomes:
    """The representation in units of the training patients' spread.

    A U-Net's bottleneck varies a hundred times less than a classifier's, so no constant fits both; and constants must
    not be learned from the patients under test. A column that never moves stays as it is.
    """
    if train.n_patients < 2:
        return outcomes
    seen = evaluate(model, train).representation
    spread = seen.std(axis=0)
    scaled = (outcomes.representation - seen.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return replace(outcomes, representation=scaled.astype(np.float32))


def _kernel_tests(data: SiteData, outcomes: RecordOutcomes, policy: Mapping[str, Any]) -> dict[str, Any]:
    """Each attribute's share of the test; an attribute that this site does not record is left out."""
    tests = {}
    for attribute, reference in sorted(policy["mmd"]["reference_groups"].items()):
        groups = data.groups.get(attribute)
        if groups is None or (groups == UNKNOWN).all():
            continue
        tests[attribute] = site_statistics(
            outcomes.representation,
            outcomes.stratum,
            groups,
            site=data.site,
            reference_group=reference,
            order=kernel_order(policy),
            permutations=policy["mmd"]["permutations"],
            seed=policy["seed"],
            max_records=policy["mmd"]["max_records"],
        ).as_dict()
    return tests


def _explained(model: Model, splits: Splits, policy: Mapping[str, Any]) -> SiteExplanation:
    """A few explanations, as scores. They are sorted, so that no score can be led back to a patient by its place."""
    explain = _explained_rows if splits.audit.task == "classification" else _explained_images
    found = explain(model, splits, policy)
    scores = sorted(found.scores, key=lambda row: row.rcf)
    return replace(found, scores=tuple(scores), control=tuple(sorted(found.control)))


def _explained_rows(model: Model, splits: Splits, policy: Mapping[str, Any]) -> SiteExplanation:
    settings, seed = tabular_settings(policy), policy["seed"]
    if splits.train.n_patients < 2:  # LIME needs the spread of the site's own rows
        return SiteExplanation(splits.audit.site, "tabular", (), (), {}, asdict(settings) | {"seed": seed})
    rng = _rng(seed, splits.audit.site)
    chosen = _some(np.arange(splits.audit.n_patients), policy["lime"]["tabular"]["records"], rng)
    return lime_tabular.site_explanation(
        _probability(model),
        splits.train.x,
        splits.audit.take(chosen).x,
        site=splits.audit.site,
        feature_names=splits.audit.feature_names,
        control=_probability(_control(model, rng)),
        settings=settings,
        seed=seed,
    )


def _explained_images(model: Model, splits: Splits, policy: Mapping[str, Any]) -> SiteExplanation:
    """Of some patients with a lesion, drawn at random, the slice that holds most of it."""
    data = splits.audit
    rng = _rng(policy["seed"], data.site)
    area = data.y.astype(bool).sum(axis=(1, 2))
    diseased = np.unique(data.patient_index[area > 0])
    chosen = _some(diseased, policy["lime"]["image"]["records"], rng)
    rows = [int(np.argmax(np.where(data.patient_index == patient, area, -1))) for patient in chosen]
    return lime_image.site_explanation(
        _lesion(model),
        data.x[rows],
        site=data.site,
        lesions=data.y[rows].astype(bool),
        control=_lesion(_control(model, rng)),
        settings=image_settings(policy),
        seed=policy["seed"],
    )


def _control(model: Model, rng: np.random.Generator) -> Model:
    """The negative control: the same network, its learned weights in random order."""
    control = build(model.spec)
    load_state(control, permuted_parameters(state_of(model), rng))
    return control


def _probability(model: Model) -> Predict:
    return lambda rows: predict(model, rows, "classification").probability


def _lesion(model: Model) -> Predict:
    return lambda images: lime_image.lesion_score(predict(model, images, "segmentation").probability)


def _some(patients: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.permutation(patients)[:count]).astype(np.int64)


def _rng(seed: int, site: str) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, *site.encode()]))
