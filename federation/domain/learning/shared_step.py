"""One step of training whose noise all sites make together: what a site sends of one model.

A site draws patients, adds up their clipped gradients, rounds the sum to whole numbers and adds its share of the noise.
What it returns goes under the masks of secure aggregation and nowhere else. What the server makes of the sum is
`privacy.distributed.mean_gradient`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from federation.domain.learning.gradients import Rows, drawn_sum
from federation.domain.models.base import Model
from federation.domain.privacy.config import PrivacyConfig
from federation.domain.privacy.distributed import into_field, noised, quantised
from federation.domain.privacy.stream import KeyedStream


def noised_sum(
    model: Model, whole: Rows | None, privacy: PrivacyConfig, *, modulus: int, stream: KeyedStream
) -> NDArray[np.int64]:
    """A site's noised sum of one model's gradients, weights in the order of their names, as elements of the field.

    Weights that learn nothing have a gradient of 0 there, and noise like the others; the server leaves them as
    they are.

    Parameters
    ----------
    model : with the weights of the round, of at most `privacy.parameters` parameters
    whole : Rows or None
        Of the patients that the site trains on. None: it has none, and adds its share of the noise to nothing; the
        promise to the others is made with it.
    stream : KeyedStream
        Of the site's secret; another one each round and model.

    Raises
    ------
    ValueError
        If the regime is another, the model is larger than was accounted, or a gradient is not finite.
    """
    if model.n_parameters > (privacy.parameters or 0):
        raise ValueError(f"expected at most {privacy.parameters} parameters, as accounted, got {model.n_parameters}")
    flat = np.zeros(model.n_parameters)
    if whole is not None:
        summed = drawn_sum(
            model, whole, sample_rate=privacy.sample_rate or 1.0, max_grad_norm=privacy.clip or 0.0, stream=stream
        )
        ordered = sorted(model.named_parameters())
        parts = [summed.get(name, torch.zeros_like(value)).numpy().ravel() for name, value in ordered]
        flat = np.concatenate(parts).astype(np.float64)
    rounded = into_field(quantised(flat, privacy, stream=stream), modulus)
    return noised(rounded, privacy, modulus=modulus, stream=stream).astype(np.int64)
