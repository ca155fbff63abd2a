"""Intervals of rates, defined once."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def clopper_pearson(found: int, drawn: int, confidence: float) -> tuple[float, float]:
    """Exact interval of a rate from `found` of `drawn` independent reads; `drawn` >= 1."""
    from scipy.special import betaincinv  # not at the top: pages load what loads this

    tail = (1 - confidence) / 2
    lower = float(betaincinv(found, drawn - found + 1, tail)) if found > 0 else 0.0
    upper = float(betaincinv(found + 1, drawn - found, 1 - tail)) if found < drawn else 1.0
    return lower, upper


def wilson(count: float, n: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share in [0, 1] of n >= 1 patients."""
    z, mean = z_of(confidence), count / n
    middle = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def z_of(confidence: float) -> float:
    """Two-sided normal quantile."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def t_quantile(confidence: float, freedom: int) -> float:
    """Two-sided quantile of Student's t with `freedom` >= 1 degrees."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2))


def t_tails(value: float, freedom: int) -> float:
    """Chance of at least |value| under Student's t with `freedom` >= 1 degrees, in [0, 1]."""
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(value)))


def squared_error(n: float | Floats, total: Floats, total_sq: Floats, *, binary: bool) -> Floats:
    """Squared standard error of a mean in [0, 1] that never calls 0/n or n/n certain.

    Yes/no metrics count one extra success and one extra failure (Agresti and Caffo). Continuous metrics use the sample
    variance, but at least the variance that a yes/no metric would have at 0/n: a metric that happened not to vary among
    30 patients is known no better than that.

    Parameters
    ----------
    n : float or ndarray, >= 1
    total, total_sq : ndarray
        Sum and sum of squares; any shape that fits n.

    References
    ----------
    .. [1] Agresti and Caffo, The American Statistician 54 (2000), 280-288.
    """
    if binary:
        smoothed = (total + 1.0) / (n + 2.0)
        return smoothed * (1.0 - smoothed) / n
    edge = 1.0 / (n + 2.0)
    floor = edge * (1.0 - edge)
    sample = np.maximum(0.0, total_sq - total**2 / n) / np.maximum(n - 1.0, 1.0)
    return np.maximum(sample, floor) / n
