from __future__ import annotations

import json

import numpy as np
import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite
from audits.predeployment.checks.base import AnswerError
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from tests.factories.benches import bench, drawn, site_data, two_sites
from tests.factories.checks import run_check

CHECK = check_of("calibration")


def row_of(found, name):
    return next(row for row in found.evidence["groups"] if row["group"] == name)


def test_scores_that_are_too_sure_for_one_ethnicity_fail_and_recalibration_mends_them():
    found = run_check(CHECK, two_sites(2500, miscalibrated="hispanic"))
    assert found.verdict is Verdict.FAIL and found.lower > 0.1
    assert "ethnicity = hispanic" in found.sentences[0]
    hispanic, others = row_of(found, "hispanic"), row_of(found, "not hispanic")
    assert hispanic["after"] < 0.05 < 0.1 < hispanic["before"]
    assert hispanic["brier_change_upper"] < 0
    assert hispanic["slope_upper"] < 0.5 and others["slope_lower"] < 1 < others["slope_upper"]
    assert "more accurate for ethnicity = hispanic" in " ".join(found.sentences)


def test_a_calibrated_model_passes_with_many_patients_and_is_inconclusive_with_few():
    many = run_check(CHECK, two_sites(4000))
    assert many.verdict is Verdict.PASS and many.upper <= 0.1
    assert "not shown to make scores more accurate" in " ".join(many.sentences)
    assert run_check(CHECK, two_sites(60)).verdict is Verdict.INCONCLUSIVE
    assert run_check(CHECK, two_sites(8)).verdict is Verdict.NOT_ASSESSABLE


def test_without_groups_or_validation_patients_nothing_passes_by_silence():
    rng = np.random.default_rng(0)
    whole = drawn("north", 8000, rng)
    alone = site_data("north", whole.x[:, 0], whole.y, {})
    found = run_check(CHECK, {"north": bench(alone)})
    assert found.verdict is Verdict.INCONCLUSIVE and found.upper <= 0.1
    (row,) = found.evidence["groups"]
    assert row["fitted_on"] == 0 and row["after"] == pytest.approx(row["before"], abs=1e-9)


def test_constant_scores_and_one_class_are_judged_without_a_slope():
    n = 400
    groups = {"sex": np.where(np.arange(n) % 2, "female", "male")}
    constant = run_check(CHECK, {"north": bench(site_data("north", np.full(n, 3.0), np.arange(n) % 4 == 0, groups))})
    assert constant.verdict is Verdict.FAIL and row_of(constant, "female")["slope"] is None
    healthy = site_data("north", np.random.default_rng(0).normal(-3, 1, n), np.zeros(n, dtype=int), groups)
    assert row_of(run_check(CHECK, {"north": bench(healthy)}), "male")["slope"] is None


def test_segmentation_is_not_applicable():
    assert run_check(CHECK, {}, task="segmentation").verdict is Verdict.NOT_APPLICABLE


def answer(n=40):
    rng = np.random.default_rng(0)
    site = bench(drawn("north", n, rng), validation=drawn("north", n, rng))
    at = AtSite(CHECK.id, "north", site, settings_of(CHECK), 1, 0, 1, {}, lambda *_: None)
    return json.loads(json.dumps(measure_at(CHECK, at), allow_nan=False))


def test_only_sums_of_several_patients_leave_the_site():
    raw = answer(16)
    assert set(raw) == {"n_patients", "models"}
    for rows in raw["models"].values():
        for _, _, sums in rows:
            counts = [b[0] for part in ("before", "after") for b in sums[part]["bins"]]
            assert all(count >= 5 for count in counts)
            assert sum(counts) == 2 * sums["change"][0] <= 32


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (["before", "bins", 0, 0], 4, "hold 40"),
        (["before", "bins", 0, 1], 99.0, "within"),
        (["before", "bins", 0, 2], -1, "within"),
        (["before", "bins", 0, 3], None, "cannot be read"),
        (["before", "bins"], [], "hold 40"),
        (["before", "squared"], 41.0, "squared errors"),
        (["change", 0], 41, "0 to 40"),
        (["change", 1], -41.0, "changes"),
        (["fitted_on"], -1, "0 to 40"),
        (["after"], None, "cannot be read"),
    ],
)
def test_an_answer_that_cannot_be_true_is_refused(path, value, complaint):
    raw = answer()
    place = raw["models"]["primary"][0][2]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(AnswerError, match=complaint):
        read_answer(CHECK, "north", raw, settings_of(CHECK))
