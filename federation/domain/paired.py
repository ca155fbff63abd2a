"""Two measurements of the same patients, kept as sums: what a site may send, and all that an interval needs.

The same model before and after an attack, or two models on the same patients. A score is in [0, 1] for each patient:
1 if the answer was right, or the Dice of the patient's volume.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.cells import MIN_SENT
from federation.domain.intervals import squared_error, t_quantile, t_tails, wilson

Scores = NDArray[np.floating]
LEAST = MIN_SENT
_ROUNDING = 1e-6


@dataclass(frozen=True)
class PairedSums:
    """Sums over n patients of two scores and of their squared difference."""

    n: int
    first: float
    second: float
    squares: float

    @classmethod
    def of(cls, first: Scores, second: Scores) -> PairedSums:
        """Count two arrays of shape (n,), one value a patient, each in [0, 1].

        Raises
        ------
        ValueError
            If the shapes differ, or a score is not finite or not in [0, 1].
        """
        if first.shape != second.shape:
            raise ValueError(f"expected two scores for each patient, got shapes {first.shape} and {second.shape}")
        both = np.concatenate([first, second]).astype(float)
        if not ((both >= 0) & (both <= 1)).all():  # NaN is neither
            raise ValueError("expected scores from 0 to 1, got others or NaN: the model's answers cannot be scored")
        difference = first.astype(float) - second
        return cls(len(first), float(first.sum()), float(second.sum()), float((difference**2).sum()))

    @classmethod
    def from_list(cls, raw: Iterable[Any]) -> PairedSums:
        """Read what `as_list` wrote. Raises ValueError for sums that no patients can have."""
        count, *rest = raw
        first, second, squares = (float(value) for value in rest)
        found = cls(int(count), first, second, squares)
        whole = type(count) is int and count > 0 and all(isfinite(v) for v in (first, second, squares))
        inside = whole and all(-_ROUNDING <= v <= count + _ROUNDING for v in (first, second, squares))
        if not inside or (first - second) ** 2 > count * squares + _ROUNDING * count:
            raise ValueError(f"expected sums of two scores in [0, 1] over at least one patient, got {list(rest)}")
        return found

    def as_list(self) -> list[float]:
        return [self.n, self.first, self.second, self.squares]

    def __add__(self, other: PairedSums) -> PairedSums:
        return PairedSums(
            self.n + other.n, self.first + other.first, self.second + other.second, self.squares + other.squares
        )

    @property
    def difference(self) -> float:
        """Mean of the first score minus mean of the second, in [-1, 1]; 0: no difference."""
        return (self.first - self.second) / self.n

    def interval(self, confidence: float, *, binary: bool) -> tuple[float, float]:
        """Two-sided interval of `difference`.

        Yes/no scores: Newcombe's hybrid score interval for paired proportions (method 10 of [1]_). Others: Student's t,
        with a variance of at least that of a yes/no score at 0/n, so that patients who happened not to differ are not
        taken for a proof.

        References
        ----------
        .. [1] Newcombe, Statistics in Medicine 17 (1998), 2635-2650.
        """
        if binary:
            return self._newcombe(confidence)
        reach = t_quantile(confidence, max(self.n - 1, 1)) * self._error
        return max(-1.0, self.difference - reach), min(1.0, self.difference + reach)

    @property
    def student_p(self) -> float:
        """Two-sided p of the paired t test, with the same variance as `interval`, so that both say the same."""
        return t_tails(self.difference / self._error, max(self.n - 1, 1))

    @property
    def _error(self) -> float:
        total = np.array(self.first - self.second)
        return sqrt(float(squared_error(float(self.n), total, np.array(self.squares), binary=False)))

    def _newcombe(self, confidence: float) -> tuple[float, float]:
        only_first = (self.squares + self.first - self.second) / 2
        only_second = self.squares - only_first
        both = self.first - only_first
        neither = self.n - both - only_first - only_second
        margins = self.first * self.second * (self.n - self.first) * (self.n - self.second)
        product = both * neither - only_first * only_second
        if product > 0:  # Newcombe's continuity correction of phi
            product = max(0.0, product - self.n / 2)
        correlation = product / sqrt(margins) if margins > 0 else 0.0
        one, two = (self.rate(which, confidence) for which in ("first", "second"))
        return mover(one, two, correlation)

    def rate(self, which: str, confidence: float) -> tuple[float, float, float]:
        """Share of one of two yes/no scores ("first" or "second") with Wilson's interval."""
        total = self.first if which == "first" else self.second
        return (total / self.n, *wilson(total, self.n, confidence))


def mover(
    one: tuple[float, float, float], two: tuple[float, float, float], correlation: float = 0.0
) -> tuple[float, float]:
    """Interval of a difference from the (value, lower, upper) of its parts and their correlation.

    References
    ----------
    .. [1] Zou and Donner, Statistics in Medicine 27 (2008), 1693-1702 (method of variance estimates recovery).
    """
    (a, low_a, high_a), (b, low_b, high_b) = one, two

    def reach(near: float, far: float) -> float:
        return sqrt(max(0.0, near**2 - 2 * correlation * near * far + far**2))

    down, up = reach(a - low_a, high_b - b), reach(high_a - a, b - low_b)
    return max(-1.0, a - b - down), min(1.0, a - b + up)
