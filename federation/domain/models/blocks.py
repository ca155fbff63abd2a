"""What the U-Nets are built of.

Group normalisation [1]_ instead of batch normalisation: it has no running statistics to average between sites, and one
sample never depends on another, without which per-sample gradients (and so differential privacy) are meaningless.

References
----------
.. [1] Wu and He, "Group normalization", ECCV 2018, arXiv:1803.08494.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

MIN_SIDE, MAX_SIDE = 16, 256


def block(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel_size=3, padding=1, bias=False),
        nn.GroupNorm(4, n_out),
        nn.ReLU(),
        nn.Conv2d(n_out, n_out, kernel_size=3, padding=1, bias=False),
        nn.GroupNorm(4, n_out),
        nn.ReLU(),
    )


def doubled(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2, mode="nearest")


def standardised(images: Tensor) -> Tensor:
    """Each channel of each image with mean 0 and deviation 1 over its tissue; what is black stays 0.

    Scanners differ in gain; an image brought to its own scale looks alike from each of them, and nothing about a site
    has to be known or sent.
    """
    dims = tuple(range(2, images.dim()))
    tissue = (images > 0).to(images.dtype)
    count = tissue.sum(dims, keepdim=True).clamp(min=1)
    mean = (images * tissue).sum(dims, keepdim=True) / count
    variance = ((images - mean).square() * tissue).sum(dims, keepdim=True) / count
    return (images - mean) * tissue / torch.sqrt(variance + 1e-4)


def check_images(x: Tensor, *, channels: int, levels: int) -> None:
    """Raise ValueError unless `x` is a batch of images that can be halved `levels` - 1 times."""
    step = 2 ** (levels - 1)
    fits = x.dim() == 4 and all(MIN_SIDE <= side <= MAX_SIDE and side % step == 0 for side in x.shape[2:])
    if not fits or x.shape[1] != channels:
        raise ValueError(
            f"expected images of shape (m, {channels}, height, width), sides divisible by {step} and from "
            f"{MIN_SIDE} to {MAX_SIDE}, got {tuple(x.shape)}; resample or pad them"
        )
