"""How sure a mean over patients and trainings is, and what may be said of a difference.

Conditional on one dealing of the patients into folds, whose training sets overlap, and on these hospitals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DRAWS, LEVEL = 10_000, 0.95
MEDIAN_DRAWS = 2_000
# Less has no clinical meaning. Set when four seeds of the study had been seen.
MEANINGLESS = 0.02
Floats = NDArray[np.float64]


def interval(values: Floats, *, of_seeds: bool = False, seed: int = 0) -> tuple[float, float]:
    """Percentile interval of the mean of values, shape (patients, seeds).

    Patients are drawn with all their seeds (a cluster each): what other patients would have shown. `of_seeds`: seeds
    are drawn as well, with all their patients, so that it also covers what other trainings would have shown [1]_.

    References
    ----------
    .. [1] Owen, "The pigeonhole bootstrap", Ann. Appl. Stat. 1, 386 (2007).
    """
    rng = np.random.default_rng(seed)
    patients, seeds = values.shape
    drawn = rng.multinomial(patients, np.full(patients, 1 / patients), size=DRAWS) / patients @ values
    shares = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=DRAWS) / seeds if of_seeds else 1 / seeds
    return _percentiles((drawn * shares).sum(axis=1))


def median_interval(values: Floats, *, seed: int = 0) -> tuple[float, float]:
    """Of the median patient of a training, mean over trainings; patients are drawn."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(values), (MEDIAN_DRAWS, len(values)))
    return _percentiles(np.array([median(values[chosen]) for chosen in drawn]))


def median(values: Floats) -> float:
    """The median patient of each training, mean over trainings."""
    return float(np.median(values, axis=0).mean())


def over_seeds(gaps: Floats) -> tuple[float, float]:
    """Student's interval of the mean over seeds: right where trainings differ more than patients do."""
    means = gaps.mean(axis=0)
    reach = stats.t.ppf((1 + LEVEL) / 2, len(means) - 1) * means.std(ddof=1) / len(means) ** 0.5
    return float(means.mean() - reach), float(means.mean() + reach)


def verdict(gaps: Floats) -> str:
    """What ten paired seeds say of a difference, shape (patients, seeds): both intervals must clear 0."""
    (low, high), (least, most) = interval(gaps, of_seeds=True), over_seeds(gaps)
    said = f"95 % over patients and seeds {low:+.3f} to {high:+.3f}, over seeds alone {least:+.3f} to {most:+.3f}: "
    low, high = min(low, least), max(high, most)
    if low > 0:
        return said + "the hybrid is better" + (", by nothing of clinical meaning" if high < MEANINGLESS else "")
    if high < 0:
        return said + "the hybrid is worse"
    wide = f"a difference of more than {MEANINGLESS} either way is unlikely"
    if max(-low, high) >= MEANINGLESS:
        wide = f"differences up to {max(-low, high):.3f} are compatible with it"
    return said + f"no difference shown, which does not show that they are equal; {wide}"


def _percentiles(drawn: Floats) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
