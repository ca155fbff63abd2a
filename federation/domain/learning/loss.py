"""Training losses, one value a row (a record or a slice), so that no row's loss depends on another row."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from federation.domain.data.dataset import Task


def loss_per_row(logits: Tensor, target: Tensor, task: Task, *, misses: float = 0.5) -> Tensor:
    """Loss of each row, >= 0; 0 is a perfect and certain answer.

    Parameters
    ----------
    logits : Tensor, shape (m,), (m, height, width) or (m, depth, height, width)
    target : Tensor of the same shape and dtype, 0 or 1
    task : "classification" or "segmentation"
        Classification: binary cross-entropy. Segmentation: its mean over the pixels plus the soft Dice loss [1]_,
        smoothed by one pixel so that an empty slice rewards silence instead of dividing by zero.

    misses : float, over 0 and under 1
        Weight of missed lesion pixels beside falsely marked ones, whose weight is the rest: the Tversky loss [2]_. At
        0.5 it is the Dice loss.

    References
    ----------
    .. [1] Milletari et al., "V-Net", 3DV 2016, arXiv:1606.04797.
    .. [2] Salehi et al., "Tversky loss function", MLMI 2017, arXiv:1706.05721.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if task == "classification":
        return entropy
    probability, target = torch.sigmoid(logits).flatten(1), target.flatten(1)
    overlap = (probability * target).sum(dim=1)
    missed, false = target.sum(dim=1) - overlap, probability.sum(dim=1) - overlap
    errors = misses * missed + (1 - misses) * false
    return entropy.flatten(1).mean(dim=1) + 1 - (overlap + 0.5) / (overlap + errors + 0.5)
