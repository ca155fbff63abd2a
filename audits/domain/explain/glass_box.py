"""A model that people can read, trained beside the one under audit: what the other's opacity buys is the difference.

An explainable boosting machine [1]_ adds up one curve a column, so that a person can look up why it says what it says.
The curves' steps lie at fixed round values, never at a patient's. Images are judged pixel by pixel, at low resolution,
from a few features with names.

References
----------
.. [1] Lou, Caruana, Gehrke and Hooker, "Accurate intelligible models with pairwise interactions", KDD 2013.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 16  # of [0, 1]; steps of the curves at sixteenths
LEAST_IN_BIN = 5  # rows; a step over fewer is not shown
AROUND = 7  # pixels at low resolution, side of a pixel's surroundings
THRESHOLDS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class GlassBox:
    """A fitted explainable boosting machine on columns in [0, 1].

    Attributes
    ----------
    importance : ndarray, shape (d,)
        Mean absolute contribution of each column to the log-odds over the training rows.
    shapes : ndarray, shape (d, BINS)
        Contribution to the log-odds in each bin; NaN where fewer than `LEAST_IN_BIN` training rows are.
    """

    machine: Any
    importance: Floats
    shapes: Floats

    def probability(self, x: NDArray[np.floating]) -> Floats:
        """Of class 1 for rows of shape (n, d): shape (n,), in [0, 1]."""
        return np.asarray(self.machine.predict_proba(_inside(x))[:, 1], dtype=float)


def fit(x: NDArray[np.floating], y: NDArray[np.integer], *, bags: int, seed: int) -> GlassBox:
    """Train on rows of shape (n, d), values in [0, 1] (others are cut to it), and labels 0 or 1, shape (n,).

    Parameters
    ----------
    bags : int, >= 1
        Machines whose curves are averaged; more give smoother curves.

    Raises
    ------
    ValueError
        If there is only one label.
    """
    from interpret.glassbox import ExplainableBoostingClassifier

    logging.getLogger("interpret").setLevel(logging.WARNING)  # it reports every allocation
    if len(np.unique(y)) != 2:
        raise ValueError("expected both labels among the training rows, got one")
    cuts = [(np.arange(1, BINS) / BINS).tolist()] * x.shape[1]
    rows = _inside(x)
    machine = ExplainableBoostingClassifier(
        feature_types=cuts, interactions=0, outer_bags=bags, random_state=seed, n_jobs=1
    ).fit(rows, y)
    shapes = np.array([scores[1:-1] for scores in machine.term_scores_])  # first and last: missing and unseen
    place = np.minimum((rows * BINS).astype(int), BINS - 1)
    counts = np.array([np.bincount(column, minlength=BINS) for column in place.T])
    return GlassBox(machine, np.asarray(machine.term_importances()), np.where(counts >= LEAST_IN_BIN, shapes, np.nan))


def _inside(x: NDArray[np.floating]) -> Floats:
    return np.clip(np.asarray(x, dtype=float), 0.0, 1.0)


def pixel_features(images: NDArray[np.float32], *, side: int) -> Floats:
    """What can be named of each pixel at low resolution.

    Parameters
    ----------
    images : ndarray, shape (m, channels, height, width), in [0, 1]
    side : int
        Pixels across, at most height and width.

    Returns
    -------
    ndarray, shape (m, side, side, 2 * channels + 1), in [0, 1]
        Each channel's intensity; each channel's intensity against its surroundings (0.5: alike, 1: brighter by half the
        range or more); distance from the middle of the image (1: a corner).
    """
    small = shrink(images, side)
    around = np.pad(small, ((0, 0), (0, 0), (AROUND // 2,) * 2, (AROUND // 2,) * 2), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(around, (AROUND, AROUND), axis=(2, 3))
    contrast = np.clip(0.5 + small - windows.mean(axis=(-2, -1)), 0.0, 1.0)
    line = np.linspace(-1, 1, side)
    middle = np.broadcast_to(np.hypot(line[:, None], line) / np.sqrt(2), (len(small), 1, side, side))
    return np.concatenate([small, contrast, middle], axis=1).transpose(0, 2, 3, 1)


def pixel_names(channels: tuple[str, ...]) -> tuple[str, ...]:
    """The names of `pixel_features`."""
    contrasts = (f"{name} against its surroundings" for name in channels)
    return (*(f"{name} intensity" for name in channels), *contrasts, "distance from the middle")


def shrink(images: NDArray[np.floating], side: int) -> Floats:
    """Images of shape (..., height, width) as means over blocks, shape (..., side, side); `side` divides both."""
    *rest, height, width = images.shape
    if height % side or width % side:
        raise ValueError(f"expected sides that {side} divides, got {height} x {width}")
    blocks = images.reshape(*rest, side, height // side, side, width // side)
    return blocks.mean(axis=(-3, -1), dtype=float)


@dataclass(frozen=True)
class PixelJudge:
    """A glass box that marks lesions."""

    box: GlassBox
    side: int
    threshold: float

    def marks(self, images: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Masks in the images' own resolution: shape (m, height, width)."""
        features = pixel_features(images, side=self.side)
        marked = self.box.probability(features.reshape(-1, features.shape[-1])) >= self.threshold
        across, down = images.shape[2] // self.side, images.shape[3] // self.side
        return marked.reshape(features.shape[:3]).repeat(across, axis=1).repeat(down, axis=2)


def fit_pixels(
    images: NDArray[np.float32],
    lesions: NDArray[np.integer],
    *,
    side: int,
    most: int,
    bags: int,
    rng: np.random.Generator,
) -> PixelJudge:
    """Train on some pixels of the training images, half of them lesion as far as there are enough.

    The threshold is the one with the best Dice over all pixels of the training images at low resolution.

    Parameters
    ----------
    images : ndarray, shape (m, channels, height, width), in [0, 1]
    lesions : ndarray of 0 and 1, shape (m, height, width)
    side : int
        Pixels across at low resolution; divides height and width.
    most : int
        Training pixels.

    Raises
    ------
    ValueError
        If no pixel, or every pixel, is lesion.
    """
    features = pixel_features(images, side=side)
    rows, truth = features.reshape(-1, features.shape[-1]), shrink(lesions.astype(float), side).ravel() >= 0.5
    drawn = [rng.permutation(np.flatnonzero(truth == label))[: most // 2] for label in (True, False)]
    chosen = np.concatenate(drawn)
    box = fit(rows[chosen], truth[chosen].astype(int), bags=bags, seed=int(rng.integers(2**31)))
    p = box.probability(rows)
    dice = [2 * (truth & (p >= cut)).sum() / max(1, truth.sum() + (p >= cut).sum()) for cut in THRESHOLDS]
    return PixelJudge(box, side, float(THRESHOLDS[int(np.argmax(dice))]))
