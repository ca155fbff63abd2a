import logging
import subprocess
import sys

import pytest

from audits.domain.fairness.aif360_metrics import aif360_metrics
from federation.domain.group_rates import Cell


def cell(sex, tp, fn, fp, tn, site="a"):
    return Cell(site, {"sex": sex}, tp + fn + fp + tn, {}, {"tp": tp, "fp": fp, "tn": tn, "fn": fn})


def values(cells, attribute="sex"):
    return {v.metric: v for v in aif360_metrics(cells) if v.attribute in (attribute, None)}


def test_numbers_equal_the_hand_calculation():
    # f: TPR 30/50, FPR 10/50, flagged 40/100. m: TPR 45/50, FPR 5/50, flagged 50/100.
    found = values([cell("f", 30, 20, 10, 40), cell("m", 45, 5, 5, 45)])
    assert found["equal_opportunity_difference"].value == pytest.approx(-0.3)
    assert found["average_abs_odds_difference"].value == pytest.approx((0.3 + 0.1) / 2)
    assert found["equalized_odds_difference"].value == pytest.approx(0.3)
    assert found["disparate_impact"].value == pytest.approx(0.8)
    assert found["statistical_parity_difference"].value == pytest.approx(-0.1)
    worst = found["equal_opportunity_difference"]
    assert (worst.group, worst.compared_with) == ("f", "m")


def test_opposite_signs_do_not_cancel():
    found = values([cell("f", 30, 20, 20, 30), cell("m", 40, 10, 10, 40)])  # TPR -0.2, FPR +0.2
    assert found["average_abs_odds_difference"].value == pytest.approx(0.2)
    assert found["equalized_odds_difference"].value == pytest.approx(0.2)


def test_theil_index_counts_patients_and_not_table_cells():
    # Benefits b = 1 + flagged - diseased: 75 right + 15 right = 1, 15 false alarms = 2, 25 missed = 0.
    import numpy as np

    b = np.repeat([1.0, 2.0, 0.0], [160, 15, 25])
    x = b / b.mean()
    by_hand = np.mean(np.where(x > 0, x * np.log(np.where(x > 0, x, 1)), 0))
    found = values([cell("f", 30, 20, 10, 40), cell("m", 45, 5, 5, 45)])
    assert found["theil_index"].value == pytest.approx(by_hand)


def test_the_worst_of_several_groups_is_named():
    found = values([cell("f", 40, 10, 5, 45), cell("m", 45, 5, 5, 45), cell("x", 25, 25, 5, 45)])
    worst = found["equal_opportunity_difference"]
    assert (worst.value, worst.group, worst.compared_with) == (pytest.approx(-0.4), "x", "m")


def test_a_missing_rate_is_none_with_a_reason_and_never_nan():
    found = values([cell("f", 0, 0, 0, 40), cell("m", 0, 0, 0, 45)])
    assert found["equal_opportunity_difference"].value is None
    assert "no patient" in found["equal_opportunity_difference"].reason
    site = values([cell("f", 5, 5, 5, 5)], "site")
    assert all(v.value is None and v.reason for name, v in site.items() if name != "theil_index")


def test_unknown_groups_are_left_out():
    found = values([cell("f", 30, 20, 10, 40), cell("m", 45, 5, 5, 45), cell("unknown", 0, 50, 50, 0)])
    assert found["equal_opportunity_difference"].value == pytest.approx(-0.3)


def test_importing_aif360_leaves_the_root_logger_as_it_was():
    code = (
        "import logging\n"
        "from audits.domain.fairness.aif360_metrics import aif360_metrics\n"
        "aif360_metrics([])\n"
        "root = logging.getLogger()\n"
        "assert root.handlers == [] and root.filters == []\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not logging.getLogger().filters
