from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import Bench, copy_of
from audits.predeployment.checks.attribute_inference import AttributeInference
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from core.charts import interval_chart
from federation.domain.data.dataset import SiteData, Splits
from tests.factories.checks import run_check
from tests.factories.privacy import PRIVATE, at_site, coin_benches

CHECK = AttributeInference()


@pytest.fixture(scope="module")
def benches():
    return coin_benches(PRIVATE, {"north": 300})


def renamed(bench: Bench, groups) -> Bench:
    """The same bench; `groups` makes the groups of each split from its data."""

    def part(data: SiteData) -> SiteData:
        names = ("sex_male", *data.feature_names[1:])
        return replace(data, feature_names=names, groups=groups(data))

    splits = Splits(part(bench.splits.train), part(bench.splits.validation), part(bench.splits.audit))
    return Bench(splits, bench.models, bench.config)


def telling(bench: Bench) -> Bench:
    """The primary model's answer is its first input, which tells the sex and is kept from the attacker."""
    model = copy_of(bench.models["primary"])
    with torch.no_grad():
        for value in model.parameters():
            value.zero_()
        model.bottleneck.hidden.weight[0, 0] = model.bottleneck.out.weight[0, 0] = model.head.weight[0, 0] = 1.0
    told = renamed(bench, lambda data: {"sex": np.where(data.x[:, 0] > 0.5, "male", "female")})
    return Bench(told.splits, {"primary": model, "baseline": bench.models["baseline"]}, bench.config)


def test_it_is_installed():
    assert isinstance(check_of("attribute_inference"), AttributeInference)


def test_a_model_that_tells_the_sex_fails_and_its_twin_stands_beside(benches):
    found = run_check(CHECK, {"north": telling(benches["north"])})
    assert found.verdict is Verdict.FAIL and found.lower > 0.1
    assert any("tells more" in sentence for sentence in found.sentences)
    assert len(found.tables[0].rows) == 2 * 2 * 2
    chart = interval_chart(found.figures[0].rows, title=found.figures[0].title, **found.figures[0].options)
    assert "<svg" in str(chart.svg)


def test_what_other_features_tell_anyway_is_no_leak(benches):
    """The sex can be guessed from the first column; a model of coins adds nothing."""
    found = run_check(CHECK, benches)
    assert found.verdict is not Verdict.FAIL and found.lower <= 0
    with_features = run_check(CHECK, benches, settings={"max_advantage": 0.5})
    assert with_features.verdict is Verdict.PASS


@pytest.mark.parametrize(
    "groups",
    [
        lambda data: {},
        lambda data: {"sex": np.full(data.n_patients, "male")},
        lambda data: {"sex": np.full(data.n_patients, "unknown")},
    ],
    ids=["no attribute", "one group", "unknown"],
)
def test_without_an_attribute_of_two_groups_it_is_not_assessable(benches, groups):
    found = run_check(CHECK, {"north": renamed(benches["north"], groups)})
    assert found.verdict is Verdict.NOT_ASSESSABLE and len(found.sentences[0]) > 30


def test_an_answer_that_cannot_be_is_refused(benches):
    raw = json.loads(json.dumps(measure_at(CHECK, at_site(CHECK, benches["north"], {}))))
    fixed = settings_of(CHECK)
    assert len(read_answer(CHECK, "north", raw, fixed)[0].sums) == 8
    for spoil in (
        lambda rows: rows.pop(),
        lambda rows: rows.append(rows[0]),
        lambda rows: rows[0].__setitem__(3, "oracle"),
        lambda rows: rows[0].__setitem__(5, 1e9),
    ):
        bad = json.loads(json.dumps(raw))
        spoil(bad["rows"])
        with pytest.raises(AnswerError, match="north"):
            read_answer(CHECK, "north", bad, fixed)
