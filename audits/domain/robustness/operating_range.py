"""Which inputs a model was trained on, told so that no patient can be singled out, and who lies outside of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData

GRID = 0.02  # ranges are rounded outwards to it: a value of one patient cannot be read off
LEAST_TRAINED = 20  # patients; below, a 1st percentile would be somebody's value
LOW_PERCENT, HIGH_PERCENT = 1.0, 99.0
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
    if data.task == "classification":
        rows = np.zeros((data.n_patients, data.x.shape[1]))
        rows[data.patient_index] = data.x
        return data.feature_names, rows
    names = tuple(f"{channel}, {figure}" for channel in data.feature_names for figure in IMAGE_FIGURES)
    figures = np.zeros((data.n_patients, len(names)))
    for patient in range(data.n_patients):
        volume = data.x[data.patient_index == patient].astype(float)
        pixels = volume.transpose(1, 0, 2, 3).reshape(volume.shape[1], -1)
        each = np.stack([pixels.mean(axis=1), pixels.std(axis=1), np.percentile(pixels, 99, axis=1)], axis=1)
        figures[patient] = each.ravel()
    return names, figures
