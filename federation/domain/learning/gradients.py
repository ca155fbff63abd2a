"""The gradients of a site's steps: of batches of patients, or clipped and noised under differential privacy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from federation.domain.data.dataset import SiteData
from federation.domain.data.volumes import AT
from federation.domain.learning.augment import augmented
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.loss import loss_per_row
from federation.domain.learning.privacy import ROWS_AT_ONCE, add_noise, clipped_sum, patient_gradients
from federation.domain.models.base import Model, as_batch, channels_last
from federation.domain.privacy.stream import KeyedStream
from federation.domain.quantum.layer import as_trained, under_noise

# Pixels that go through the network at once. More make feature maps that leave the cache and that the allocator asks
# the kernel for anew at each step: 0.24 s a step of 32 slices of 64 px on one core, 0.19 s in two pieces.
PIXELS_AT_ONCE = 16 * 64**2
# In one thread PyTorch convolves a single image or slab without oneDNN: 0.31 s a step of a slab, beside others 0.07 s.
# So a piece may always hold this many, and pieces are of even size: none is left alone.
LEAST_AT_ONCE = 4


@dataclass(frozen=True)
class Rows:
    """A site's rows where the model computes, so that many rounds need to carry them there but once."""

    x: Tensor
    y: Tensor
    patient: NDArray[np.int64]
    lesion: NDArray[np.bool_]  # whether a row has a lesion, or a record the disease
    sequences: int  # channels of one slice
    n_patients: int

    @classmethod
    def of(cls, data: SiteData, device: torch.device | str = "cpu") -> Rows:
        y = torch.from_numpy(data.y.astype(np.float32)).to(device)
        lesion = np.asarray(data.y.reshape(len(data.y), -1).any(axis=1), dtype=np.bool_)
        sequences = len({name.partition(AT)[0] for name in data.feature_names})
        return cls(as_batch(data.x).to(device), y, data.patient_index, lesion, sequences, data.n_patients)


def step_gradients(
    model: Model, whole: Rows, config: LocalConfig, *, seed: int, steps: int, weights: NDArray[np.float64] | None
) -> Iterator[float | None]:
    """Set the gradients of one step after another; yields each step's loss, None under differential privacy.

    Parameters
    ----------
    seed : as `local.train_local` has it
    weights : ndarray, shape (n_patients,), or None
        What each patient's loss counts; no part of differential privacy.
    """
    if config.dp is None:
        return _plain(model, whole, config, rng=np.random.default_rng(seed), weights=weights)
    return _private(model, whole, config, config.dp, stream=KeyedStream(seed), steps=steps)


def _plain(
    model: Model, whole: Rows, config: LocalConfig, *, rng: np.random.Generator, weights: NDArray[np.float64] | None
) -> Iterator[float]:
    for patients in _shuffled(whole.n_patients, config, rng):
        chosen = _rows_of(patients, whole, config.slices, rng)
        rows = torch.from_numpy(chosen).to(whole.x.device)
        images, masks = whole.x[rows], whole.y[rows]
        if config.augment != "none" or config.hide:
            images, masks = augmented(
                images, masks, config.augment, hide=config.hide, sequences=whole.sequences, rng=rng
            )
        counts = None
        if weights is not None:
            counts = torch.from_numpy(weights[whole.patient[chosen]].astype(np.float32)).to(images.device)
        yield _plain_step(model, images, masks, config.misses, counts)


def _private(
    model: Model, whole: Rows, config: LocalConfig, dp: DPConfig, *, stream: KeyedStream, steps: int
) -> Iterator[None]:
    sample_rate = min(1.0, config.batch_size / whole.n_patients)
    for _ in range(steps):
        summed = drawn_sum(model, whole, sample_rate=sample_rate, max_grad_norm=dp.max_grad_norm, stream=stream)
        noisy = add_noise(summed, std=dp.noise_multiplier * dp.max_grad_norm, stream=stream)
        # Divided by the expected number of patients: the number drawn is not public.
        for name, value in noisy.items():  # of the parameters that learn
            model.get_parameter(name).grad = value / (sample_rate * whole.n_patients)
        yield None


def drawn_sum(
    model: Model, whole: Rows, *, sample_rate: float, max_grad_norm: float, stream: KeyedStream
) -> dict[str, Tensor]:
    """Sum of the clipped gradients of patients drawn at random, each with the same probability: one private step.

    It is not private before noise is added to it: here at the site, or by all sites together (`privacy.distributed`).

    Parameters
    ----------
    sample_rate : float, in (0, 1]
    stream : KeyedStream
        Of the site's secret: who is drawn must not be known either.
    """
    drawn = stream.uniforms(whole.n_patients) < sample_rate
    rows = torch.from_numpy(np.flatnonzero(drawn[whole.patient]))
    number = torch.from_numpy((np.cumsum(drawn) - 1)[whole.patient[rows.numpy()]])
    by_patient = patient_gradients(model, whole.x[rows], whole.y[rows], number, int(drawn.sum()))
    return clipped_sum(by_patient, max_grad_norm=max_grad_norm)


def _shuffled(n_patients: int, config: LocalConfig, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Batches of patients, each patient once an epoch."""
    for _ in range(config.epochs):
        order = rng.permutation(n_patients)
        for start in range(0, n_patients, config.batch_size):
            yield order[start : start + config.batch_size]


def _rows_of(patients: NDArray[np.int64], rows: Rows, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of some patients, at most so many of each if `most` is not 0; lesions come first, up to half of them."""
    if not most:
        return np.flatnonzero(np.isin(rows.patient, patients))
    chosen = []
    for patient in patients:
        own = rng.permutation(np.flatnonzero(rows.patient == patient))
        ill = own[rows.lesion[own]][: most // 2]
        rest = own[~np.isin(own, ill)]
        chosen.append(np.sort(np.concatenate([ill, rest[: most - len(ill)]])))
    return np.concatenate(chosen)


def _plain_step(model: Model, x: Tensor, y: Tensor, misses: float, counts: Tensor | None) -> float:
    """Set the gradients of the rows' mean loss. No row depends on another, so pieces add up to the whole."""
    model.zero_grad()
    total = 0.0
    x = channels_last(x)  # what is augmented has lost the layout
    at_once = max(LEAST_AT_ONCE, PIXELS_AT_ONCE // x.shape[2:].numel())
    if under_noise(model):
        at_once = min(at_once, ROWS_AT_ONCE)  # each row is a mixed state of 4^qubits numbers
    for piece in torch.arange(len(x), device=x.device).tensor_split(math.ceil(len(x) / at_once)):
        with as_trained(model):
            losses = loss_per_row(model(x[piece]), y[piece], model.task, misses=misses)
        loss = (losses if counts is None else losses * counts[piece]).sum() / len(x)
        loss.backward()
        total += loss.item()
    return total
