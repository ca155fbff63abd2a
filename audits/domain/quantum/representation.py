"""The model's representation of patients in units that a kernel or an adversary can use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def in_spread_of(known: Floats, rows: Floats) -> NDArray[np.float32]:
    """`rows` centred and scaled by the patients already known, column by column.

    A U-Net's bottleneck varies a hundred times less than a classifier's, so no constant fits both; and constants must
    not be learned from the patients under test.

    Parameters
    ----------
    known : ndarray, shape (m, k)
        The training patients. With fewer than two, nothing is known of the spread and `rows` stay as they are.
    rows : ndarray, shape (n, k)

    Returns
    -------
    ndarray of float32, shape (n, k)
        0: as the mean known patient; 1: one standard deviation above. A column that never moved is centred only.
    """
    if len(known) < 2:
        return np.asarray(rows, dtype=np.float32)
    spread = known.std(axis=0)
    return ((rows - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(np.float32)
