"""The privacy benchmark: what it compares is comparable, and its rows say what they should."""

import math

import numpy as np
import pytest
import torch

from benchmarks.privacy import federating
from benchmarks.privacy.area import rows
from benchmarks.privacy.federating import LEVELS, RATE, STEPS, Score, noise_for, run
from federation.domain.data.dataset import LoadReport, SiteData, split
from federation.domain.privacy.accountant import Spend, composed_epsilon


def test_both_regimes_pay_the_same_for_the_same_noise():
    alone, together = noise_for(1.0, RATE), noise_for(1.0, RATE, LEVELS, 79)
    assert together == pytest.approx(alone, rel=0.02)
    assert 0.99 < composed_epsilon([Spend(alone, RATE, STEPS)], federating.DELTA) <= 1.0
    assert noise_for(math.inf, RATE) is None


def hospital(name: str, seed: int):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    data = SiteData(
        site=name, task="classification", record_ids=tuple(f"{name}{i}" for i in range(200)), x=x,
        y=(x[:, 0] > 0).astype(np.int64), patient_index=np.arange(200), groups={}, feature_names=("a", "b", "c"),
        report=LoadReport(found=200, used=200, refused=(), imputed={}, notes=()),
    )  # fmt: skip
    return split(data, seed=seed, fractions=federating.FRACTIONS)


@pytest.mark.parametrize("regime", federating.REGIMES)
def test_what_can_be_learned_is_learned_and_much_noise_hides_it(regime):
    torch.set_num_threads(1)
    sites = [hospital(name, place) for place, name in enumerate(("one", "two", "three"))]
    clear = run("logistic", regime, math.inf, sites, seed=0)
    private = run("logistic", regime, 8.0, sites, seed=0)
    hidden = run("logistic", regime, 0.02, sites, seed=0)
    assert clear.auc > 0.95 and private.auc > 0.9
    assert hidden.auc < clear.auc - 0.02


def test_rows_stand_beside_the_other_regime_and_the_twins_with_paired_intervals():
    scores = [Score(0.80, 0.7), Score(0.82, 0.7), Score(0.84, 0.7)]
    better = [Score(s.auc + 0.01, s.accuracy) for s in scores]
    found = {}
    for model in federating.MODELS:
        found[model, "distributed", 1.0] = better if model == "vqc" else scores
        found[model, "per_site", 1.0] = scores
    made = {row.metric: row for row in rows(found)}
    row = made["privacy.vqc.distributed.eps1"]
    assert (row.value, row.peer, row.peer_value, row.runs) == (pytest.approx(0.83), "per_site", pytest.approx(0.82), 3)
    assert "paired difference of AUC +0.010 95 % 0.010 to 0.010" in row.note
    assert made["privacy.vqc_against_mlp.per_site.eps1"].ratio == pytest.approx(1.0)
    assert len(made) == 6 + 4
