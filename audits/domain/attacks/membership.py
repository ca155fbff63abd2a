"""Membership inference: how well an attack's scores tell the patients of the training from others of the same site.

What a site sends is how many of its patients got which score, never whose. Thresholds are chosen on one random half of
the patients and tried on the other, and the reverse, so that no patient is judged by a rule which he helped to choose.

References
----------
.. [1] Yeom et al., "Privacy risk in machine learning", CSF 2018, arXiv:1709.01604 (advantage = TPR - FPR).
.. [2] Carlini et al., "Membership inference attacks from first principles", S&P 2022, arXiv:2112.03570 (TPR at a low
   FPR).
.. [3] DeLong et al. (1988). Biometrics 44(3):837-845.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from audits.domain.attacks.bounds import epsilon_lower_bound, epsilon_lower_bounds, lower_bound, upper_bound

EDGE, BINS = 10.0, 400  # scores from -10 to 10 in steps of 0.05; what lies beyond counts with the last bin
LOW_FPR = 0.01
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class ScoreCounts:
    """How many patients got which score.

    Attributes
    ----------
    members, others : ndarray of int64, shape (2, BINS)
        By half (drawn at random) and score, from low to high. A high score says "was trained on".
    """

    members: Counts
    others: Counts

    @classmethod
    def of(cls, scores: NDArray[np.float64], member: NDArray[np.bool_], half: NDArray[np.integer]) -> ScoreCounts:
        """Count patients.

        Parameters
        ----------
        scores : ndarray of float, shape (n,)
        member : ndarray of bool, shape (n,)
        half : ndarray of int, shape (n,), 0 or 1

        Raises
        ------
        ValueError
            If a score is NaN.
        """
        if np.isnan(scores).any():
            raise ValueError(f"expected a score for each patient, got {int(np.isnan(scores).sum())} NaN")
        place = np.clip(((np.clip(scores, -EDGE, EDGE) + EDGE) / (2 * EDGE) * BINS).astype(np.int64), 0, BINS - 1)

        def table(rows: NDArray[np.bool_]) -> Counts:
            return np.stack([np.bincount(place[rows & (half == h)], minlength=BINS) for h in (0, 1)])

        return cls(table(member), table(~member))

    @classmethod
    def empty(cls) -> ScoreCounts:
        return cls(np.zeros((2, BINS), np.int64), np.zeros((2, BINS), np.int64))

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ScoreCounts:
        """Read what `as_dict` wrote. Raises ValueError for anything else."""
        tables = []
        for name in ("members", "others"):
            table = np.zeros((2, BINS), np.int64)
            for half, place, count in raw[name]:
                if not all(type(v) is int for v in (half, place, count)):
                    raise ValueError(f"expected whole numbers, got {[half, place, count]}")
                if half not in (0, 1) or not 0 <= place < BINS or count < 1 or table[half, place]:
                    raise ValueError(f"expected each score once with its patients, got {[half, place, count]}")
                table[half, place] = count
            tables.append(table)
        return cls(*tables)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: (half, bin, patients) of each bin that is not empty."""
        tables = {"members": self.members, "others": self.others}
        return {
            name: [[int(h), int(b), int(table[h, b])] for h, b in np.argwhere(table)] for name, table in tables.items()
        }

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        return ScoreCounts(self.members + other.members, self.others + other.others)

    @property
    def n_members(self) -> int:
        return int(self.members.sum())

    @property
    def n_others(self) -> int:
        return int(self.others.sum())


@dataclass(frozen=True)
class Separation:
    """How well an attack told members from others; each bound is one-sided at the stated confidence.

    Attributes
    ----------
    n_members, n_others : int
        Patients.
    auc, auc_lower, auc_upper : float, in [0, 1]
        Chance that a member scores higher than another patient; 0.5: the attack learns nothing. DeLong's normal
        interval [3]_.
    tpr, tpr_lower, tpr_upper : float, in [0, 1]
        Share of members found at the highest false-positive rate of at most 1 % that these patients allow [2]_. The
        bounds are of the share at a true rate of 1 %, which the rate among few others may miss by far, see `_low_rate`.
    fpr_upper : float, in [0, 1]
        Upper bound of the true false-positive rate at that threshold, at half the error.
    advantage, advantage_lower, advantage_upper : float, in [-1, 1]
        TPR - FPR [1]_ at the best threshold of the other half: 2 x balanced accuracy - 1. 0: as good as guessing.
    epsilon_lower : float, >= 0
        See `bounds.epsilon_lower_bound`. Indicative: all patients faced one model, so the attempts are not quite
        independent.
    epsilon_reach : float, >= 0
        The largest epsilon_lower that so few patients could have shown, had every guess been right.
    """

    n_members: int
    n_others: int
    auc: float
    auc_lower: float
    auc_upper: float
    tpr: float
    tpr_lower: float
    tpr_upper: float
    fpr_upper: float
    advantage: float
    advantage_lower: float
    advantage_upper: float
    epsilon_lower: float
    epsilon_reach: float

    @property
    def balanced_accuracy(self) -> float:
        return (1 + self.advantage) / 2


