import numpy as np
import pytest

from audits.domain.fairness.threshold_bounds import Bounded, bounds_of
from audits.domain.fairness.threshold_noise import noised
from audits.domain.fairness.thresholds import ScoreCounts, outcome

RUNS = 1000
ENOUGH = 0.936 * RUNS  # 95 % less two standard errors of the simulation


def shares(*rates: float) -> list[float]:
    """Of patients by score, from the rates that reach each threshold."""
    return (-np.diff([1.0, *rates, 0.0])).tolist()


# Thresholds of three to choose from, 1 for everybody before. Rates are of the ill and the healthy that reach each.
GOOD, POOR, POORER = shares(0.9, 0.8, 0.6), shares(0.8, 0.6, 0.4), shares(0.76, 0.5, 0.3)
SURE, HIGH = shares(0.99, 0.98, 0.9), shares(0.95, 0.9, 0.8)
ALARMS, FEWER, FEW = shares(0.3, 0.15, 0.05), shares(0.15, 0.08, 0.02), shares(0.1, 0.05, 0.02)
CASES = {
    # name: (ill, healthy, numbers of ill patients, numbers of healthy patients, choice), one a group
    "two alike": ([GOOD, POOR], [ALARMS, FEWER], (60, 60), (60, 60), (1, 0)),
    "two, .02 apart": ([GOOD, shares(0.82, 0.6, 0.4)], [ALARMS, FEWER], (60, 60), (60, 60), (1, 0)),
    "three, .04 apart": ([GOOD, POOR, POORER], [ALARMS, FEWER, FEWER], (60, 40, 20), (60, 40, 20), (1, 0, 0)),
    "three alike": ([GOOD, POOR, POOR], [ALARMS, FEWER, FEWER], (60, 40, 20), (60, 40, 20), (1, 0, 0)),
    "ten each": ([HIGH, shares(0.9, 0.7, 0.5)], [FEW, FEW], (10, 10), (10, 10), (1, 0)),
    "five ill each": ([SURE, shares(0.8, 0.7, 0.5)], [FEW, FEW], (5, 5), (40, 40), (1, 0)),
    "four, three moved": ([HIGH] * 4, [FEW] * 4, (20,) * 4, (20,) * 4, (1, 0, 1, 2)),
    "few beside many": ([GOOD] * 3, [ALARMS] * 3, (8, 20, 100), (10, 40, 100), (0, 0, 0)),
    "five beside 400, nearly sure": ([SURE] * 2, [FEW] * 2, (5, 400), (40, 400), (1, 1)),
    "three of five beside 1000": ([SURE] * 4, [FEW] * 4, (5, 5, 5, 1000), (50, 50, 50, 1000), (1, 1, 1, 1)),
    "far apart, one moved": ([GOOD, shares(0.5, 0.2, 0.1)], [ALARMS, FEW], (30, 30), (30, 30), (1, 0)),
}


def drawn(table, numbers, rng):
    return [tuple(map(int, rng.multinomial(n, p))) for n, p in zip(numbers, table, strict=True)]


def truth(ill, healthy, n_ill, n_healthy, choice) -> list[float]:
    """Gap before, gap after, their change, and that of accuracy."""
    ill, healthy, rows = np.array(ill), np.array(healthy), np.arange(len(choice))
    found, alarmed = ([table[:, k:].sum(axis=1) for k in (1, 2, 3)] for table in (ill, healthy))
    gaps, right = [], []
    for chosen in ((1,) * len(choice), choice):
        tpr, fpr = np.array(found)[list(chosen), rows], np.array(alarmed)[list(chosen), rows]
        gaps.append(max(np.ptp(tpr), np.ptp(fpr)))
        right.append((tpr @ n_ill + (1 - fpr) @ n_healthy) / (sum(n_ill) + sum(n_healthy)))
    return [*gaps, gaps[1] - gaps[0], right[1] - right[0]]


