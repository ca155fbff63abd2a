"""What one site does in one round: train the model it was given on its own patients."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.loss import loss_per_row
from federation.domain.learning.privacy import KeyedStream, add_noise, clipped_sum, patient_gradients
from federation.domain.learning.weights import State, state_of
from federation.domain.models.base import Model, as_batch


class TrainingStopped(Exception):
    """`should_stop` said yes. There is no update to send."""


class TrainingDiverged(Exception):
    """The weights are no longer finite. There is no update to send."""


@dataclass(frozen=True)
class Progress:
    """One finished step.

    `loss` is the step's mean training loss, None under differential privacy: it is computed from patients and its
    release is not paid for.
    """

    epoch: int  # from 1
    step: int  # from 1, over all epochs
    steps: int
    loss: float | None
    elapsed_seconds: float


@dataclass(frozen=True)
class TrainResult:
    """A site's update and what it may say about it."""

    state: State
    n_records: int  # patients; the weight in the average
    mean_loss: float | None  # over the last epoch, before each step; None under differential privacy, see `Progress`
    steps: int
    seconds: float
    sample_rate: float  # share of the patients expected in one step, in (0, 1]; what the accountant needs


def train_local(
    model: Model,
    data: SiteData,
    config: LocalConfig,
    *,
    seed: int,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainResult:
    """Train `model` in place on one site's patients.

    Parameters
    ----------
    model : Model
        Holds the round's global weights; holds the local ones afterwards.
    data : SiteData
        Of the model's task, at least one patient.
    seed : int, >= 0
        Decides shuffling or, under differential privacy, sampling and noise; the same seed gives the same weights on
        the same machine and number of threads. Under differential privacy it must be secret (`privacy.KeyedStream`),
        and another one each round: noise that is used twice cancels out.
    progress : callable, optional
        Called after each step.
    should_stop : callable, optional
        Asked before each step.

    Raises
    ------
    ValueError
        If the data set is empty or of another task.
    TrainingStopped, TrainingDiverged
        There is no update.
    """
    _check(model, data)
    started = time.perf_counter()
    steps_per_epoch = math.ceil(data.n_patients / config.batch_size)
    steps = config.epochs * steps_per_epoch
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    losses: list[float] = []
    gradients = _gradients(model, data, config, seed=seed, steps=steps)
    for step in range(1, steps + 1):
        if should_stop is not None and should_stop():
            raise TrainingStopped(f"stopped before step {step} of {steps}; there is no update")
        loss = next(gradients)
        optimizer.step()
        if loss is not None:
            losses.append(loss)
        if progress is not None:
            epoch = (step - 1) // steps_per_epoch + 1
            progress(Progress(epoch, step, steps, loss, time.perf_counter() - started))
    return TrainResult(
        state=_finite_state(model, steps),
        n_records=data.n_patients,
        mean_loss=float(np.mean(losses[-steps_per_epoch:])) if losses else None,
        steps=steps,
        seconds=time.perf_counter() - started,
        sample_rate=min(1.0, config.batch_size / data.n_patients),
    )


def _finite_state(model: Model, steps: int) -> State:
    state = state_of(model)
    if not all(np.isfinite(value).all() for value in state.values()):
        raise TrainingDiverged(
            f"weights are not finite after {steps} steps; check the inputs, try a smaller learning rate"
        )
    return state


def _check(model: Model, data: SiteData) -> None:
    if data.task != model.task:
        raise ValueError(f"expected data for {model.task}, which the model does, got data for {data.task}")
    if data.n_patients == 0:
        raise ValueError(f"expected at least one patient at {data.site}, got none; leave the site out of the round")


def _gradients(model: Model, data: SiteData, config: LocalConfig, *, seed: int, steps: int) -> Iterator[float | None]:
    """Set the gradients of one step after another; yields each step's loss, None under differential privacy."""
    x, y = as_batch(data.x), torch.from_numpy(data.y.astype(np.float32))
    if config.dp is None:
        for patients in _shuffled(data.n_patients, config, seed=seed):
            rows = torch.from_numpy(np.flatnonzero(np.isin(data.patient_index, patients)))
            yield _plain_step(model, x[rows], y[rows])
        return
    stream = KeyedStream(seed)
    sample_rate = min(1.0, config.batch_size / data.n_patients)
    for _ in range(steps):
        drawn = stream.uniforms(data.n_patients) < sample_rate
        rows = torch.from_numpy(np.flatnonzero(drawn[data.patient_index]))
        number = torch.from_numpy((np.cumsum(drawn) - 1)[data.patient_index[rows.numpy()]])
        by_patient = patient_gradients(model, x[rows], y[rows], number, int(drawn.sum()))
        # Divided by the expected number of patients: the number drawn is not public.
        _private_step(model, by_patient, config.dp, stream, n_expected=sample_rate * data.n_patients)
        yield None


def _shuffled(n_patients: int, config: LocalConfig, *, seed: int) -> Iterator[NDArray[np.int64]]:
    """Batches of patients, each patient once an epoch."""
    rng = np.random.default_rng(seed)
    for _ in range(config.epochs):
        order = rng.permutation(n_patients)
        for start in range(0, n_patients, config.batch_size):
            yield order[start : start + config.batch_size]


def _plain_step(model: Model, x: Tensor, y: Tensor) -> float:
    model.zero_grad()
    loss = loss_per_row(model(x), y, model.task).mean()
    loss.backward()
    return loss.item()


def _private_step(
    model: Model, by_patient: dict[str, Tensor], dp: DPConfig, stream: KeyedStream, *, n_expected: float
) -> None:
    summed = clipped_sum(by_patient, max_grad_norm=dp.max_grad_norm)
    noisy = add_noise(summed, std=dp.noise_multiplier * dp.max_grad_norm, stream=stream)
    for name, parameter in model.named_parameters():
        parameter.grad = noisy[name] / n_expected
