"""A patient's slices in their order: neighbours as channels of a slice (2.5-D), or slices stacked into slabs (3-D)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from federation.domain.data.dataset import SiteData

AT = "@"  # "flair@-1": the FLAIR channel of the slice before


def with_context(data: SiteData, reach: int) -> SiteData:
    """Each slice with its `reach` neighbours on both sides as further channels; ends repeat the outermost slice.

    Parameters
    ----------
    data : SiteData
        Rows of each patient together and in their order.
    reach : int, >= 0

    Returns
    -------
    SiteData
        `x` of shape (m, (2 reach + 1) channels, height, width): all channels of the slice `reach` before, then of the
        next, to the slice `reach` after. Names carry the distance: ``flair@-1``, ``flair``, ``flair@1``.
    """
    if reach == 0:
        return data
    rows = np.arange(len(data.x))
    patient = data.patient_index
    starts = np.r_[True, patient[1:] != patient[:-1]]
    first = np.maximum.accumulate(np.where(starts, rows, 0))
    last = np.minimum.accumulate(np.where(np.r_[starts[1:], True], rows, len(rows))[::-1])[::-1]
    steps = range(-reach, reach + 1)
    x = np.concatenate([data.x[np.clip(rows + step, first, last)] for step in steps], axis=1)
    names = tuple(f"{name}{AT}{step}" if step else name for step in steps for name in data.feature_names)
    return replace(data, x=x, feature_names=names)


def as_slabs(data: SiteData, depth: int) -> SiteData:
    """Slices stacked: `x` of shape (slabs, channels, depth, height, width), `y` of shape (slabs, depth, height, width).

    A patient's last slab is filled up with black slices without a lesion, so every pixel of a patient is in one slab.
    """
    slabs, masks, owners = [], [], []
    for patient in range(data.n_patients):
        rows = np.flatnonzero(data.patient_index == patient)
        for start in range(0, len(rows), depth):
            taken = rows[start : start + depth]
            missing = [(0, depth - len(taken)), (0, 0), (0, 0)]
            slabs.append(np.pad(data.x[taken], [missing[0], (0, 0), *missing[1:]]).swapaxes(0, 1))
            masks.append(np.pad(data.y[taken], missing))
            owners.append(patient)
    return replace(data, x=np.stack(slabs), y=np.stack(masks), patient_index=np.array(owners, dtype=np.int64))
