"""How a site's features are distributed, as noised counts over bin edges that are known beforehand.

Every patient adds `UNITS` to the row of each asked feature: all in one bin for a single value, spread over the bins for
the intensities of an image. Adding or removing a patient so moves the table by at most `UNITS` * sqrt(features) in L2
and `UNITS` * features in L1. Whole numbers of Skellam noise are added, and only the sum leaves the site: whatever is
computed from it later costs nothing more. The number of patients is taken as known, as a manifest tells it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData
from federation.domain.privacy.accountant import Spend, solve_noise
from federation.domain.privacy.discrete import skellam
from federation.domain.privacy.stream import KeyedStream

UNITS = 64  # of a patient in each feature; so fine that rounding an image's intensities to them is not seen
BINS = 8
MOST_FEATURES = 40
INTENSITY = "intensity"
# Of each channel of an image, over its pixels above 0 (the rest is background); and the range of the bins.
MEASURES: Mapping[str, tuple[float, float]] = {
    INTENSITY: (0.0, 1.0), "mean": (0.0, 1.0), "spread": (0.0, 0.5), "skewness": (-3.0, 3.0), "entropy": (0.0, 1.0),
}  # fmt: skip

Counts = NDArray[np.int64]


def offered(manifest: Mapping[str, Any]) -> list[str]:
    """The features that a site with this manifest can be asked for."""
    names = [str(name) for name in manifest["feature_names"]]
    imaged = len(manifest["shape"]) == 3
    return [f"{channel}: {measure}" for channel in names for measure in MEASURES] if imaged else names


@dataclass(frozen=True)
class Question:
    """What is asked of every site.

    Attributes
    ----------
    features : tuple of str, each once
        Names as `offered` gives them.
    noise_multiplier : float
        Standard deviation of the noise over what one patient can move, see `spend`.
    """

    features: tuple[str, ...]
    noise_multiplier: float

    def __post_init__(self) -> None:
        if not 1 <= len(set(self.features)) == len(self.features) <= MOST_FEATURES:
            raise ValueError(f"expected 1 to {MOST_FEATURES} features, each once, got {list(self.features)}")
        if not 0 < self.noise_multiplier <= 1e4:
            raise ValueError(f"expected a noise multiplier over 0 to 10000, got {self.noise_multiplier!r}")

    @classmethod
    def within(cls, features: Sequence[str], *, epsilon: float, delta: float) -> Question:
        """With the least noise whose release costs at most epsilon. Raises ValueError if no noise is enough."""
        noise = solve_noise(lambda sigma: [cls(tuple(features), sigma).spend], epsilon=epsilon, delta=delta)
        return cls(tuple(features), noise)

    @property
    def levels(self) -> int:
        """What one patient moves the table by, in L2, rounded up."""
        return math.ceil(UNITS * math.sqrt(len(self.features)))

    @property
    def spend(self) -> Spend:
        """One step that takes every patient. The accountant's L1 bound of these numbers is above UNITS * features."""
        return Spend(self.noise_multiplier, 1.0, 1, levels=self.levels, parameters=len(self.features))

    @property
    def noise_sd(self) -> float:
        """Standard deviation of the noise on a count, in patients."""
        return self.noise_multiplier * self.levels / UNITS

    def as_dict(self) -> dict[str, Any]:
        return {"features": list(self.features), "noise_multiplier": self.noise_multiplier}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Question:
        """Raises ValueError for anything else than `as_dict` wrote."""
        features, noise = raw.get("features"), raw.get("noise_multiplier")
        if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
            raise ValueError("expected a list of features")
        if not isinstance(noise, int | float) or isinstance(noise, bool):
            raise ValueError(f"expected a noise multiplier, got {noise!r}")
        return cls(tuple(features), float(noise))


def noised(table: Counts, question: Question, stream: KeyedStream) -> Counts:
    """What may leave the site of an exact table."""
    noise = skellam((question.noise_multiplier * question.levels) ** 2, table.size, stream)
    return table + noise.reshape(table.shape)


def exact(data: SiteData, features: Sequence[str]) -> Counts:
    """The table in units, shape (features, bins), without noise: it must not leave the site.

    Raises
    ------
    ValueError
        For a feature that the site does not have.
    """
    known = offered({"feature_names": data.feature_names, "shape": data.x.shape[1:]})
    if unknown := sorted(set(features) - set(known)):
        raise ValueError(f"expected features among {known}, got {unknown}")
    table = np.zeros((len(features), BINS), dtype=np.int64)
    for place, name in enumerate(features):
        if not data.imaged:
            _count(table[place], data.x[:, known.index(name)], 0.0, 1.0)
            continue
        channel, measure = divmod(known.index(name), len(MEASURES))
        _image_row(table[place], data, channel, list(MEASURES)[measure])
    return table


def _image_row(row: Counts, data: SiteData, channel: int, measure: str) -> None:
    order = np.argsort(data.patient_index, kind="stable")
    starts = np.searchsorted(data.patient_index[order], np.arange(data.n_patients + 1))
    low, high = MEASURES[measure]
    for first, last in zip(starts[:-1], starts[1:], strict=True):
        pixels = data.x[order[first:last], channel].ravel()
        pixels = pixels[pixels > 0].astype(np.float64)
        if measure == INTENSITY:
            row += _spread(_shares(pixels, BINS))
        else:
            _count(row, np.array([_measured(pixels, measure)]), low, high)


def _count(row: Counts, values: NDArray[np.floating], low: float, high: float) -> None:
    """The outer bins are open: what lies beyond the range is in them."""
    places = np.floor((np.asarray(values, dtype=np.float64) - low) / (high - low) * BINS)
    row += UNITS * np.bincount(np.clip(places, 0, BINS - 1).astype(np.int64), minlength=BINS)


def _shares(pixels: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    if not len(pixels):
        return np.eye(1, bins)[0]  # an image of nothing but background
    found = np.histogram(np.clip(pixels, 0, 1), bins=bins, range=(0.0, 1.0))[0]
    return found / len(pixels)


def _spread(shares: NDArray[np.float64]) -> Counts:
    """`UNITS` whole units over the bins, those that are left to the largest remainders."""
    whole = np.floor(shares * UNITS).astype(np.int64)
    left = UNITS - int(whole.sum())
    whole[np.argsort(-(shares * UNITS - whole), kind="stable")[:left]] += 1
    return whole


def _measured(pixels: NDArray[np.float64], measure: str) -> float:
    if not len(pixels):
        return 0.0
    if measure == "mean":
        return float(pixels.mean())
    if measure == "entropy":  # of 32 grey levels, 1 where all are as frequent
        shares = _shares(pixels, 32)
        return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum() / math.log(32))
    spread = float(pixels.std())
    if measure == "spread":
        return spread
    return float(((pixels - pixels.mean()) ** 3).mean() / spread**3) if spread > 1e-9 else 0.0
