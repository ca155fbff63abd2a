"""When a reconstruction counts as one: more like the patient than anything that was known without the model.

References
----------
.. [1] Wang et al. (2004). IEEE Trans Image Process 13(4):600-612 (structural similarity, SSIM).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData

QUANTILE = 0.99
SAME = 1 - 1e-6
WINDOW = 7  # pixels
C1, C2 = 0.01**2, 0.03**2  # of SSIM, for a range of 1
Records = NDArray[np.floating]  # shape (n, d), or (n, channels, height, width)


class NoYardstickError(ValueError):
    """There is no telling a reconstruction from what was public anyway."""


def similarity(left: Records, right: Records) -> NDArray[np.float64]:
    """How alike each record on the left is to each on the right.

    Parameters
    ----------
    left, right : ndarray, shapes (n, ...) and (k, ...)
        Rows of d columns, or images with sides of at least 7 pixels; values mostly in [0, 1].

    Returns
    -------
    ndarray of float, shape (n, k), at most 1
        1: the same. Rows: 1 minus the root mean square difference over the columns, 0 at a difference of 1 in every
        column. Images: SSIM [1]_ over all channels, 0 for unrelated ones. What is not finite is like nothing: -1.
    """
    found = np.full((len(left), len(right)), -1.0)
    rows, columns = (np.flatnonzero(np.isfinite(side).reshape(len(side), -1).all(axis=1)) for side in (left, right))
    if left.ndim == 2:
        for i in rows:
            found[i, columns] = 1 - np.sqrt(((left[i] - right[columns]) ** 2).mean(axis=1))
        return found
    if len(rows) and len(columns):
        found[np.ix_(rows, columns)] = _ssim(left[rows].astype(float), right[columns].astype(float))
    return found


def _ssim(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """SSIM of each pair of images for values in [0, 1]: mean over whole windows of 7 x 7 pixels, and over channels."""
    down, across = (_windows(side) for side in left.shape[2:])

    def mean(images: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(down @ images @ across.T)

    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    means = mean(left), mean(right)
    spreads = [unbiased * (mean(side**2) - own**2) for side, own in zip((left, right), means, strict=True)]
    found = np.empty((len(left), len(right)))
    for i, image in enumerate(left):
        product = means[0][i] * means[1]
        common = unbiased * (mean(image * right) - product)
        light = (2 * product + C1) / (means[0][i] ** 2 + means[1] ** 2 + C1)
        found[i] = (light * (2 * common + C2) / (spreads[0][i] + spreads[1] + C2)).mean(axis=(1, 2, 3))
    return found


def _windows(side: int) -> NDArray[np.float64]:
    """The mean over each window along one side, as a matrix of shape (side - 6, side)."""
    if side < WINDOW:
        raise ValueError(f"expected images of at least {WINDOW} pixels a side, got {side}")
    first = np.arange(side - WINDOW + 1)[:, None]
    pixel = np.arange(side)
    return ((pixel >= first) & (pixel < first + WINDOW)) / WINDOW


@dataclass(frozen=True)
class Yardstick:
    """What an attack must beat.

    Attributes
    ----------
    tau : float
        99th percentile, over private records, of the similarity to the nearest public record or to their mean: what
        one gets who never saw the model. A reconstruction succeeds only beyond it.
    median : float
        Of the same similarities.
    n_private, n_public : int
    """

    tau: float
    median: float
    n_private: int
    n_public: int


def yardstick(private: Records, public: Records) -> Yardstick:
    """Set tau from the private records and what stands for public ones.

    Raises
    ------
    NoYardstickError
        If either is empty, or public records are copies of private ones, so that no reconstruction could do better.
    """
    if not len(private) or not len(public):
        raise NoYardstickError(f"expected private and public records, got {len(private)} and {len(public)}")
    known = np.concatenate([public, public.mean(axis=0, keepdims=True)])
    nearest = similarity(private, known).max(axis=1)
    tau = float(np.quantile(nearest, QUANTILE, method="higher"))
    if tau >= SAME:
        raise NoYardstickError("public records are copies of private ones: no reconstruction could be told from them")
    return Yardstick(tau, float(np.median(nearest)), len(private), len(public))


def attack_view(data: SiteData, side: int) -> SiteData:
    """Patients as they are attacked: rows as they are; of an imaged patient the slice with most of the lesion (or the
    one image), small.

    Fewer pixels are easier to reconstruct, so this errs on the side of the attacker.

    Parameters
    ----------
    side : int, >= 16, divisible by 4
        Images are averaged down to this many pixels a side, or stay as they are if they are no larger. The mask says
        where at least half of a pixel is lesion.
    """
    if data.task == "classification":
        whole = data.take(np.arange(data.n_patients))
        return replace(whole, x=shrunk(whole.x, side)) if data.imaged else whole
    area = data.y.astype(bool).sum(axis=(1, 2))
    chosen = [int(np.argmax(np.where(data.patient_index == p, area, -1))) for p in range(data.n_patients)]
    x, y = shrunk(data.x[chosen], side), shrunk(data.y[chosen][:, None].astype(np.float32), side)[:, 0] >= 0.5
    return replace(data, x=x, y=y.astype(np.uint8), patient_index=np.arange(data.n_patients, dtype=np.int64))


def shrunk(images: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Images of shape (n, c, h, w) averaged down to `side`, or as they are if no larger."""
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    if max(images.shape[2:]) <= side:
        return images
    return adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(images)), side).numpy()
