import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin

from audits.domain.fairness import thresholds as method
from audits.domain.fairness.fairlearn_thresholds import fairlearn_outcome
from audits.domain.fairness.thresholds import Proposal, ScoreCounts
from federation.domain.quantum.solvers import exact

LEVELS = (0.4, 0.5, 0.6)
# a at 0.5: 8 of 10 ill found, 2 of 10 healthy alarmed. b: ill patients score lower, at 0.4 as good as a at 0.5.
A = ScoreCounts(ill=(1, 1, 1, 7), healthy=(7, 1, 1, 1))
B = ScoreCounts(ill=(2, 4, 2, 2), healthy=(8, 1, 1, 0))


def patients(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patients of the second group get lower scores, ill or not."""
    rng = np.random.default_rng(seed)
    group, truth = rng.choice(["first", "second"], n), rng.random(n) < 0.5
    logit = 2.4 * truth - 1.2 + rng.normal(size=n) - 1.1 * (group == "second")
    return 1 / (1 + np.exp(-logit)), truth, group


def two_folds(n: int, seed: int = 0, grid=None):
    grid = grid or method.levels(7, 0.1)
    return [method.count_scores(*patients(n, seed + fold), grid) for fold in (0, 1)], grid


def test_counts_by_hand():
    score, truth = np.array([0.39, 0.4, 0.5, 0.9, 0.1]), np.array([1, 1, 0, 1, 0], dtype=bool)
    found = method.count_scores(score, truth, np.array(["x"] * 5), LEVELS)
    assert found == {"x": ScoreCounts(ill=(1, 1, 0, 1), healthy=(1, 0, 1, 0))}
    assert found["x"].fewest == 2 and (found["x"] + found["x"]).n == 10


def test_rates_by_hand():
    tpr, fpr, errors = method.rates([A, B])
    assert tpr.tolist() == [[0.9, 0.8, 0.7], [0.8, 0.4, 0.2]]
    assert fpr.tolist() == [[0.3, 0.2, 0.1], [0.2, 0.1, 0.0]]
    assert errors[0].tolist() == [4 / 40, 4 / 40, 4 / 40] and errors[1].tolist() == [4 / 40, 7 / 40, 8 / 40]


def test_the_best_choice_by_hand():
    # a at 0.5 and b at 0.4 have the same rates: cost 8/40 and no gap. No other choice has as little of both.
    problem = method.threshold_qubo([A, B])
    assert problem.blocks == (3, 3)
    assert problem.energy((0, 1, 0, 1, 0, 0)) == pytest.approx(0.2)
    assert problem.energy((0, 1, 0, 0, 1, 0)) == pytest.approx(11 / 40 + 2 * (0.4**2 + 0.1**2))
    assert exact.solve(problem).bits == (0, 1, 0, 1, 0, 0)
    usual, best = method.outcome([A, B], (1, 1)), method.outcome([A, B], (1, 0))
    assert (usual.tpr_gap, usual.fpr_gap, usual.accuracy) == (pytest.approx(0.4), pytest.approx(0.1), 29 / 40)
    assert (best.gap, best.accuracy) == (pytest.approx(0), pytest.approx(32 / 40))


@given(st.integers(0, 2**32 - 1), st.integers(2, 3))
def test_the_cost_is_what_it_says(seed, groups):
    rng = np.random.default_rng(seed)
    counts = [ScoreCounts(tuple(rng.integers(1, 9, 4)), tuple(rng.integers(1, 9, 4))) for _ in range(groups)]
    choice = rng.integers(0, 3, groups)
    bits = (np.arange(3) == choice[:, None]).astype(int).ravel()
    got = method.outcome(counts, choice)
    gaps = sum((got.tpr[g] - got.tpr[h]) ** 2 + (got.fpr[g] - got.fpr[h]) ** 2 for g in range(groups) for h in range(g))
    assert method.threshold_qubo(counts, weight=3).energy(bits) == pytest.approx(1 - got.accuracy + 3 * gaps)


def test_a_gap_is_closed_on_patients_that_were_not_used_for_choosing():
    (choosing, judging), grid = two_folds(4000)
    found = method.propose("sex", choosing, judging, grid, seeds=range(3))
    assert isinstance(found, Proposal)
    assert found.before.gap > 0.2 and found.after.gap < 0.1
    assert found.gap.lower < found.gap.value < found.gap.upper < 0  # the change is beyond chance
    assert found.before_gap.lower > 0.2 and found.before_gap.value == found.before.gap
    assert found.after_gap.lower <= found.after.gap == found.after_gap.value <= found.after_gap.upper < 0.2
    assert found.accuracy.lower > 0 and not found.noised and found.n_chosen == found.n_judged == 4000
    assert found.thresholds[found.groups.index("second")] < found.thresholds[found.groups.index("first")]
    table = {row.solver: row for row in found.solvers.rows}
    assert table["QAOA"].found == table["exact"].found == 1
    assert table["QAOA"].p_optimum.mean > table["QAOA"].p_uniform == pytest.approx(1 / 49)


def test_small_groups_keep_the_usual_threshold_and_are_named():
    (choosing, judging), grid = two_folds(2000)
    tiny = ScoreCounts((1, *[0] * 7), (9, *[0] * 7))
    found = method.propose("sex", choosing | {"third": tiny}, judging | {"third": tiny}, grid, seeds=[0])
    assert found.groups == ("first", "second") and found.left_alone == ("third",)


@pytest.mark.parametrize(
    ("groups", "count", "told"),
    [(1, 7, "two groups"), (9, 7, "use fewer thresholds"), (2, 33, "use fewer"), (3, 7, "")],
)
def test_what_cannot_be_chosen_has_a_reason(groups, count, told):
    reason = method.why_not(groups, count)
    assert told in reason and bool(reason) == bool(told)


@pytest.mark.parametrize(("count", "step"), [(4, 0.1), (1, 0.1), (9, 0.2)])
def test_thresholds_out_of_range_are_refused(count, step):
    with pytest.raises(ValueError, match="odd number"):
        method.levels(count, step)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        method.count_scores(np.array([np.nan]), np.array([True]), np.array(["a"]), LEVELS)


class Given(ClassifierMixin, BaseEstimator):
    def fit(self, x, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, x):
        return np.asarray(x)[:, 0]


def test_fairlearn_on_counts_is_fairlearn_on_rows():
    from fairlearn.postprocessing import ThresholdOptimizer

    (choosing, judging), grid = two_folds(1500)
    found = fairlearn_outcome([choosing[g] for g in ("first", "second")], [judging[g] for g in ("first", "second")])
    rows = [
        (np.searchsorted(grid, s, side="right")[:, None] / 8, t, g) for s, t, g in (patients(1500, f) for f in (0, 1))
    ]
    (x, y, groups), (x_new, y_new, groups_new) = rows
    fitted = ThresholdOptimizer(
        estimator=Given().fit(None, None), constraints="equalized_odds", prefit=True, predict_method="predict"
    ).fit(x, y, sensitive_features=groups)
    flagged = fitted._pmf_predict(x_new, sensitive_features=groups_new)[:, 1]
    tpr = [flagged[(groups_new == g) & y_new].mean() for g in ("first", "second")]
    assert found.tpr == pytest.approx(tpr)
    assert found.gap < 0.1  # and it does what it promises
    assert found.accuracy == pytest.approx(np.where(y_new, flagged, 1 - flagged).mean())


def test_fairlearn_is_left_out_of_what_would_take_it_hours():
    many = ScoreCounts((10**6, 1), (1, 10**6))
    assert fairlearn_outcome([many, many], [many, many]) is None
