"""Two measurements of the same patients, kept as sums: what a site may send, and all that an interval needs.

The same model before and after an attack, or two models on the same patients. A score is in [0, 1] for each patient:
1 if the answer was right, or the Dice of the patient's volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from audits.domain.fairness.group_table import interval as rate_interval
from audits.domain.fairness.simulation import squared_error
from federation.domain.group_rates import Sums

Scores = NDArray[np.floating]
EVERYONE = ("", "")  # attribute and group of all patients together
LEAST = 3  # patients; what is a sum over fewer could be led back to one of them
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
        total = np.array(self.first - self.second)
        error = sqrt(float(squared_error(float(self.n), total, np.array(self.squares), binary=False)))
        reach = float(t.ppf(0.5 + confidence / 2, max(self.n - 1, 1))) * error
        return max(-1.0, self.difference - reach), min(1.0, self.difference + reach)

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


def wilson(count: float, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share in [0, 1] of n >= 1 patients."""
    return rate_interval(Sums(n, count, count), confidence, True)


def z_of(confidence: float) -> float:
    """Two-sided normal quantile."""
    return float(norm.ppf(0.5 + confidence / 2))


Key = tuple[str, str, str]  # case, attribute, group


def shareable(
    groups: Mapping[str, NDArray[np.str_]], n: int, least: int = LEAST
) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Which patients to sum over: everyone, and each group that is large enough to leave the site.

    If the groups left out hold fewer than `least` patients together, the smallest kept one is left out too: otherwise
    they could be had by subtraction. None at all is returned for fewer than `least` patients.
    """
    if n < least:
        return {}
    out = {EVERYONE: np.ones(n, dtype=bool)}
    for attribute, values in sorted(groups.items()):
        sizes = {str(name): int((values == name).sum()) for name in np.unique(values)}
        kept = sorted((name for name, size in sizes.items() if size >= least), key=lambda name: (-sizes[name], name))
        if kept and 0 < n - sum(sizes[name] for name in kept) < least:
            kept.pop()
        out |= {(attribute, name): values == name for name in sorted(kept)}
    return out


def pair_up(
    case: str, first: Scores, second: Scores, parts: Mapping[tuple[str, str], NDArray[np.bool_]]
) -> dict[Key, PairedSums]:
    """The sums of one comparison for each part of the patients."""
    return {(case, *name): PairedSums.of(first[rows], second[rows]) for name, rows in parts.items()}


def to_rows(sums: Mapping[Key, PairedSums]) -> list[list[Any]]:
    """Plain JSON."""
    return [[*key, *value.as_list()] for key, value in sorted(sums.items())]


def from_rows(rows: Iterable[Any], *, patients: int, cases: Iterable[str]) -> dict[Key, PairedSums]:
    """Read what `to_rows` wrote, with suspicion.

    Raises
    ------
    ValueError
        For sums that no patients can have, more patients than the site brought, a part twice, or cases other than
        exactly `cases`.
    """
    out: dict[Key, PairedSums] = {}
    for row in rows:
        case, attribute, group, *values = row
        key = (str(case), str(attribute), str(group))
        found = PairedSums.from_list(values)
        expected = patients if key[1:] == EVERYONE else min(found.n, patients)
        if key in out or found.n != expected:
            raise ValueError(f"{' '.join(key).strip()}: expected one row of {expected} patients, got {found.n}")
        out[key] = found
    asked, came = set(cases), {key[0] for key in out if key[1:] == EVERYONE}
    if asked != came or {key[0] for key in out} != came:
        raise ValueError(f"expected the cases {sorted(asked)}, got {sorted({key[0] for key in out})}")
    return out


def merged(tables: Iterable[Mapping[Key, PairedSums]]) -> dict[Key, PairedSums]:
    """The sums over all sites."""
    out: dict[Key, PairedSums] = {}
    for table in tables:
        for key, sums in table.items():
            out[key] = out[key] + sums if key in out else sums
    return out
