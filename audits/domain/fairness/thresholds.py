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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.learning.evaluation import THRESHOLD
from federation.domain.quantum.solvers.comparison import SEEDS, Comparison, compare
from federation.domain.quantum.solvers.ising import MAX_BITS, MAX_STATES, Qubo

Floats = NDArray[np.float64]
WEIGHT = 2.0
DRAWS, LEVEL = 2000, 0.95


@dataclass(frozen=True)
class ScoreCounts:
    """The ill and the healthy patients of one group, by how many of the L thresholds their score reaches (0 to L)."""

    ill: tuple[int, ...]
    healthy: tuple[int, ...]

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        return ScoreCounts(
            tuple(a + b for a, b in zip(self.ill, other.ill, strict=True)),
            tuple(a + b for a, b in zip(self.healthy, other.healthy, strict=True)),
        )

    @property
    def n(self) -> int:
        return sum(self.ill) + sum(self.healthy)

    @property
    def fewest(self) -> int:
        """The smaller of its numbers of ill and of healthy patients."""
        return min(sum(self.ill), sum(self.healthy))


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


def noised(counts: ScoreCounts, epsilon: float, rng: np.random.Generator) -> ScoreCounts:
    """Two-sided geometric noise on each count: epsilon-differentially private, for one patient more or less [1]_.

    Counts below 0 become 0, which costs no privacy. `rng` must be unpredictable: guessed noise hides nobody.

    References
    ----------
    .. [1] Ghosh, Roughgarden and Sundararajan, "Universally utility-maximizing privacy mechanisms", STOC 2009.
    """
    share = 1 - np.exp(-epsilon)

    def noisy(values: tuple[int, ...]) -> tuple[int, ...]:
        noise = rng.geometric(share, len(values)) - rng.geometric(share, len(values))
        return tuple(int(n) for n in np.maximum(np.array(values) + noise, 0))

    return ScoreCounts(noisy(counts.ill), noisy(counts.healthy))


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
class Change:
    """A figure after less the same before, with its bootstrap interval over patients."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Proposal:
    """Thresholds for the groups of one attribute.

    Attributes
    ----------
    groups, thresholds : in the same order
    left_alone : groups with too few patients, which keep 0.5 and are not in the figures
    solvers : how each solver did on the choice
    chosen, before, after : Outcome
        On the patients used for choosing; on the others with 0.5 for everybody; on the others as proposed.
    after_gap, gap, accuracy : Change
        The gap after (against 0), and the changes of gap and accuracy, all on the others.
    n_chosen, n_judged : patients of either fold
    """

    attribute: str
    groups: tuple[str, ...]
    thresholds: tuple[float, ...]
    left_alone: tuple[str, ...]
    solvers: Comparison
    chosen: Outcome
    before: Outcome
    after: Outcome
    after_gap: Change
    gap: Change
    accuracy: Change
    n_chosen: int
    n_judged: int

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
    rng: np.random.Generator,
) -> Proposal | str:
    """Choose on one fold with every solver, and judge the best choice on the other.

    Parameters
    ----------
    choosing, judging : counts by group over all sites, of two folds that share no patient
    fewest : ill, and healthy, patients of a group in either fold; with fewer it keeps 0.5
    rng : for the bootstrap

    Returns
    -------
    Proposal, or the reason why there is none
    """
    enough = {g for g in choosing.keys() & judging.keys() if min(choosing[g].fewest, judging[g].fewest) >= fewest}
    groups = tuple(sorted(enough))
    if reason := why_not(len(groups), len(thresholds)):
        return reason
    chose, judge = [choosing[g] for g in groups], [judging[g] for g in groups]
    solvers = compare(threshold_qubo(chose, weight=weight), seeds=seeds)
    choice = choice_of(solvers, len(groups))
    usual = (list(thresholds).index(THRESHOLD),) * len(groups)
    after_gap, gap, accuracy = _changes(judge, usual, choice, rng)
    return Proposal(
        attribute, groups, tuple(float(thresholds[k]) for k in choice),
        tuple(sorted((choosing.keys() | judging.keys()) - enough)), solvers, outcome(chose, choice),
        outcome(judge, usual), outcome(judge, choice), after_gap, gap, accuracy,
        sum(c.n for c in chose), sum(c.n for c in judge),
    )  # fmt: skip


def _changes(
    counts: Sequence[ScoreCounts], usual: Sequence[int], choice: Sequence[int], rng: np.random.Generator
) -> tuple[Change, Change, Change]:
    """The gap after, and the changes of gap and accuracy; patients are redrawn within group and label."""
    rows = np.arange(len(counts))
    drawn: dict[str, list[Floats]] = {"tpr": [], "fpr": [], "right": []}
    for group in counts:
        ill, healthy = (_redrawn(values, rng) for values in (group.ill, group.healthy))
        found, alarmed = _reaching(ill), _reaching(healthy)
        drawn["tpr"].append(found / ill.sum(axis=1, keepdims=True))
        drawn["fpr"].append(alarmed / healthy.sum(axis=1, keepdims=True))
        drawn["right"].append(found + healthy.sum(axis=1, keepdims=True) - alarmed)
    tables = {name: np.stack(parts, axis=1) for name, parts in drawn.items()}  # (draws, groups, L)
    total = sum(group.n for group in counts)

    def figures(chosen: Sequence[int]) -> tuple[Floats, Floats]:
        at = {name: table[:, rows, np.asarray(chosen)] for name, table in tables.items()}
        return np.maximum(np.ptp(at["tpr"], axis=1), np.ptp(at["fpr"], axis=1)), at["right"].sum(axis=1) / total

    (gap_before, right_before), (gap_after, right_after) = figures(usual), figures(choice)
    before, after = outcome(counts, usual), outcome(counts, choice)
    return (
        _change(after.gap, gap_after),
        _change(after.gap - before.gap, gap_after - gap_before),
        _change(after.accuracy - before.accuracy, right_after - right_before),
    )


def _redrawn(values: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    n = sum(values)
    return rng.multinomial(n, np.array(values) / n, size=DRAWS)


def _change(value: float, draws: Floats) -> Change:
    tail = (1 - LEVEL) / 2
    return Change(float(value), *(float(v) for v in np.quantile(draws, [tail, 1 - tail])))
