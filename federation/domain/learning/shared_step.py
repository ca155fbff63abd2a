"""One step of training whose noise all sites make together: what a site sends, and what the server makes of the sum.

A site draws patients, adds up their clipped gradients, rounds the sum to whole numbers and adds its share of the noise,
all for each model of the run by itself. What it returns goes under the masks of secure aggregation and nowhere else.
The server divides the sum by the expected number of patients, which is public, and takes the step.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from federation.domain.learning.local import Rows, drawn_sum
from federation.domain.models.base import Model
from federation.domain.privacy.config import PrivacyConfig
from federation.domain.privacy.distributed import into_field, noised, out_of_field, quantised
from federation.domain.privacy.stream import KeyedStream


def site_update(
    models: Mapping[str, Model], whole: Rows, privacy: PrivacyConfig, *, modulus: int, stream: KeyedStream
) -> NDArray[np.int64]:
    """A site's noised sums, models and weights in the order of their names, as elements of the field.

    Parameters
    ----------
    models : with the weights of the round, each of at most `privacy.parameters` parameters
    whole : Rows
        Of the patients that the site trains on, at least one.
    stream : KeyedStream
        Of the site's secret; another one each round.

    Raises
    ------
    ValueError
        If the regime is another, a model is larger than was accounted, or a gradient is not finite.
    """
    parts = []
    for name in sorted(models):
        size = models[name].n_parameters
        if size > (privacy.parameters or 0):
            raise ValueError(f"expected at most {privacy.parameters} parameters, as accounted, got {size} of {name}")
        summed = drawn_sum(
            models[name], whole, sample_rate=privacy.sample_rate or 1.0, max_grad_norm=privacy.clip or 0.0,
            stream=stream,
        )  # fmt: skip
        flat = np.concatenate([summed[weight].numpy().ravel() for weight in sorted(summed)]).astype(np.float64)
        rounded = into_field(quantised(flat, privacy, stream=stream), modulus)
        parts.append(noised(rounded, privacy, modulus=modulus, stream=stream))
    return np.concatenate(parts)


def set_gradients(
    models: Mapping[str, Model], total: NDArray[np.integer], privacy: PrivacyConfig, *, modulus: int, patients: int
) -> None:
    """Put the mean gradient into the models, from the sum of what the sites sent.

    Parameters
    ----------
    total : ndarray
        Elements of the field, as `site_update` orders them.
    patients : int
        Of the sites in the sum; times the sample rate, the expected number of patients drawn.
    """
    scale = (privacy.clip or 0.0) / (privacy.levels or 1) / ((privacy.sample_rate or 1.0) * patients)
    mean = torch.from_numpy((out_of_field(total, modulus) * scale).astype(np.float32))
    start = 0
    for name in sorted(models):
        weights: dict[str, Tensor] = dict(models[name].named_parameters())
        for weight in sorted(weights):
            end = start + weights[weight].numel()
            weights[weight].grad = mean[start:end].reshape(weights[weight].shape).clone()
            start = end
    if start != len(mean):
        raise ValueError(f"expected a sum of {start} numbers, got {len(mean)}")