def separation(counts: ScoreCounts, *, delta: float, confidence: float = 0.95) -> Separation | None:
    """What the scores show; None where a half lacks members or others.

    Parameters
    ----------
    counts : ScoreCounts
    delta : float, in [0, 1)
        Of the accountant that epsilon will be compared with; 0 if there is none.
    """
    if min(table.sum(axis=1).min() for table in (counts.members, counts.others)) == 0:
        return None
    members, others = counts.n_members, counts.n_others
    auc, error = _auc(counts.members.sum(axis=0), counts.others.sum(axis=0))
    reach = float(norm.ppf(confidence)) * error
    half = 1 - (1 - confidence) / 2
    low = _low_rate(counts, half)
    tp, fp = _cross_fitted(counts, lambda tpr, fpr, *_: tpr - fpr)
    best_tp, best_fp = _cross_fitted(counts, _epsilon_of(delta))

    return Separation(
        n_members=members,
        n_others=others,
        auc=auc,
        auc_lower=max(0.0, auc - reach),
        auc_upper=min(1.0, auc + reach),
        tpr=low.tpr,
        tpr_lower=low.lower,
        tpr_upper=low.upper,
        fpr_upper=low.fpr_upper,
        advantage=tp / members - fp / others,
        advantage_lower=lower_bound(tp, members, confidence=half) - upper_bound(fp, others, confidence=half),
        advantage_upper=upper_bound(tp, members, confidence=half) - lower_bound(fp, others, confidence=half),
        epsilon_lower=epsilon_lower_bound(best_tp, members, best_fp, others, delta=delta, confidence=confidence),
        epsilon_reach=epsilon_lower_bound(members, members, 0, others, delta=delta, confidence=confidence),
    )


def _auc(members: Counts, others: Counts) -> tuple[float, float]:
    """Area under the curve and its standard error [3]_, from counts by score (ties count one half)."""
    below = np.cumsum(others) - others
    above = members.sum() - np.cumsum(members)
    wins_member = (below + others / 2) / others.sum()  # of a member with this score
    wins_other = (above + members / 2) / members.sum()
    auc = float((members * wins_member).sum() / members.sum())

    def variance(values: NDArray[np.float64], weights: Counts) -> float:
        n = int(weights.sum())
        return float((weights * (values - auc) ** 2).sum() / max(n - 1, 1) / n)

    return auc, float(np.sqrt(variance(wins_member, members) + variance(wins_other, others)))


@dataclass(frozen=True)
class _LowRate:
    tpr: float
    lower: float
    upper: float
    fpr_upper: float


def _low_rate(counts: ScoreCounts, half: float) -> _LowRate:
    """Members found at a false-positive rate of 1 %; both bounds together at twice the error of `half`.

    Thresholds are set by the others alone. The lower bound is of the attacker who, at a threshold whose rate may be f,
    says "member" there only in 1 % / f of cases: he is certain to keep to 1 %. The upper bound is of a threshold so
    low that its rate is hardly under 1 %.
    """
    members, others = _from_above(counts.members.sum(axis=0)), _from_above(counts.others.sum(axis=0))
    n, m = int(members[0]), int(others[0])
    allowed = int(LOW_FPR * m + 1e-9)
    found = int(members[np.argmax(others <= allowed)])  # the last entry, "nobody", always fits
    fpr_upper = upper_bound(allowed, m, confidence=half)
    lower = lower_bound(found, n, confidence=half) * min(1.0, LOW_FPR / fpr_upper)
    enough = int(binom.isf(1 - half, m, LOW_FPR)) + 1  # so many others score over the 1 % point by rare chance alone
    upper = 1.0
    if enough <= m:
        upper = upper_bound(int(members[np.flatnonzero(others >= enough)[-1]]), n, confidence=half)
    return _LowRate(found / n, lower, upper, fpr_upper)


Gain = Callable[[NDArray[np.float64], NDArray[np.float64], int, int], NDArray[np.float64]]


def _cross_fitted(counts: ScoreCounts, gain: Gain) -> tuple[int, int]:
    """Members and others above the threshold that gains most in the half to which they do not belong."""
    tp = fp = 0
    for half in (0, 1):
        members, others = _from_above(counts.members[half]), _from_above(counts.others[half])
        place = int(np.argmax(gain(members / members[0], others / others[0], int(members[0]), int(others[0]))))
        tp += int(_from_above(counts.members[1 - half])[place])
        fp += int(_from_above(counts.others[1 - half])[place])
    return tp, fp


def _epsilon_of(delta: float) -> Gain:
    def gain(tpr: NDArray[np.float64], fpr: NDArray[np.float64], n: int, m: int) -> NDArray[np.float64]:
        tp, fp = (np.rint(rates).astype(np.int64) for rates in (tpr * n, fpr * m))
        return epsilon_lower_bounds(tp, n, fp, m, delta=delta, confidence=0.95)

    return gain


def _from_above(counts: Counts) -> Counts:
    """How many score at least this bin, for each bin, and 0 for "above all"."""
    return np.append(np.cumsum(counts[::-1])[::-1], 0)
