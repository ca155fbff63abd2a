"""Power curves: a share with its exact interval, and simulated sites whose leak has the stated size."""

from __future__ import annotations

import numpy as np
import pytest

from audits.domain.attacks.membership import separation
from benchmarks.audit.area import PARTS
from benchmarks.audit.power import scores, share


def test_a_row_is_a_share_of_the_runs_with_its_interval():
    row = share("audit.power.x", 0, 100, "nothing found")
    assert (row.value, row.unit, row.runs) == (0.0, "share", 100)
    assert row.note == "nothing found; 95 % interval 0.000 to 0.036"


def test_a_simulated_site_leaks_as_much_as_is_said():
    found = separation(scores((4000, 2800), 1.0, np.random.default_rng(0)), delta=0.0)
    assert found is not None
    assert (found.n_members, found.n_others) == (4000, 2800)
    assert found.advantage == pytest.approx(0.383, abs=0.05)  # 2 Phi(1/2) - 1


def test_the_curves_are_parts_of_their_area():
    assert {"power", "power_images"} <= set(PARTS)
