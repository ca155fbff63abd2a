"""What some attempts of an attack show about all others: exact bounds on a share, and on epsilon.

All bounds are one-sided at the stated confidence, and hold for independent attempts. So an attempt is one patient:
whatever is tried on one patient, however often, counts once.

References
----------
.. [1] Clopper, Pearson (1934). Biometrika 26(4):404-413.
.. [2] Kairouz, Oh, Viswanath, "The composition theorem for differential privacy", ICML 2015, arXiv:1311.0776.
.. [3] Jagielski, Ullman, Oprea, "Auditing differentially private machine learning", NeurIPS 2020, arXiv:2006.07709.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Counts = NDArray[np.int64]


def lower_bound(successes: int, attempts: int, *, confidence: float = 0.95) -> float:
    """One-sided lower Clopper-Pearson bound [1]_ on a share of successes, in [0, 1]; 0 without attempts."""
    _check(successes, attempts, confidence)
    return float(_lower(np.array(successes), attempts, confidence))


def upper_bound(successes: int, attempts: int, *, confidence: float = 0.95) -> float:
    """One-sided upper Clopper-Pearson bound [1]_ on a share of successes, in [0, 1]; 1 without attempts."""
    _check(successes, attempts, confidence)
    return float(_upper(np.array(successes), attempts, confidence))


@dataclass(frozen=True)
class Resistance:
    """How often an attack did not succeed.

    Attributes
    ----------
    attempts, successes : int
        Patients, not tries.
    value : float or None, in [0, 1]
        1 - successes / attempts: 1, no patient was reconstructed; 0, all were. None without attempts.
    lower, upper : float, in [0, 1]
        One-sided Clopper-Pearson bounds, each at the stated confidence.
    """

    attempts: int
    successes: int
    value: float | None
    lower: float
    upper: float


def resistance(successes: int, attempts: int, *, confidence: float = 0.95) -> Resistance:
    """Resistance to an attack from `successes` of `attempts` patients.

    Raises
    ------
    ValueError
        If the counts are negative, more patients succeed than were tried, or the confidence is not in (0, 1).

    Examples
    --------
    >>> round(resistance(0, 598).lower, 5)
    0.995
    """
    low = 1 - upper_bound(successes, attempts, confidence=confidence)
    high = 1 - lower_bound(successes, attempts, confidence=confidence)
    return Resistance(attempts, successes, 1 - successes / attempts if attempts else None, low, high)


def attempts_needed(successes: int, *, required: float = 0.995, confidence: float = 0.95) -> int:
    """The fewest patients with which so many successes still show a resistance of at least `required`."""
    few, many = successes, successes + 1
    while 1 - upper_bound(successes, many, confidence=confidence) < required:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        enough = 1 - upper_bound(successes, middle, confidence=confidence) >= required
        few, many = (few, middle) if enough else (middle, many)
    return many


def epsilon_lower_bound(
    true_positives: int,
    members: int,
    false_positives: int,
    non_members: int,
    *,
    delta: float,
    confidence: float = 0.95,
) -> float:
    """The least epsilon that is compatible with how well an attack told members from others.

    Under (epsilon, delta)-differential privacy every attack has TPR <= e^epsilon FPR + delta, and likewise for its
    complement [2]_; each rate is replaced by its Clopper-Pearson bound at half the error [3]_.

    Parameters
    ----------
    true_positives, members : int
        Members that the attack called members, of all members.
    false_positives, non_members : int
        The same for patients that the model was not trained on. The rule must have been chosen without these patients.
    delta : float, in [0, 1)

    Returns
    -------
    float, >= 0
        0: the attack showed nothing. A value over the accountant's epsilon: one of the two is wrong. A lower bound
        refutes a promise of privacy; it never confirms one.
    """
    for found, tried in ((true_positives, members), (false_positives, non_members)):
        _check(found, tried, confidence)
    tp, fp = np.array([true_positives]), np.array([false_positives])
    return float(epsilon_lower_bounds(tp, members, fp, non_members, delta=delta, confidence=confidence)[0])


def epsilon_lower_bounds(
    true_positives: Counts, members: int, false_positives: Counts, non_members: int, *, delta: float, confidence: float
) -> NDArray[np.float64]:
    """`epsilon_lower_bound` of many rules at once; counts of shape (k,)."""
    half = 1 - (1 - confidence) / 2
    found, accused = _lower(true_positives, members, half), _upper(false_positives, non_members, half)
    best = np.zeros(len(found))
    for top, bottom in ((found - delta, accused), (1 - accused - delta, 1 - found)):
        usable = (top > 0) & (bottom > 0)
        best[usable] = np.maximum(best[usable], np.log(top[usable] / bottom[usable]))
    return best


def _lower(successes: Counts, attempts: int, confidence: float) -> NDArray[np.float64]:
    some = successes > 0
    return np.where(some, beta.ppf(1 - confidence, np.where(some, successes, 1), attempts - successes + 1), 0.0)


def _upper(successes: Counts, attempts: int, confidence: float) -> NDArray[np.float64]:
    some = successes < attempts
    return np.where(some, beta.ppf(confidence, successes + 1, np.where(some, attempts - successes, 1)), 1.0)


def _check(successes: int, attempts: int, confidence: float) -> None:
    if not 0 <= successes <= attempts:
        raise ValueError(f"expected 0 to {attempts} successes, got {successes}")
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence over 0 and under 1, got {confidence}")
