"""AIF360, Fairlearn and our own sums agree on any table of patients, to 1e-9."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.domain.fairness.aif360_metrics import aif360_metrics
from audits.domain.fairness.bias_score import bias_score
from audits.domain.fairness.bootstrap import bias_score_of_records
from audits.domain.fairness.fairlearn_rates import fairlearn_rates
from federation.domain.group_rates import Cell, Sums

TRUTH, FLAGGED = np.array([1, 0, 0, 1], dtype=bool), np.array([1, 1, 0, 0], dtype=bool)
tables = st.lists(st.tuples(*[st.integers(0, 30)] * 4).filter(sum), min_size=2, max_size=4)


def cell(sex, tp, fp, tn, fn):
    p, h = tp + fn, fp + tn
    counts = {"tpr": (p, tp), "fpr": (h, fp), "accuracy": (p + h, tp + tn), "selection_rate": (p + h, tp + fp)}
    metrics = {name: Sums(n, float(total), float(total)) for name, (n, total) in counts.items()}
    return Cell("all", {"sex": sex}, p + h, metrics, {"tp": tp, "fp": fp, "tn": tn, "fn": fn})


@settings(max_examples=20, deadline=None)
@given(tables)
def test_three_ways_to_the_same_figures(table):
    cells = [cell(f"g{i}", *row) for i, row in enumerate(table)]
    ours = bias_score(cells, task="classification", min_count=1, draws=200, seed=1)
    gaps = {metric: [g for g in ours.gaps if (g.attribute, g.metric) == ("sex", metric)] for metric in ours.metrics}
    worst = {metric: max(g.value for g in found) for metric, found in gaps.items() if found}

    theirs = {row.metric: row for row in fairlearn_rates(cells, resamples=0, seed=1)}
    assert set(theirs) == set(worst)
    for metric, row in theirs.items():
        assert row.disagreement <= 1e-9
        assert row.difference == pytest.approx(worst[metric], abs=1e-9)

    aif = {row.metric: row.value for row in aif360_metrics(cells) if row.attribute == "sex"}
    if len(worst) == 3 and all(len(found) == len(gaps["accuracy"]) for found in gaps.values()):
        assert -aif["equal_opportunity_difference"] == pytest.approx(worst["tpr"], abs=1e-9)
        assert aif["equalized_odds_difference"] == pytest.approx(max(worst["tpr"], worst["fpr"]), abs=1e-9)
        selected = max((g.value for g in ours.selection_rate if g.attribute == "sex"), default=0.0)
        assert -aif["statistical_parity_difference"] == pytest.approx(selected, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(tables)
def test_rows_give_the_same_point_figures_as_their_counts(table):
    kinds = np.concatenate([np.repeat(np.arange(4), row) for row in table])
    sex = np.repeat([f"g{i}" for i in range(len(table))], [sum(row) for row in table])
    rows = bias_score_of_records(
        TRUTH[kinds], FLAGGED[kinds], {"sex": sex}, np.arange(len(kinds)), min_count=1, draws=200, seed=1
    )
    counts = bias_score([cell(f"g{i}", *row) for i, row in enumerate(table)], task="classification", min_count=1,
                        draws=200, seed=1)  # fmt: skip
    assert [(g.metric, g.value) for g in rows.gaps] == [(g.metric, g.value) for g in counts.gaps]


def test_fairlearn_gives_intervals_and_a_rate_without_patients_is_left_out():
    cells = [cell("f", 30, 10, 40, 20), cell("m", 45, 5, 45, 5), cell("x", 0, 5, 5, 0)]
    found = {row.metric: row for row in fairlearn_rates(cells, resamples=60, seed=1)}
    assert set(found["tpr"].rates) == {"f", "m"} and set(found["fpr"].rates) == {"f", "m", "x"}
    assert found["tpr"].difference == pytest.approx(0.3)
    assert 0 < found["tpr"].lower < 0.3 < found["tpr"].upper < 0.6
    again = {row.metric: row for row in fairlearn_rates(cells, resamples=60, seed=1)}
    assert again == found
