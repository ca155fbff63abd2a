"""Skellam noise: whole numbers whose sum over sites is again of the same kind, so that it can be added in a field.

Continuous noise cannot be summed modulo a prime, and a rounded Gaussian of each site does not add up to a rounded
Gaussian. The difference of two Poisson numbers does: Skellam noise of variances v and w adds up to variance v + w [1]_.

Poisson numbers are drawn by transformed rejection [2]_ from a keyed stream of 53-bit uniforms, with the acceptance
computed around the mode, so that nothing is lost to cancellation at the variances that are used (10^6 to 10^12). What
is left of the difference from the exact law is rounding in double precision; the timing of the loop is not hidden.

References
----------
.. [1] Agarwal, Kairouz, Liu, "The Skellam mechanism for differentially private federated learning", NeurIPS 2021,
   arXiv:2110.04995.
.. [2] Hoermann, "The transformed rejection method for generating Poisson random variables", 1993 (PTRS).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from federation.domain.privacy.stream import KeyedStream

LARGEST_MEAN = 2.0**52  # above, neighbouring whole numbers are no longer told apart
_SMALL_MEAN = 10.0
_TABLE = 128  # a Poisson number of mean under 10 is larger with probability under 1e-90


def skellam(variance: float, size: int, stream: KeyedStream) -> NDArray[np.int64]:
    """Independent whole numbers of mean 0 and the given variance, shape (size,); 0 gives zeros.

    Raises
    ------
    ValueError
        If the variance is negative, not finite, or over 2^53.
    """
    return poisson(variance / 2, size, stream) - poisson(variance / 2, size, stream)


def poisson(mean: float, size: int, stream: KeyedStream) -> NDArray[np.int64]:
    """Independent Poisson numbers, shape (size,).

    Raises
    ------
    ValueError
        If the mean is negative, not finite, or over 2^52.
    """
    if not 0 <= mean <= LARGEST_MEAN:
        raise ValueError(f"expected a mean from 0 to 2^52, got {mean}")
    return _by_table(mean, size, stream) if mean < _SMALL_MEAN else _by_rejection(mean, size, stream)


def _by_table(mean: float, size: int, stream: KeyedStream) -> NDArray[np.int64]:
    steps = np.arange(1, _TABLE)
    cumulative = np.cumsum(np.exp(-mean) * np.concatenate([[1.0], np.cumprod(mean / steps)]))
    return np.searchsorted(cumulative, stream.uniforms(size), side="right").astype(np.int64)


def _by_rejection(mean: float, size: int, stream: KeyedStream) -> NDArray[np.int64]:
    root = np.sqrt(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    scale = 1.1239 + 1.1328 / (b - 3.4)
    out = np.empty(size, dtype=np.int64)
    waiting = np.arange(size)
    while len(waiting):
        u, v = stream.uniforms(len(waiting)) - 0.5, stream.uniforms(len(waiting))
        room = np.maximum(0.5 - np.abs(u), 2.0**-54)
        offset = np.floor((2 * a / room + b) * u + 0.43 + (mean - np.floor(mean)))
        k = np.floor(mean) + offset
        with np.errstate(divide="ignore"):
            height = np.log(v * scale / (a / room**2 + b))
        accepted = (k >= 0) & (height <= log_poisson(np.maximum(k, 0.0), mean))
        out[waiting[accepted]] = k[accepted].astype(np.int64)
        waiting = waiting[~accepted]
    return out


def log_poisson(k: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Logarithm of the Poisson probability of each whole k >= 0, without cancellation at large means (mean > 0)."""
    safe = np.maximum(k, 1.0)
    return np.where(k > 0, -_deviance(safe, mean) - 0.5 * np.log(2 * np.pi * safe) - _stirling_error(safe), -mean)


def _deviance(k: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """K log(k / mean) + mean - k, which is (k - mean)^2 / (2 mean) and smaller terms."""
    t = (k - mean) / mean
    # The series' next term is t^8 / 56: under 1e-17 of the first where it is used.
    series = t**2 * (1 / 2 - t * (1 / 6 - t * (1 / 12 - t * (1 / 20 - t * (1 / 30 - t / 42)))))
    with np.errstate(divide="ignore", invalid="ignore"):
        direct = (1 + t) * np.log1p(t) - t
    return mean * np.where(np.abs(t) < 1e-3, series, direct)


def _stirling_error(k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log k! less Stirling's formula for it; k >= 1."""
    large = np.maximum(k, 16.0)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / large**2) / large**2) / large**2) / large
    few = np.arange(1, 16, dtype=np.float64)
    exact = np.cumsum(np.log(few)) - (few + 0.5) * np.log(few) + few - 0.5 * np.log(2 * np.pi)
    return np.where(k < 16, exact[np.minimum(k, 15).astype(np.int64) - 1], series)


def skellam_divergence(order: float, *, variance: float, l2: float, l1: float) -> float:
    """Upper bound of the Renyi divergence between Skellam noise and the same noise moved by whole numbers [1]_.

    Parameters
    ----------
    order : whole number >= 2
    variance : float, > 0
        Of the noise in each coordinate.
    l2, l1 : float
        At most so far moved, in L2 and L1.
    """
    small = ((2 * order - 1) * l2**2 + 6 * l1) / (4 * variance**2)
    return order * l2**2 / (2 * variance) + min(small, 3 * l1 / (2 * variance))
