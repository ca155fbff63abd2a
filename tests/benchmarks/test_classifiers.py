"""The study of classifiers: every arm chosen alike, the test part seen once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.classifiers import chest, comparing, heart, study
from benchmarks.classifiers.study import CIRCUIT, LOGISTIC, NO_ENTANGLEMENT, PEERS, TWIN, Study
from federation.domain.data.dataset import LoadReport, SiteData, Splits, split


def hospitals(seed: int) -> list[Splits]:
    rng = np.random.default_rng([seed, 5])
    sites = []
    for code in ("north", "south"):
        x = rng.normal(size=(40, 3)).astype(np.float32)
        y, ids = (x[:, 0] > 0).astype(np.int64), tuple(f"{code}{i}" for i in range(40))
        data = SiteData(code, "classification", ids, x, y, np.arange(40), {}, ("a", "b", "c"), LoadReport(40, 40))
        sites.append(split(data, seed=seed, fractions=study.FRACTIONS))
    return sites


TINY = Study("tiny", hospitals, rounds=2, batch=8, rates=(0.01, 0.1))


def test_every_arm_answers_for_the_test_patients_with_a_setting_of_the_grid():
    found = TINY.run(0)
    assert set(found.arms) == {CIRCUIT, *PEERS} and all(len(logits) == 24 for logits in found.arms.values())
    assert set(found.site) == {"north", "south"} and len(set(found.patient)) == 24
    assert all(rate in TINY.rates and epochs in study.EPOCHS for rate, epochs in found.chosen.values())
    assert found.parameters[CIRCUIT] == found.parameters[NO_ENTANGLEMENT] and found.parameters[LOGISTIC] == 4
    again = TINY.run(0)
    assert again.chosen == found.chosen and all(np.array_equal(again.arms[arm], found.arms[arm]) for arm in found.arms)


def test_labels_of_test_patients_choose_nothing():
    def inverted(seed: int) -> list[Splits]:
        return [replace(site, audit=replace(site.audit, y=1 - site.audit.y)) for site in hospitals(seed)]

    honest, other = TINY.run(1), replace(TINY, hospitals=inverted).run(1)
    assert honest.chosen == other.chosen and np.array_equal(honest.arms[TWIN], other.arms[TWIN])


def test_the_table_holds_each_arm_and_each_difference_with_a_verdict():
    seeds = [replace(TINY.run(seed), chosen=dict.fromkeys((CIRCUIT, *PEERS), (0.03, 1))) for seed in (0, 1)]
    study_ = replace(TINY, rates=(0.01, 0.03, 0.1))
    rows = {row.metric.removeprefix("classifiers.tiny."): row for row in comparing.rows(study_, seeds)}
    assert set(rows) == {CIRCUIT, *PEERS, *(f"circuit_vs_{peer}" for peer in PEERS)}
    assert "rate x epochs chosen" in rows[CIRCUIT].note and rows[CIRCUIT].runs == 2
    row = rows["circuit_vs_twin"]
    assert (row.value, row.peer_value) == (rows[CIRCUIT].value, rows[TWIN].value)
    assert any(word in row.note for word in ("better", "worse", "undecided"))


def test_who_mostly_chose_an_end_of_the_grid_gets_no_verdict():
    seeds = [replace(TINY.run(seed), chosen=dict.fromkeys((CIRCUIT, *PEERS), (0.1, 1))) for seed in (0, 1)]
    (row,) = [row for row in comparing.rows(TINY, seeds) if row.metric.endswith("circuit_vs_twin")]
    assert "given no verdict, since circuit chose an end of the grid in 2 of 2 seeds and twin chose" in row.note


@pytest.mark.parametrize("module", [heart, chest])
def test_the_parts_of_a_hospital_share_no_patient(module):
    for site in module.hospitals(0):
        parts = [set(part.record_ids) for part in (site.train, site.validation, site.audit)]
        assert sum(map(len, parts)) == len(set.union(*parts)) and all(parts)
    other = {name for site in module.hospitals(1) for name in site.audit.record_ids}
    same = {name for site in module.hospitals(0) for name in site.audit.record_ids} & other
    assert bool(same) == (module is heart)  # phantoms are drawn anew


def test_half_of_the_phantoms_are_called_ill_and_the_models_take_them():
    sites = chest.hospitals(0)
    label = np.concatenate([part.y for site in sites for part in (site.train, site.validation, site.audit)])
    assert 0.4 < label.mean() <= 0.5 and len(label) == chest.PATIENTS
    for model in study.models(sites, chest.SIDE, seed=0).values():
        assert study.scores(model, sites[0].audit).shape == sites[0].audit.y.shape