def held(case, rng, runs=RUNS, epsilon=None) -> np.ndarray:
    """How often each of the four intervals held."""
    ill, healthy, n_ill, n_healthy, choice = case
    true, hits = truth(*case), np.zeros(4)
    for _ in range(runs):
        counts = list(map(ScoreCounts, drawn(ill, n_ill, rng), drawn(healthy, n_healthy, rng)))
        if epsilon:
            counts = [noised(group, epsilon, rng).clipped() for group in counts]
        found = bounds_of(counts, (1,) * len(choice), choice)
        got = (found.before, found.after, found.gap, found.accuracy)
        hits += [b.lower - 1e-9 <= value <= b.upper + 1e-9 for b, value in zip(got, true, strict=True)]
    return hits


@pytest.mark.parametrize("name", CASES)
def test_the_intervals_hold_as_often_as_they_say(name):
    assert (held(CASES[name], np.random.default_rng([1, len(name)])) >= ENOUGH).all()


@pytest.mark.parametrize("epsilon", [0.5, 1.0])
def test_they_hold_with_noise_too(epsilon):
    case = ([GOOD, POOR], [ALARMS, FEWER], (300, 300), (300, 300), (1, 0))
    assert (held(case, np.random.default_rng(2), epsilon=epsilon) >= ENOUGH).all()


def test_a_change_beyond_chance_is_seen():
    counts = [ScoreCounts((40, 40, 80, 240), (280, 60, 40, 20)), ScoreCounts((80, 160, 80, 80), (320, 40, 32, 8))]
    found = bounds_of(counts, (1, 1), (1, 0))
    assert found.gap.value == pytest.approx(found.after.value - found.before.value) and found.gap.upper < -0.2
    assert found.before.lower > 0.3 and found.after.lower == 0 and found.accuracy.lower > 0


def test_values_are_those_of_the_outcomes_and_lie_inside():
    rng = np.random.default_rng(0)
    for groups in (2, 3, 5):
        counts = [ScoreCounts(*(tuple(map(int, rng.integers(1, 9, 4))) for _ in range(2))) for _ in range(groups)]
        choice, usual = tuple(map(int, rng.integers(0, 3, groups))), (1,) * groups
        found, before, after = bounds_of(counts, usual, choice), outcome(counts, usual), outcome(counts, choice)
        assert (found.before.value, found.after.value) == (pytest.approx(before.gap), pytest.approx(after.gap))
        assert found.gap.value == pytest.approx(after.gap - before.gap)
        assert found.accuracy.value == pytest.approx(after.accuracy - before.accuracy)
        for part in (found.before, found.after, found.gap, found.accuracy):
            assert part.lower <= part.value <= part.upper


def test_nothing_changed_is_certain_and_no_rate_is():
    counts = [ScoreCounts((0, 0, 9, 0), (9, 0, 0, 0)), ScoreCounts((0, 0, 9, 0), (9, 0, 0, 0))]
    same, moved = bounds_of(counts, (1, 1), (1, 1)), bounds_of(counts, (1, 1), (1, 0))
    assert same.accuracy == Bounded(0, 0, 0) and same.after.lower == 0 and same.after.upper > 0.2
    assert moved.accuracy.lower < 0 < moved.accuracy.upper  # nobody's score lies between both thresholds, of these few
    assert moved.gap.lower < 0 < moved.gap.upper


def test_noise_widens_every_interval():
    def counts(noise):
        return [ScoreCounts((10, 20, 30, 40), (40, 30, 20, 10), noise), ScoreCounts((20,) * 4, (20,) * 4, noise)]

    exact, noisy = (bounds_of(counts(noise), (1, 1), (1, 0)) for noise in (0.0, 20.0))
    for name in ("before", "after", "gap", "accuracy"):
        a, b = getattr(exact, name), getattr(noisy, name)
        assert a.value == b.value and b.upper - b.lower > a.upper - a.lower
