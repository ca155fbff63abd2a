"""Which inputs a model was trained on, told so that no patient can be singled out, and who lies outside of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData

GRID = 0.02  # ranges are rounded outwards to it: a value of one patient cannot be read off
LEAST_TRAINED = 20  # patients; below, a 1st percentile would be somebody's value
LOW_PERCENT, HIGH_PERCENT = 1.0, 99.0
LEAST_MANY, SHARE_MANY = 2, 0.25  # inputs beyond their range that make a case out of distribution
IMAGE_FIGURES = ("mean", "spread", "brightest")


@dataclass(frozen=True)
class OperatingRange:
    """1st to 99th percentile of each input over a site's training patients.

    Attributes
    ----------
    low, high : ndarray, shape (d,)
        In the units of `SiteData.x`, rounded outwards to `GRID`.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> OperatingRange | None:
        """The range of `values`, shape (n, d), one row a patient; None for fewer than `LEAST_TRAINED` patients."""
        if len(values) < LEAST_TRAINED:
            return None
        low, high = np.percentile(values, [LOW_PERCENT, HIGH_PERCENT], axis=0)
        return cls(np.floor(low / GRID + 1e-6) * GRID, np.ceil(high / GRID - 1e-6) * GRID)

    def outside(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which values lie outside: shape (n, d)."""
        return np.asarray((values < self.low - 1e-6) | (values > self.high + 1e-6))


def inputs_of(data: SiteData) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """What is compared with a range, one row a patient.

    Tables: their columns. Images: mean, spread and 99th percentile of the intensity of each channel, over all slices.

    Returns
    -------
    names : tuple of str, length d
    values : ndarray, shape (n, d)
    """
    if not data.imaged:
        rows = np.zeros((data.n_patients, data.x.shape[1]))
        rows[data.patient_index] = data.x
        return data.feature_names, rows
    names = image_inputs(data.feature_names)
    figures = np.zeros((data.n_patients, len(names)))
    for patient in range(data.n_patients):
        figures[patient] = image_figures(data.x[data.patient_index == patient])
    return names, figures


def image_inputs(channels: Sequence[str]) -> tuple[str, ...]:
    """The names of what `image_figures` gives, in its order."""
    return tuple(f"{channel}, {figure}" for channel in channels for figure in IMAGE_FIGURES)


def image_figures(volume: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean, spread and 99th percentile of the intensity of each channel of one patient's slices.

    Parameters
    ----------
    volume : ndarray, shape (slices, channels, height, width)

    Returns
    -------
    ndarray, shape (3 * channels,)
    """
    pixels = volume.astype(float).transpose(1, 0, 2, 3).reshape(volume.shape[1], -1)
    each = np.stack([pixels.mean(axis=1), pixels.std(axis=1), np.percentile(pixels, 99, axis=1)], axis=1)
    return np.asarray(each.ravel())


class Place(StrEnum):
    """Where one case lies against the range of what was trained on."""

    INSIDE = "inside"
    OUTSIDE = "outside"  # some input is beyond its range
    FAR = "out_of_distribution"  # one is beyond it by more than the range is wide, or many are beyond it
    UNKNOWN = "not_measured"


def place_of(values: NDArray[np.floating], low: NDArray[np.floating], high: NDArray[np.floating]) -> Place:
    """Where a case lies.

    Each range holds 98 % of the patients of a site, so of patients like those trained on one input is outside in at
    most 2 of 100. A case is called out of distribution if an input lies beyond its range by more than the range is
    wide (at least `GRID`), or if at least two inputs and more than a quarter of them lie beyond. The rule looks at
    each input alone: a rare combination of usual values is not seen.

    Parameters
    ----------
    values, low, high : ndarray, shape (d,)
        One case's inputs and their ranges, in the same units; `OperatingRange.outside` decides what is beyond.
    """
    if not len(values):
        return Place.UNKNOWN
    beyond = np.maximum(low - values, values - high)
    outside = OperatingRange(np.asarray(low, float), np.asarray(high, float)).outside(values)
    if not outside.any():
        return Place.INSIDE
    far = (beyond > np.maximum(high - low, GRID)).any()
    many = outside.sum() >= LEAST_MANY and outside.mean() > SHARE_MANY
    return Place.FAR if far or many else Place.OUTSIDE
