"""Amplitude estimation concludes from the counts of the bias score."""

from __future__ import annotations

import json

import numpy as np
import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks.registry import check_of
from core.charts import bar_chart
from tests.factories.benches import bench, site_data, two_sites
from tests.factories.checks import run_check

CHECK = check_of("amplitude")
QUICK = {"runs": 5}


def test_queries_stand_beside_three_classical_ways_and_the_sentence_says_who_wins():
    found = run_check(CHECK, two_sites(300), settings=QUICK)
    assert found.verdict is Verdict.NOT_APPLICABLE  # no model passes or fails by it
    for total in found.evidence["totals"]:
        assert total["exact"] < total["iqae"] and total["saved"] < 0  # a few hundred records: counting wins
    assert "The classical way wins." in found.sentences[0] and "wall time" in found.sentences[2]
    assert found.value == found.evidence["totals"][-1]["saved"]
    json.dumps(found.evidence, allow_nan=False)
    figure = found.figures[0]
    assert "<svg" in str(bar_chart(figure.rows, title=figure.title, **figure.options).svg)


def test_the_rates_are_those_of_the_counts():
    benches = two_sites(300)
    found = run_check(CHECK, benches, settings=QUICK)
    ill = hits = 0
    for one in benches.values():
        data = one.splits.audit
        rows = (data.groups["sex"] == "female") & (data.y == 1)
        ill, hits = ill + int(rows.sum()), hits + int((data.x[rows, 0] >= 0).sum())
    mine = [row for row in found.evidence["rows"] if row["group"] == "female"]
    assert {row["exact"] for row in mine} == {ill}
    assert mine[0]["rate"] == pytest.approx(hits / ill)
    assert np.mean([row["lower"] <= row["rate"] <= row["upper"] for row in found.evidence["rows"]]) > 0.8


def test_the_same_audit_says_the_same_again_wall_time_included():
    first, second = (run_check(CHECK, two_sites(100), settings=QUICK) for _ in range(2))
    assert first == second


def test_it_asks_the_sites_nothing_of_its_own():
    assert CHECK.measured_by == "bias_score"


def test_without_ill_patients_or_known_groups_it_is_not_assessable():
    n = 40
    sex = np.where(np.arange(n) % 2, "female", "male")
    for y, groups in ((np.zeros(n, int), {"sex": sex}), (np.ones(n, int), {"sex": np.full(n, "unknown")})):
        one = bench(site_data("north", np.zeros(n), y, groups))
        found = run_check(CHECK, {"north": one}, settings=QUICK)
        assert found.verdict is Verdict.NOT_ASSESSABLE and found.value is None


@pytest.mark.parametrize("logit", [-1.0, 1.0])
def test_a_model_that_always_says_the_same_is_estimated_at_the_edge(logit):
    n = 40
    one = bench(site_data("north", np.full(n, logit), np.ones(n, int), {"sex": np.full(n, "female")}))
    found = run_check(CHECK, {"north": one}, settings=QUICK)
    assert {row["rate"] for row in found.evidence["rows"]} == {float(logit > 0)}
