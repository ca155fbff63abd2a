"""Changed copies of the training images: what a patient could have looked like in another position or scanner.

Every number is drawn from the generator that is given, on the CPU, so that the same seed gives the same images on
every device. A slab is turned as one body; its slices stay in place.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ANGLE, SCALE, SHIFT, SHEAR = math.pi / 9, 0.15, 0.08, 0.08  # largest, both ways; shift in halves of the image
GAMMA, GAIN = 0.2, 0.1  # standard deviation of the logarithm


def augmented(x: Tensor, y: Tensor, how: str, *, hide: float, sequences: int, rng: np.random.Generator):
    """Changed copies of some images and their masks.

    Parameters
    ----------
    x : Tensor, shape (m, channels, [depth,] height, width), in [0, 1]
    y : Tensor, shape (m, [depth,] height, width), 0 or 1
    how : "none", "flips" (left and right), "affine" (also turned, scaled, sheared and shifted) or "full" (also contrast
        and brightness)
    hide : float, in [0, 1)
        Probability with which one sequence of an image is replaced by another one of its sequences: how a set fills in
        what was not acquired.
    sequences : int
        Channels of one slice; all further channels repeat them for its neighbours.

    Returns
    -------
    x, y : Tensor
        New ones where something changed.
    """
    if how != "none":
        x, y = _moved(x, y, affine=how != "flips", rng=rng)
    if how == "full":
        draws = rng.normal(size=(2, len(x), x.shape[1])) * np.array([GAMMA, GAIN])[:, None, None]
        gamma, gain = torch.from_numpy(np.exp(draws)).to(x.device, x.dtype).view(2, *x.shape[:2], *[1] * (x.dim() - 2))
        x = (gain * x.clamp(min=0) ** gamma).clamp(max=1)
    if hide and sequences > 1:
        x = _hidden(x, hide, sequences, rng)
    return x, y


def _moved(x: Tensor, y: Tensor, *, affine: bool, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    m = len(x)
    angle, scale, shear, dx, dy = (
        rng.uniform(-1, 1, size=(5, m)) * np.array([ANGLE, SCALE, SHEAR, SHIFT, SHIFT])[:, None]
    )
    flip = np.where(rng.random(m) < 0.5, -1.0, 1.0)
    if not affine:
        angle = scale = shear = dx = dy = np.zeros(m)
    size, cos, sin = np.exp(scale), np.cos(angle), np.sin(angle)
    rows = [[flip * size * cos, size * (shear - sin), dx], [flip * size * sin, size * cos, dy]]
    theta = torch.from_numpy(np.array(rows).transpose(2, 0, 1)).to(x.device, x.dtype)
    flat, mask = x.reshape(m, -1, *x.shape[-2:]), y.reshape(m, -1, *y.shape[-2:])
    grid = functional.affine_grid(theta, list(flat.shape), align_corners=False)
    turned = functional.grid_sample(flat, grid, mode="bilinear", align_corners=False)
    marked = functional.grid_sample(mask, grid, mode="nearest", align_corners=False)
    return turned.reshape(x.shape), marked.reshape(y.shape)


def _hidden(x: Tensor, hide: float, sequences: int, rng: np.random.Generator) -> Tensor:
    m = len(x)
    order = np.tile(np.arange(sequences), (m, 1))
    hit = np.flatnonzero(rng.random(m) < hide)
    lost, other = rng.integers(sequences, size=len(hit)), rng.integers(1, sequences, size=len(hit))
    order[hit, lost] = (lost + other) % sequences
    channels = np.concatenate([order + start for start in range(0, x.shape[1], sequences)], axis=1)
    chosen = torch.from_numpy(channels).to(x.device)
    return x[torch.arange(m, device=x.device)[:, None], chosen]
