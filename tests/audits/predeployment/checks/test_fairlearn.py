from __future__ import annotations

import numpy as np

from audits.domain.verdict import Verdict
from audits.predeployment.checks.registry import check_of
from tests.factories.benches import bench, site_data, two_sites
from tests.factories.checks import run_check

CHECK = check_of("fairlearn")


def test_fairlearn_agrees_with_our_rates_also_of_an_unfair_model():
    found = run_check(CHECK, two_sites(300, worse="female"), settings={"resamples": 30})
    assert found.verdict is Verdict.PASS and found.value <= 1e-9
    assert "not that the model is fair" in " ".join(found.sentences)
    tpr = next(r for r in found.evidence["rows"] if (r["attribute"], r["metric"]) == ("sex", "tpr"))
    assert 0.2 < tpr["lower"] <= tpr["difference"] <= tpr["upper"]
    assert found.versions["fairlearn"]


def test_one_group_only_is_not_assessable():
    alone = site_data("north", np.array([1.0, -1.0]), np.array([1, 0]), {})
    assert run_check(CHECK, {"north": bench(alone)}).verdict is Verdict.NOT_ASSESSABLE
