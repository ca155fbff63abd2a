"""Training losses, one value a row (a record or a slice), so that no row's loss depends on another row."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from federation.domain.data.dataset import Task


def loss_per_row(logits: Tensor, target: Tensor, task: Task) -> Tensor:
    """Loss of each row, >= 0; 0 is a perfect and certain answer.

    Parameters
    ----------
    logits : Tensor, shape (m,) or (m, height, width)
    target : Tensor of the same shape and dtype, 0 or 1
    task : "classification" or "segmentation"
        Classification: binary cross-entropy. Segmentation: its mean over the pixels plus the soft Dice loss [1]_,
        smoothed by one pixel so that an empty slice rewards silence instead of dividing by zero.

    References
    ----------
    .. [1] Milletari et al., "V-Net", 3DV 2016, arXiv:1606.04797.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if task == "classification":
        return entropy
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum(dim=(1, 2))
    sizes = probability.sum(dim=(1, 2)) + target.sum(dim=(1, 2))
    return entropy.mean(dim=(1, 2)) + 1 - (2 * overlap + 1) / (sizes + 1)
