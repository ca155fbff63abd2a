"""Two models on the same held-out patients: does one win? A paired test and interval from sums that may leave a site.

A patient's score is whether the answer was right, or the Dice of his volume. Patients without a lesion are no part of
a comparison of Dice: it is not defined where nobody marks anything, so which of them counted would depend on the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import comb, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from federation.domain.intervals import squared_error, t_quantile, wilson, z_of
from federation.domain.paired import PairedSums, Scores, mover

if TYPE_CHECKING:
    from federation.domain.learning.evaluation import RecordOutcomes

CONFIDENCE = 0.95
NUMBERS = 8  # of `PairedScores.as_list`
MOST_RUNS_EXACT = 16  # 2^16 signs are listed; more runs than that are not compared
WINS, LOSES, OPEN, UNKNOWN = "wins", "loses", "does not win", "not measured"


@dataclass(frozen=True)
class PairedScores:
    """What a site says of two models on its patients.

    Attributes
    ----------
    sums : PairedSums
        Of the first and the second model.
    first_squares, second_squares : float
        Sums of squared scores: what each model's own interval needs.
    better, worse : int
        Patients whom the first model served better, and worse, than the second. The others are ties.
    """

    sums: PairedSums
    first_squares: float
    second_squares: float
    better: int
    worse: int

    @classmethod
    def of(cls, first: Scores, second: Scores) -> PairedScores | None:
        """Sum two arrays of shape (n,) in [0, 1]; None for nobody.

        Of few patients too: the cells of the same patients leave the site anyway, and sums in which some are missing
        would tell of them, less those in which they are not.
        """
        if not len(first):
            return None
        one, two = np.asarray(first, float), np.asarray(second, float)
        sums = PairedSums.of(one, two)
        return cls(sums, float((one**2).sum()), float((two**2).sum()), int((one > two).sum()), int((one < two).sum()))

    @classmethod
    def from_list(cls, raw: Any, *, most: int) -> PairedScores:
        """Read what `as_list` wrote, with suspicion.

        Raises
        ------
        ValueError
            For anything that no `most` patients can have.
        """
        if not isinstance(raw, list) or len(raw) != NUMBERS or any(isinstance(value, bool | str) for value in raw):
            raise ValueError(f"expected eight numbers, got {raw!r}")
        sums = PairedSums.from_list(raw[:4])
        one, two, better, worse = float(raw[4]), float(raw[5]), raw[6], raw[7]
        counts = type(better) is int and type(worse) is int and min(better, worse) >= 0
        if not counts or better + worse > sums.n or sums.n > most or not 0 <= one <= most or not 0 <= two <= most:
            raise ValueError(f"expected sums over at most {most} patients, got {raw}")
        return cls(sums, one, two, better, worse)

    @classmethod
    def of_summed(cls, numbers: Sequence[float]) -> PairedScores | None:
        """Read what was summed under masks, where `as_list` has small errors of rounding; None if nobody is in it."""
        n = round(float(numbers[0]))
        if n < 1:
            return None
        first, second, squares, one, two = (min(max(float(value), 0.0), float(n)) for value in numbers[1:6])
        better, worse = (min(max(round(float(value)), 0), n) for value in numbers[6:])
        squares = min(max(squares, (first - second) ** 2 / n), float(n))
        return cls(PairedSums(n, first, second, squares), one, two, better, min(worse, n - better))

    def as_list(self) -> list[float]:
        return [*self.sums.as_list(), self.first_squares, self.second_squares, self.better, self.worse]

    def __add__(self, other: PairedScores) -> PairedScores:
        return PairedScores(
            self.sums + other.sums, self.first_squares + other.first_squares,
            self.second_squares + other.second_squares, self.better + other.better, self.worse + other.worse,
        )  # fmt: skip

    @property
    def sign_p(self) -> float:
        """Exact two-sided sign test: how often a fair coin splits the patients who differ at least as unevenly."""
        differ, least = self.better + self.worse, min(self.better, self.worse)
        return min(1.0, sum(comb(differ, k) for k in range(least + 1)) / 2 ** (differ - 1)) if differ else 1.0

    @property
    def effect(self) -> float | None:
        """Cohen's d of the pairs: mean difference in units of its spread over patients; None where nothing spreads."""
        n, mean = self.sums.n, self.sums.difference
        variance = (self.sums.squares - n * mean**2) / (n - 1) if n > 1 else 0.0
        return mean / sqrt(variance) if variance > 1e-12 else None


@dataclass(frozen=True)
class Conclusion:
    """A difference of mean scores in [-1, 1] with its interval; the verdict is about the first model."""

    n: int  # patients; 0: not measured
    first: float | None
    second: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    p: float | None  # over patients: exact sign test of right and wrong (McNemar's), Student's t of shares
    effect: float | None
    better: int
    worse: int
    first_interval: tuple[float, float] | None = None  # of each model's own mean, over patients
    second_interval: tuple[float, float] | None = None

    @property
    def p_words(self) -> str:
        return "" if self.p is None else "under 0.001" if self.p < 0.001 else f"{self.p:.3f}"

    @property
    def verdict(self) -> str:
        """From interval and test together, never from the point between the interval's ends.

        Of shares both are Student's and say the same; of right and wrong the exact test is the stricter where few
        patients differ.
        """
        if self.lower is None or self.upper is None or self.p is None:
            return UNKNOWN
        if self.p > 1 - CONFIDENCE:
            return OPEN
        return WINS if self.lower > 0 else LOSES if self.upper < 0 else OPEN

    @property
    def is_undecided(self) -> bool:
        """Whether the interval leaves out 0 and the test does not."""
        return self.verdict == OPEN and self.lower is not None and self.upper is not None and (
            self.lower > 0 or self.upper < 0
        )  # fmt: skip


