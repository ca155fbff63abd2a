import numpy as np
import pytest

from benchmarks.transfer import comparing
from benchmarks.transfer.arms import Seed

ARMS = [(start, head) for start in comparing.STARTS for head in ("quantum", "classical")]


def seed_of(scores: dict, label, site, patient) -> Seed:
    filled = {arm: np.array(scores.get(arm, scores["rest"]), dtype=float) for arm in ARMS}
    return Seed(np.array(label, dtype=bool), np.array(site), np.array(patient), filled, dict.fromkeys(ARMS, 8))


def test_differences_are_paired_by_patient_and_seed():
    rng = np.random.default_rng(0)
    label = np.arange(60) < 30
    base = rng.normal(size=60) + label
    seeds = [
        seed_of({"rest": base, ("frozen", "quantum"): 2 * base + 1}, label, ["a"] * 60, [f"{i:02}" for i in range(60)])
        for _ in range(3)
    ]
    rows = {row.metric: row for row in comparing.rows("t", seeds)}
    # The same order of patients has the same area in every resample, so nothing is left between the arms.
    assert "difference +0.000, 95 % +0.000 to +0.000" in rows["t.frozen_quantum"].note
    assert "NOT SUPPORTED" in rows["t.frozen_quantum"].note and "claim" not in rows["t.heads_frozen"].note
    assert len(rows) == 7 and rows["t.frozen_quantum"].runs == 3


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [(0.1, 0.3, "SUPPORTED"), (0.02, 0.09, "NOT SUPPORTED"), (0.02, 0.1, "INCONCLUSIVE"), (-0.1, 0.2, "INCONCLUSIVE")],
)
def test_a_claim_is_judged_by_bounds(lower, upper, told):
    assert comparing.verdict(lower, upper) == told
