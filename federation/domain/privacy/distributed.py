"""Noise that the sites make together: each adds a share, and only the sum, which is all that is revealed, is private.

A site's share is fixed before the run from the fewest sites that a round may end with, less those that may collude
(they know their own shares and can subtract them). Then the noise in any sum that is revealed is at least what the
accountant counted. With fewer sites than the quorum it would be less, so nothing may be revealed: the round is given
up.

A share alone protects little. Whoever gets a site's unmasked update gets one with less noise; so this regime exists
only under secure aggregation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.domain.privacy.config import DISTRIBUTED, PrivacyConfig
from federation.domain.privacy.discrete import skellam
from federation.domain.privacy.stream import KeyedStream

_TAIL = 12.0  # standard deviations that the noise of a coordinate stays within, but for a chance of 1e-30


class QuorumLost(Exception):
    """Too few sites are left for the noise that was promised. Nothing of this round may be revealed."""


def share_variance(config: PrivacyConfig) -> float:
    """Variance of the whole-number noise that each site adds to each coordinate."""
    known = _distributed(config)
    return (known.noise_multiplier * known.levels) ** 2 / (known.quorum - config.colluding)


def quantised(summed: NDArray[np.float64], config: PrivacyConfig, *, stream: KeyedStream) -> NDArray[np.int64]:
    """A sum of clipped gradients on the grid: floor(x * levels / clip + u), u uniform, which is right on average.

    Rounded so, two sums that lie within `clip` of each other lie within levels + sqrt(n) of each other for each u,
    which is what is accounted. Rounding to the nearest does too.
    """
    known = _distributed(config)
    if not np.isfinite(summed).all():
        raise ValueError("expected finite sums, got some that are not; check the inputs")
    scaled = summed * (known.levels / known.clip)
    return np.floor(scaled + stream.uniforms(scaled.size).reshape(scaled.shape)).astype(np.int64)


def noised(
    update: NDArray[np.integer], config: PrivacyConfig, *, modulus: int, stream: KeyedStream
) -> NDArray[np.integer]:
    """What a site does to its update before it masks it: adds its share of the noise, in the field.

    Parameters
    ----------
    update : integers in [0, modulus), any shape
        The quantised sum of clipped gradients; a negative number x stands as modulus + x. Never modified.
    config : PrivacyConfig
        Of the distributed regime.
    modulus : int, 2 to 2^62
    stream : KeyedStream
        Of the site's own secret; another one each round, for noise that is used twice cancels out.

    Returns
    -------
    ndarray of the same shape and type, in [0, modulus)

    Raises
    ------
    ValueError
        If the regime is another, or a value does not lie in the field.
    """
    if not 2 <= modulus <= 2**62:
        raise ValueError(f"expected a modulus from 2 to 2^62, got {modulus}")
    values = np.asarray(update)
    if values.size and (int(values.min()) < 0 or int(values.max()) >= modulus):
        raise ValueError(f"expected values from 0 to under {modulus}, got {values.min()} to {values.max()}")
    noise = skellam(share_variance(config), values.size, stream).reshape(values.shape)
    return ((values.astype(np.int64) + noise % modulus) % modulus).astype(values.dtype)


def into_field(values: NDArray[np.int64], modulus: int) -> NDArray[np.int64]:
    """Whole numbers as elements of the field."""
    return values % modulus


def out_of_field(elements: NDArray[np.integer], modulus: int) -> NDArray[np.int64]:
    """Elements of the field as the whole numbers of least size that they stand for."""
    whole = np.asarray(elements).astype(np.int64)  # 32 unsigned bits know no negative number
    return np.where(whole > modulus // 2, whole - modulus, whole)


def require_quorum(survivors: int, config: PrivacyConfig) -> None:
    """Refuse to reveal a sum that too few sites are part of.

    The aggregator asks this before it unmasks, and each site before it hands out a share of anybody's mask: a site need
    not believe the aggregator.

    Raises
    ------
    QuorumLost
    """
    quorum = _distributed(config).quorum
    if survivors < quorum:
        raise QuorumLost(
            f"expected at least {quorum} sites, got {survivors}: their noise together is less than was accounted, so "
            "the sum stays masked and the round is given up"
        )


def require_room(config: PrivacyConfig, *, patients: int, sites: int, modulus: int) -> None:
    """Refuse a field in which a sum could wrap around.

    Raises
    ------
    ValueError
        With the arithmetic.
    """
    levels = _distributed(config).levels
    noise = math.ceil(_TAIL * math.sqrt(sites * share_variance(config)))
    largest = patients * levels + sites + noise
    if 2 * largest + 1 > modulus:
        raise ValueError(
            f"expected room for sums of up to {patients:,} patients x {levels:,} levels + {sites} for rounding + "
            f"{noise:,} of noise ({_TAIL:g} standard deviations of {sites} shares) = {largest:,} to either side, so a "
            f"field of at least {2 * largest + 1:,} elements, got {modulus:,}; take fewer levels or a larger field"
        )


def mean_gradient(
    total: NDArray[np.integer], config: PrivacyConfig, *, modulus: int, patients: int
) -> NDArray[np.float64]:
    """What the server learns of a step: the mean gradient, from the sum of what the sites sent.

    Parameters
    ----------
    total : elements of the field
    patients : int, >= 1
        Of the sites in the sum; times the sample rate, the expected number of patients drawn. The number that was drawn
        is not public.
    """
    known = _distributed(config)
    if patients < 1:
        raise ValueError("expected patients at the counted sites, got none; the round changes nothing")
    scale = known.clip / known.levels / ((config.sample_rate or 1.0) * patients)
    return np.asarray(out_of_field(total, modulus) * scale, dtype=np.float64)


@dataclass(frozen=True)
class _Known:
    """What a configuration of this regime has for certain."""

    noise_multiplier: float
    clip: float
    levels: int
    quorum: int


def _distributed(config: PrivacyConfig) -> _Known:
    amounts = config.noise_multiplier, config.clip, config.levels, config.quorum
    if config.regime != DISTRIBUTED or None in amounts:
        raise ValueError(f"expected the distributed regime, got {config.regime}")
    return _Known(*amounts)  # type: ignore[arg-type]
