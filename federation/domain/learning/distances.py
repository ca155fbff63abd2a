"""How far a model's outline lies from the expert's: the Hausdorff distance of which 95 % of the surface stay within."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray


def hausdorff95(one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    """MONAI's, over the whole volume, each voxel as one unit on every side.

    Parameters
    ----------
    one, two : ndarray of bool, shape (slices, height, width), neither empty
    """
    from monai.metrics import compute_hausdorff_distance  # a second to import, and only the last round asks for it

    first, second = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (one, two))
    return float(compute_hausdorff_distance(first, second, include_background=True, percentile=95))


def distance_shares(
    truth: NDArray[np.bool_], mask: NDArray[np.bool_], patient_index: NDArray[np.int64], n_patients: int
) -> NDArray[np.float64]:
    """Hausdorff distance of each patient's volume as a share of the volume's diagonal.

    A share, because volumes differ in size and because sums that leave a site must be bounded. Slices count as one
    voxel apart, in the order of the rows.

    Parameters
    ----------
    truth, mask : ndarray of bool, shape (m, height, width) or (m, depth, height, width)
        The lesion, and the pixels that the model marked.
    patient_index : ndarray of int64, shape (m,)

    Returns
    -------
    ndarray of float, shape (n_patients,), in [0, 1]
        0: 95 % of both surfaces lie on one another. NaN for a patient without a lesion or without a mask.
    """
    shares = np.full(n_patients, np.nan)
    for patient in range(n_patients):
        rows = patient_index == patient
        volumes = [pixels[rows].reshape(-1, *pixels.shape[-2:]) for pixels in (truth, mask)]
        if all(volume.any() for volume in volumes):
            diagonal = math.dist(volumes[0].shape, (1, 1, 1))
            shares[patient] = min(1.0, hausdorff95(*volumes) / max(1.0, diagonal))
    return shares
