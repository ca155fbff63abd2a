"""Boundaries of what was tested, end to end over two sites."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from audits.domain.robustness.operating_range import GRID, OperatingRange, inputs_of
from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite, Bench
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.boundaries import Boundaries
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from federation.domain.data.dataset import Splits
from tests.factories.checks import SEED, run_check
from tests.factories.stress import imaging_benches, tabular_benches, with_audit, without_groups

CHECK = Boundaries()


@pytest.fixture(scope="module")
def benches():
    return tabular_benches(300)


def raw_answer(bench):
    fixed = settings_of(CHECK)
    at = AtSite(CHECK.id, "north", bench, fixed, SEED, 0, 1, {}, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False)), fixed


def moved(bench, patients: int):
    """The same site, some of its audit patients far older than any in training."""
    audit = bench.splits.audit
    x = audit.x.copy()
    x[:patients, 0] = 3.0
    return with_audit(bench, replace(audit, x=x))


def test_it_is_installed():
    assert isinstance(check_of("boundaries"), Boundaries)


def test_ranges_by_hand_are_rounded_outwards():
    values = np.column_stack([np.linspace(0.001, 0.999, 101), np.full(101, 0.5)])
    found = OperatingRange.of(values)
    assert found.low == pytest.approx([0.0, 0.5]) and found.high == pytest.approx([1.0, 0.5])
    assert found.outside(np.array([[1.2, 0.5], [0.5, 0.6], [0.3, 0.5]])).tolist() == [
        [True, False], [False, True], [False, False],
    ]  # fmt: skip
    assert OperatingRange.of(values[:19]) is None


def test_patients_like_those_in_training_pass(benches):
    found = run_check(CHECK, benches)
    assert found.verdict is Verdict.PASS and found.value < 0.1
    ranges = {row["input"]: (row["low"], row["high"]) for row in found.evidence["ranges"]}
    low, high = ranges["age"]
    assert 0 <= low <= 0.04 and 0.96 <= high <= 1.0 and abs(low / GRID - round(low / GRID)) < 1e-9


def test_patients_beyond_the_range_are_counted_and_scored_apart(benches):
    found = run_check(CHECK, {site: moved(bench, 60) for site, bench in benches.items()})
    assert found.verdict is Verdict.FAIL and found.value >= 120 / 210
    assert found.evidence["outside"]["n"] >= 120 > 0 < found.evidence["inside"]["n"]
    assert {row[0]: row[3] for row in found.tables[1].rows}["age"] >= 120


def test_cells_are_tested_too_small_or_absent(benches):
    audit = benches["north"].splits.audit
    women = with_audit(benches["north"], audit.take(np.flatnonzero(audit.groups["sex"] == "female")[:12]))
    found = run_check(CHECK, {"north": women, "south": benches["south"]})
    states = {(row[0], row[2]): row[4] for row in found.tables[0].rows}
    assert states["north", "male"] == "absent" and states["north", "female"] == "too small"
    assert states["south", "male"] == "tested"
    assert "nothing is known" in " ".join(found.sentences)


def test_images_have_ranges_of_intensity_and_a_shape():
    found = run_check(CHECK, imaging_benches(120), task="segmentation")
    assert found.evidence["shapes"] == [[1, 16, 16]]
    names = {row["input"] for row in found.evidence["ranges"]}
    assert names == {f"synthetic flair, {figure}" for figure in ("mean", "spread", "brightest")}


def test_figures_of_images_by_hand():
    data = imaging_benches(120)["phantom-1"].splits.audit
    names, values = inputs_of(data)
    assert names[0].endswith("mean") and values[:, 0] == pytest.approx(data.x.mean(axis=(1, 2, 3)), abs=1e-6)


def test_a_site_with_few_training_patients_has_no_range(benches):
    few = Bench(
        Splits(*(getattr(benches["north"].splits, s) for s in ("validation", "validation", "audit"))),
        benches["north"].models, benches["north"].config,
    )  # fmt: skip
    few.splits = replace(few.splits, train=few.splits.train.take(np.arange(10)))
    found = run_check(CHECK, {"north": few})
    assert found.verdict is Verdict.NOT_ASSESSABLE and found.evidence["no_range"] == ["north"]
    assert any(row[4] == "tested" for row in found.tables[0].rows)


def test_missing_attributes_are_said(benches):
    bare = {site: with_audit(b, without_groups(b.splits.audit)) for site, b in benches.items()}
    assert any("No attribute" in sentence for sentence in run_check(CHECK, bare).sentences)


def test_nothing_of_a_single_patient_leaves_the_site(benches):
    raw, _ = raw_answer(moved(benches["north"], 1))
    assert "age" not in raw["by_input"] and "3.0" not in json.dumps(raw["ranges"])
    assert all(values[0] >= 3 for values in raw["scores"].values())
    tiny = with_audit(benches["north"], benches["north"].splits.audit.take(np.arange(2)))
    assert "too few" in raw_answer(tiny)[0]["not_measured"]


@pytest.mark.parametrize(
    "change",
    [
        {"patients": 0}, {"outside": 10**6}, {"outside": None}, {"ranges": [["a", 2, 1]]}, {"by_input": {"age": -1}},
        {"ranges": [["a", 0, float("inf")]]}, {"scores": {"inside": [10**6, 1, 1, 1]}}, {"cells": {"sex": {"f": -3}}},
        {"cells": {"sex": {"f": 10**6}}}, {"cells": 3}, {"shape": None},
    ],
)  # fmt: skip
def test_answers_that_cannot_be_are_refused(benches, change):
    raw, fixed = raw_answer(benches["north"])
    with pytest.raises(AnswerError):
        read_answer(CHECK, "north", raw | change, fixed)


def test_each_site_tells_a_histogram_of_its_training_patients_that_singles_nobody_out(benches):
    found = run_check(CHECK, benches)
    told = found.evidence["histograms"]
    assert sorted(told) == ["north", "south"] and len(told["north"]["age"]) == 22
    counts = [n for inputs in told.values() for histogram in inputs.values() for n in histogram]
    assert not any(0 < n < 3 for n in counts)
    assert sum(told["north"]["age"]) == benches["north"].splits.train.n_patients


@pytest.mark.parametrize(
    "histograms",
    [
        {"age": [1] * 21},
        {"age": [-1] + [0] * 21},
        {"age": [10**9] + [0] * 21},
        {"age": [0.5] * 22},
        [["age"]],
        {"a": 1},
    ],
)
def test_histograms_that_cannot_be_are_refused(benches, histograms):
    raw, fixed = raw_answer(benches["north"])
    with pytest.raises(AnswerError):
        read_answer(CHECK, "north", {**raw, "histograms": histograms}, fixed)


def test_a_site_of_an_earlier_release_tells_no_histogram(benches):
    raw, fixed = raw_answer(benches["north"])
    del raw["histograms"]
    assert read_answer(CHECK, "north", raw, fixed)[0].histograms == {}