NOTHING = Conclusion(0, None, None, None, None, None, None, None, 0, 0)


def task_scores(outcomes: RecordOutcomes) -> Scores:
    """Each patient's score for a comparison of two models, in one order for both."""
    if outcomes.task == "segmentation":
        return outcomes.metrics["dice"][outcomes.truth]
    return outcomes.metrics["accuracy"]


def conclude(parts: Iterable[PairedScores | None], *, binary: bool) -> Conclusion:
    """The sums of all sites that sent some, and what follows from them: patients of both models are the same.

    Parameters
    ----------
    binary : bool
        Whether a score is right or wrong (Newcombe's interval), or a share (Student's t over patients).
    """
    found = [part for part in parts if part is not None]
    if not found:
        return NOTHING
    whole = found[0]
    for part in found[1:]:
        whole = whole + part
    sums = whole.sums
    lower, upper = sums.interval(CONFIDENCE, binary=binary)
    p = whole.sign_p if binary else sums.student_p
    return Conclusion(
        sums.n, sums.first / sums.n, sums.second / sums.n, sums.difference, lower, upper, p, whole.effect,
        whole.better, whole.worse, own_interval(sums.n, sums.first, whole.first_squares, binary=binary),
        own_interval(sums.n, sums.second, whole.second_squares, binary=binary),
    )  # fmt: skip


def own_interval(n: int, total: float, squares: float, *, binary: bool) -> tuple[float, float]:
    """Of one model's mean score over patients, from their number, sum and sum of squares.

    A patient is one score, however many images he has, so patients are what is drawn. A bootstrap over patients needs
    their rows, which do not leave the sites; Student's interval needs the sums alone and differs little from it.
    """
    if binary:
        return wilson(total, n, CONFIDENCE)
    error = sqrt(float(squared_error(float(n), np.array(total), np.array(squares), binary=False)))
    reach = t_quantile(CONFIDENCE, max(n - 1, 1)) * error
    return max(0.0, total / n - reach), min(1.0, total / n + reach)


def between(one: Sequence[float], two: Sequence[float], *, binary: bool) -> tuple[float, float, float]:
    """Difference of two means with its interval, from each model's own (n, sum, sum of squares).

    For models of two runs: that the patients are the same is not used, as no site has paired them. Scores of the same
    patients mostly rise and fall together, so the interval is mostly too wide, seldom too narrow.
    """
    means, errors = [], []
    if binary:
        parts = [(total / n, *wilson(total, n, CONFIDENCE)) for n, total, _ in (one, two)]
        return (parts[0][0] - parts[1][0], *mover(parts[0], parts[1]))
    for n, total, squares in (one, two):
        means.append(total / n)
        errors.append(float(squared_error(float(n), np.array(total), np.array(squares), binary=False)))
    reach = t_quantile(CONFIDENCE, max(int(min(one[0], two[0])) - 1, 1)) * sqrt(sum(errors))
    difference = means[0] - means[1]
    return difference, max(-1.0, difference - reach), min(1.0, difference + reach)


@dataclass(frozen=True)
class Repeated:
    """A difference over runs that repeat one training with other seeds."""

    n: int
    mean: float
    lower: float
    upper: float
    p: float  # exact: over all ways to give the runs' differences a sign

    @property
    def verdict(self) -> str:
        return WINS if self.lower > 0 else LOSES if self.upper < 0 else OPEN


def over_runs(found: Sequence[Conclusion]) -> Repeated | None:
    """Student's t interval and exact sign-flip test of the mean of one difference a run; None below two runs.

    Runs that happen to differ little among themselves are known no better than from their patients: the variance is at
    least that which the runs' own intervals stand for.

    Parameters
    ----------
    found : what each run concluded, all of them measured
    """
    n = len(found)
    if not 2 <= n <= MOST_RUNS_EXACT:
        return None
    values = np.array([one.difference for one in found], float)
    own = np.array([((one.upper or 0.0) - (one.lower or 0.0)) / 2 / z_of(CONFIDENCE) for one in found])
    mean, error = float(values.mean()), sqrt(max(float(values.var(ddof=1)), float((own**2).mean())) / n)
    signs = np.array(list(product((1.0, -1.0), repeat=n)))
    p = float((np.abs(signs @ values) >= abs(values.sum()) - 1e-12).mean())
    reach = t_quantile(CONFIDENCE, n - 1) * error
    return Repeated(n, mean, max(-1.0, mean - reach), min(1.0, mean + reach), p)
