"""The study of transfer: every arm chosen alike, the test part seen once, the claim judged by bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.transfer import arms, comparing, heart
from benchmarks.transfer.arms import FROZEN, SCRATCH, STARTS, Seed
from federation.domain.data.dataset import LoadReport, SiteData, Splits, split
from federation.domain.data.heart import HeartSource
from federation.domain.models.registry import build

HEADS = ("quantum", "classical")
ARMS = [(start, head) for start in STARTS for head in HEADS]
GRID = (0.003, 0.01, 0.03)
SOURCE = {"kind": "mlp_classifier", "inputs": 3, "hidden": 4, "outputs": 4}


def seed_of(scores: dict, label, site, patient, rate: float = 0.01) -> Seed:
    filled = {arm: np.array(scores.get(arm, scores["rest"]), dtype=float) for arm in ARMS}
    chosen, sent = dict.fromkeys(ARMS, rate), dict.fromkeys(ARMS, 8)
    return Seed(np.array(label, dtype=bool), np.array(site), np.array(patient), filled, chosen, sent)


def seeds_of(**more) -> list[Seed]:
    """Three seeds in which the frozen quantum arm ranks patients as every other arm does."""
    label = np.arange(60) < 30
    base = np.random.default_rng(0).normal(size=60) + label
    one = seed_of(
        {"rest": base, (FROZEN, "quantum"): 2 * base + 1}, label, ["a"] * 60, [f"{i:02}" for i in range(60)], **more
    )
    return [one] * 3


def poor_sites() -> list[Splits]:
    rng = np.random.default_rng(5)
    sites = []
    for code in ("north", "south"):
        x = rng.normal(size=(40, 3)).astype(np.float32)
        y, ids = (x[:, 0] > 0).astype(np.int64), tuple(f"{code}{i}" for i in range(40))
        data = SiteData(code, "classification", ids, x, y, np.arange(40), {}, ("a", "b", "c"), LoadReport(40, 40))
        sites.append(split(data, seed=0, fractions=(0.4, 0.2, 0.4)))
    return sites


@pytest.fixture
def found(monkeypatch):
    """What the arms find with so few rounds that a test lasts a second."""
    monkeypatch.setattr(arms, "ROUNDS", 3)

    def run(poor: Sequence[Splits], *, source: int = 1) -> Seed:
        return arms.run_arms(build(SOURCE, seed=source), poor, rates=(0.01, 0.1), batch=8, seed=0)

    return run


def test_every_arm_answers_for_the_test_patients_with_a_rate_of_the_grid(found):
    seed = found(poor_sites())
    assert set(seed.arms) == set(seed.chosen) == set(seed.sent) == set(ARMS)
    assert all(len(logits) == len(set(seed.patient)) == 32 for logits in seed.arms.values())
    assert set(seed.chosen.values()) <= {0.01, 0.1}
    assert all(seed.sent[FROZEN, head] < seed.sent[SCRATCH, head] for head in HEADS)


def test_labels_of_test_patients_choose_nothing(found):
    inverted = [replace(site, audit=replace(site.audit, y=1 - site.audit.y)) for site in poor_sites()]
    honest, other = found(poor_sites()), found(inverted)
    assert honest.chosen == other.chosen and (honest.label != other.label).all()
    for arm in ARMS:
        np.testing.assert_array_equal(honest.arms[arm], other.arms[arm])


def test_what_the_source_learned_reaches_every_arm_but_those_from_scratch(found):
    one, other = found(poor_sites(), source=1), found(poor_sites(), source=2)
    for start, head in ARMS:
        same = np.array_equal(one.arms[start, head], other.arms[start, head])
        assert same == (start == SCRATCH), (start, head)


def test_the_few_patients_of_a_poor_site_are_drawn_for_each_seed():
    source, few, every = HeartSource(heart.FOLDER), *heart.STUDIES
    drawn = set()
    for seed in range(10):
        for some, whole in zip(few.poor(source, seed), every.poor(source, seed), strict=True):
            assert some.train.n_patients == 15 and set(some.train.record_ids) <= set(whole.train.record_ids)
            assert some.audit.record_ids == whole.audit.record_ids
            drawn |= set(some.train.record_ids)
        assert few.poor(source, seed)[1].train.record_ids == some.train.record_ids
    # 150 draws among 200 patients of Long Beach; from the head of its file there would be some 50.
    assert sum(name.startswith("va") for name in drawn) > 90


def test_differences_are_paired_by_patient_and_seed():
    rows = {row.metric: row for row in comparing.rows("t", GRID, seeds_of())}
    # The same order of patients has the same area in every resample, so nothing is left between the arms.
    assert "difference +0.000, 95 % +0.000 to +0.000" in rows["t.frozen_quantum"].note
    assert "NOT SUPPORTED" in rows["t.frozen_quantum"].note and "claim" not in rows["t.heads_frozen"].note
    assert "rates chosen: frozen quantum 0.01 (3), scratch quantum 0.01 (3)" in rows["t.frozen_quantum"].note
    assert len(rows) == 7 and rows["t.frozen_quantum"].runs == 3


def test_who_mostly_chose_an_end_of_the_grid_gets_no_verdict():
    for row in comparing.rows("t", GRID, seeds_of(rate=0.03)):
        assert "chose an end of the grid in 3 of 3 seeds" in row.note and "SUPPORTED" not in row.note


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [(0.1, 0.3, "SUPPORTED"), (0.02, 0.09, "NOT SUPPORTED"), (0.02, 0.1, "INCONCLUSIVE"), (-0.1, 0.2, "INCONCLUSIVE")],
)
def test_a_claim_is_judged_by_bounds(lower, upper, told):
    assert comparing.verdict(lower, upper) == told
