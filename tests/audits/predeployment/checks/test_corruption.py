"""Noise, artefacts and errors of entry, end to end over two sites."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite, copy_of
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.corruption import Corruption
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import interval_chart
from tests.factories.checks import SEED, run_check
from tests.factories.stress import imaging_benches, tabular_benches, tabular_models, with_audit

CHECK = Corruption()


@pytest.fixture(scope="module")
def benches():
    return tabular_benches(300)


def test_it_is_installed():
    assert isinstance(check_of("corruption"), Corruption)


def test_a_wide_tolerance_passes_and_a_narrow_one_does_not(benches):
    assert run_check(CHECK, benches, settings={"severity": 1, "tolerated_drop": 0.4}).verdict is Verdict.PASS
    narrow = run_check(CHECK, benches, settings={"severity": 3, "tolerated_drop": 0.01})
    assert narrow.verdict is Verdict.FAIL and narrow.lower > 0.01


def test_each_kind_and_strength_is_shown_for_both_models(benches):
    found = run_check(CHECK, benches)
    assert len(found.tables[0].rows) == 3 * 3 * 2
    assert {"all patients", "sex = female", "site = north"} <= {row[1] for row in found.tables[1].rows}
    assert "classical twin" in found.sentences[1]
    chart = interval_chart(found.figures[0].rows, title="x", **found.figures[0].options)
    assert "<svg" in str(chart.svg)


def test_images_are_corrupted_and_lose_dice():
    found = run_check(CHECK, imaging_benches(), task="segmentation")
    assert len(found.tables[0].rows) == 5 * 3 * 2
    assert "mean Dice" in found.sentences[0] and found.upper > found.value > 0


def test_the_same_seed_gives_the_same_figure(benches):
    assert run_check(CHECK, benches) == run_check(CHECK, benches)


def test_a_constant_model_never_passes():
    constant = {name: copy_of(model) for name, model in tabular_models().items()}
    for model in constant.values():
        with torch.no_grad():
            model.head.weight.zero_()
            model.head.bias.fill_(3)
    found = run_check(CHECK, tabular_benches(300, models=constant), settings={"tolerated_drop": 0.5})
    assert found.verdict is Verdict.INCONCLUSIVE and any("everybody ill" in s for s in found.sentences)


def test_too_few_patients_are_not_assessable(benches):
    tiny = {site: with_audit(bench, bench.splits.audit.take(np.arange(2))) for site, bench in benches.items()}
    assert run_check(CHECK, tiny).verdict is Verdict.NOT_ASSESSABLE


@pytest.mark.parametrize("change", [{"of": "none"}, {"rows": []}, {"counts": {}}, {"patients": True}])
def test_answers_that_cannot_be_are_refused(benches, change):
    fixed = settings_of(CHECK)
    at = AtSite(CHECK.id, "north", benches["north"], fixed, SEED, 0, 1, {}, lambda *_: None)
    raw = json.loads(json.dumps(measure_at(CHECK, at))) | change
    with pytest.raises(AnswerError):
        read_answer(CHECK, "north", raw, fixed)
