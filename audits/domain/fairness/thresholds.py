"""A decision threshold for each group: the choice that errs least while groups are found, and alarmed, alike.

Sites count patients by group, label and how many of a few fixed thresholds the score reaches; nothing else is needed.
The choice of one threshold a group is a QUBO: the share of wrong decisions, plus `weight` times the squared differences
of TPR and FPR between every two groups. It is chosen on one fold of patients and judged on another.

A threshold by group treats two patients with the same score differently. Whether that is allowed, and wanted, is for
clinicians and lawyers; this only says what it would bring.

References
----------
.. [1] Hardt, Price and Srebro, "Equality of opportunity in supervised learning", NeurIPS 2016, arXiv:1610.02413.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.threshold_bounds import Bounded, bounds_of
from federation.domain.learning.evaluation import THRESHOLD
from federation.domain.quantum.solvers.comparison import SEEDS, Comparison, compare
from federation.domain.quantum.solvers.ising import MAX_BITS, MAX_STATES, Qubo

Floats = NDArray[np.float64]
WEIGHT = 2.0
NOISE_MARGIN = 2.0  # standard deviations of noise that a group needs beyond the fewest patients


@dataclass(frozen=True)
class ScoreCounts:
    """The ill and the healthy patients of one group, by how many of the L thresholds their score reaches (0 to L).

    Attributes
    ----------
    ill, healthy : L + 1 counts each; below 0 only by noise
    noise : float, >= 0
        Variance of the noise in each count; 0: exact.
    """

    ill: tuple[int, ...]
    healthy: tuple[int, ...]
    noise: float = 0.0

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        return ScoreCounts(
            tuple(a + b for a, b in zip(self.ill, other.ill, strict=True)),
            tuple(a + b for a, b in zip(self.healthy, other.healthy, strict=True)),
            self.noise + other.noise,
        )

    @classmethod
    def none(cls, thresholds: int) -> ScoreCounts:
        """Of a group without patients."""
        return cls((0,) * (thresholds + 1), (0,) * (thresholds + 1))

    @property
    def n(self) -> int:
        return sum(self.ill) + sum(self.healthy)

    @property
    def fewest(self) -> int:
        """The smaller of its numbers of ill and of healthy patients."""
        return min(sum(self.ill), sum(self.healthy))

    def has(self, fewest: int) -> bool:
        """Whether it has so many ill, and healthy, patients beyond what noise alone would show of a smaller group."""
        return self.fewest >= fewest + NOISE_MARGIN * sqrt(self.noise * len(self.ill))

    def clipped(self) -> ScoreCounts:
        """No count below 0. Only for sums over all sites: clipped before, noise would add up to patients."""
        ill, healthy = (tuple(max(0, count) for count in counts) for counts in (self.ill, self.healthy))
        return ScoreCounts(ill, healthy, self.noise)


def levels(count: int, step: float) -> tuple[float, ...]:
    """An odd number of thresholds, `step` apart, with the platform's 0.5 in the middle.

    Raises
    ------
    ValueError
        If the number is even or a threshold would not be inside (0, 1).
    """
    found = tuple(round(THRESHOLD + step * (k - count // 2), 6) for k in range(count))
    if count < 3 or count % 2 == 0 or not 0 < found[0] < found[-1] < 1:
        raise ValueError(f"expected an odd number of thresholds inside (0, 1), got {count} that are {step} apart")
    return found


def count_scores(
    score: Floats, truth: NDArray[np.bool_], groups: NDArray[np.str_], thresholds: Sequence[float]
) -> dict[str, ScoreCounts]:
    """One site's patients by group; a score that equals a threshold reaches it.

    Raises
    ------
    ValueError
        If a score is not finite.
    """
    if not np.isfinite(score).all():
        raise ValueError(f"expected finite scores, got {int((~np.isfinite(score)).sum())} NaN or infinite")
    reached = np.searchsorted(np.asarray(thresholds), score, side="right")
    size = len(thresholds) + 1

    def counted(rows: NDArray[np.bool_]) -> tuple[int, ...]:
        return tuple(int(n) for n in np.bincount(reached[rows], minlength=size))

    return {
        str(name): ScoreCounts(counted((groups == name) & truth), counted((groups == name) & ~truth))
        for name in np.unique(groups)
    }


def rates(counts: Sequence[ScoreCounts]) -> tuple[Floats, Floats, Floats]:
    """TPR, FPR and wrong decisions (as a share of all groups' patients) of each threshold: each (groups, L)."""
    ill, healthy = np.array([c.ill for c in counts]), np.array([c.healthy for c in counts])
    found, alarmed = (_reaching(table) for table in (ill, healthy))
    missed = ill.sum(axis=1, keepdims=True) - found
    total = ill.sum() + healthy.sum()
    return (
        found / ill.sum(axis=1, keepdims=True),
        alarmed / healthy.sum(axis=1, keepdims=True),
        (missed + alarmed) / total,
    )


def _reaching(table: NDArray[Any]) -> Floats:
    """Patients who reach each threshold: all in the bins from it on. The last axis is the bins."""
    return np.flip(np.cumsum(np.flip(table, axis=-1), axis=-1), axis=-1)[..., 1:]


def threshold_qubo(counts: Sequence[ScoreCounts], *, weight: float = WEIGHT) -> Qubo:
    """One bit a group and threshold; exactly one threshold a group.

    Parameters
    ----------
    counts : one a group, each with ill and healthy patients
    weight : what a squared difference of rates costs, in shares of wrong decisions
    """
    tpr, fpr, errors = rates(counts)
    groups, size = tpr.shape
    quadratic = np.zeros((groups * size, groups * size))
    for first, second in combinations(range(groups), 2):
        apart = (tpr[first][:, None] - tpr[second]) ** 2 + (fpr[first][:, None] - fpr[second]) ** 2
        quadratic[first * size : (first + 1) * size, second * size : (second + 1) * size] = weight * apart
    return Qubo.of(errors.ravel(), quadratic, blocks=(size,) * groups)


@dataclass(frozen=True)
class Outcome:
    """What decisions would bring: rates by group, in [0, 1], and the largest gaps between groups (0 is alike)."""

    tpr: tuple[float, ...]
    fpr: tuple[float, ...]
    tpr_gap: float
    fpr_gap: float
    accuracy: float

    @property
    def gap(self) -> float:
        """The larger of both gaps: the equalised-odds difference."""
        return max(self.tpr_gap, self.fpr_gap)

    @classmethod
    def of(cls, tpr: Floats, fpr: Floats, accuracy: float) -> Outcome:
        return cls(
            tuple(map(float, tpr)), tuple(map(float, fpr)), float(np.ptp(tpr)), float(np.ptp(fpr)), float(accuracy)
        )


def outcome(counts: Sequence[ScoreCounts], choice: Sequence[int]) -> Outcome:
    """Of the thresholds with these indices, one a group, on some patients."""
    tpr, fpr, errors = rates(counts)
    rows, chosen = np.arange(len(counts)), np.asarray(choice)
    return Outcome.of(tpr[rows, chosen], fpr[rows, chosen], 1 - errors[rows, chosen].sum())


@dataclass(frozen=True)
class Proposal:
    """Thresholds for the groups of one attribute.

    Attributes
    ----------
    groups, thresholds : in the same order
    left_alone : groups with too few patients, which keep 0.5 and are not in the figures
    solvers : how each solver did on the choice
    chosen_before, chosen : Outcome
        On the patients used for choosing: with 0.5 for everybody, and as proposed.
    before, after : Outcome
        On the others: with 0.5 for everybody, and as proposed.
    before_gap, after_gap, gap, accuracy : Bounded
        The gap before and after, and the changes of gap and accuracy, all on the others; each interval holds by itself.
    n_chosen, n_judged : patients of either fold
    noised : whether those numbers, and all figures, are of counts with noise
    """

    attribute: str
    groups: tuple[str, ...]
    thresholds: tuple[float, ...]
    left_alone: tuple[str, ...]
    solvers: Comparison
    chosen_before: Outcome
    chosen: Outcome
    before: Outcome
    after: Outcome
    before_gap: Bounded
    after_gap: Bounded
    gap: Bounded
    accuracy: Bounded
    n_chosen: int
    n_judged: int
    noised: bool

    @property
    def choice(self) -> tuple[int, ...]:
        """Index of each group's threshold."""
        return choice_of(self.solvers, len(self.groups))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def choice_of(solvers: Comparison, groups: int) -> tuple[int, ...]:
    """The thresholds of the cheapest choice that any solver found."""
    table = np.array(solvers.best.bits).reshape(groups, -1)
    return tuple(int(k) for k in table.argmax(axis=1))


def why_not(groups: int, thresholds: int) -> str:
    """Why thresholds for so many groups cannot be chosen; "" if they can."""
    if groups < 2:
        return f"it takes two groups with enough ill and healthy patients to compare, here there are {groups}"
    if groups * thresholds > MAX_BITS or thresholds**groups > MAX_STATES:
        return f"{groups} groups with {thresholds} thresholds each are too many choices; use fewer thresholds"
    return ""


def propose(
    attribute: str,
    choosing: Mapping[str, ScoreCounts],
    judging: Mapping[str, ScoreCounts],
    thresholds: Sequence[float],
    *,
    weight: float = WEIGHT,
    fewest: int = 5,
    seeds: Sequence[int] = SEEDS,
) -> Proposal | str:
    """Choose on one fold with every solver, and judge the best choice on the other.

    Parameters
    ----------
    choosing, judging : counts by group over all sites, of two folds that share no patient
    fewest : ill, and healthy, patients of a group in either fold; with fewer it keeps 0.5. Noise raises it (`has`).

    Returns
    -------
    Proposal, or the reason why there is none
    """
    enough = {g for g in choosing.keys() & judging.keys() if choosing[g].has(fewest) and judging[g].has(fewest)}
    groups = tuple(sorted(enough))
    if reason := why_not(len(groups), len(thresholds)):
        return reason
    chose, judge = ([fold[g].clipped() for g in groups] for fold in (choosing, judging))
    solvers = compare(threshold_qubo(chose, weight=weight), seeds=seeds)
    choice = choice_of(solvers, len(groups))
    usual = (list(thresholds).index(THRESHOLD),) * len(groups)
    bounds = bounds_of(judge, usual, choice)
    return Proposal(
        attribute, groups, tuple(float(thresholds[k]) for k in choice),
        tuple(sorted((choosing.keys() | judging.keys()) - enough)), solvers, outcome(chose, usual),
        outcome(chose, choice), outcome(judge, usual), outcome(judge, choice), bounds.before, bounds.after, bounds.gap,
        bounds.accuracy, sum(choosing[g].n for g in groups), sum(judging[g].n for g in groups),
        any(counts.noise > 0 for counts in (*chose, *judge)),
    )  # fmt: skip
