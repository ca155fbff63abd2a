"""Whether "80 % likely lesion" means 80 pixels in 100, patient by patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 10
# Where nothing is at stake, nearly all of an image, every model is sure and right, and the error would be near 0.
AT_STAKE = 0.01


def calibration_errors(
    truth: NDArray[np.bool_], probability: NDArray[np.floating], patient_index: NDArray[np.int64], n_patients: int
) -> NDArray[np.float64]:
    """Expected calibration error [1]_ of each patient's pixels, in ten bins of equal width.

    Counted are pixels of the lesion and those that the model gives at least `AT_STAKE`.

    Parameters
    ----------
    truth, probability : ndarray, shape (m, height, width) or (m, depth, height, width)
        The lesion, and the model's probability of it in [0, 1].
    patient_index : ndarray of int64, shape (m,)

    Returns
    -------
    ndarray of float, shape (n_patients,), in [0, 1]
        0: in every bin as many pixels are lesion as the probabilities say. 1: sure and wrong everywhere. NaN for a
        patient without a pixel that counts.

    References
    ----------
    .. [1] Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    errors = np.full(n_patients, np.nan)
    for patient in range(n_patients):
        rows = patient_index == patient
        counted = truth[rows] | (probability[rows] >= AT_STAKE)
        said, true = probability[rows][counted].astype(float), truth[rows][counted]
        if len(said):
            place = np.minimum((said * BINS).astype(int), BINS - 1)
            gaps = np.bincount(place, weights=said - true, minlength=BINS)
            errors[patient] = np.abs(gaps).sum() / len(said)
    return errors
