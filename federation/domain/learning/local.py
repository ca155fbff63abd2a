"""What one site does in one round: train the model it was given on its own patients."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.gradients import Rows, step_gradients
from federation.domain.learning.weights import State, state_of
from federation.domain.models.base import Model
from federation.domain.strategies.base import Pull


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
    own: State = field(default_factory=dict)  # what the site remembers for a strategy that asks for it; never sent


def train_local(
    model: Model,
    data: SiteData,
    config: LocalConfig,
    *,
    seed: int,
    done: float = 0.0,
    rows: Rows | None = None,
    pull: Pull | None = None,
    own: State | None = None,
    patient_weights: NDArray[np.float64] | None = None,
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
    done : float, 0 to under 1
        Share of the run's rounds that lie behind, for the schedule of the learning rate.
    rows : Rows, optional
        Of `data`, where the model is; made of it if absent.
    pull : Pull, optional
        What the run's strategy adds to each gradient. It depends on weights alone, so under differential privacy it
        is added after the noise.
    own : State, optional
        What the site remembers of its pulls, for a strategy that asks for it; 0 if absent.
    patient_weights : ndarray, shape (n_patients,), > 0 with mean 1, optional
        What each patient's loss counts; all 1 if absent. Excluded by differential privacy, whose clipping is no part
        of it.
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
    if patient_weights is not None and config.dp is not None:
        raise ValueError("expected no weights of patients under differential privacy")
    started = time.perf_counter()
    per_epoch = math.ceil(data.n_patients / config.batch_size)
    steps = config.epochs * per_epoch
    model.train()
    rows = rows if rows is not None else Rows.of(data, model.device)
    gradients = step_gradients(model, rows, config, seed=seed, steps=steps, weights=patient_weights)
    held = _Held(model, pull or Pull(), own)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.rate_at(done))
    losses = []
    for step, loss in enumerate(_stepped(optimizer, gradients, held, steps=steps, should_stop=should_stop), start=1):
        losses.append(loss)
        if progress is not None:
            progress(Progress((step - 1) // per_epoch + 1, step, steps, loss, time.perf_counter() - started))
    return TrainResult(
        state=_finite_state(model, steps),
        n_records=data.n_patients,
        mean_loss=_mean(losses[-per_epoch:]),
        steps=steps,
        seconds=time.perf_counter() - started,
        sample_rate=min(1.0, config.batch_size / data.n_patients),
        own=held.remembered(),
    )


def _stepped(
    optimizer: torch.optim.Optimizer, gradients: Iterator[float | None], held: _Held, *, steps: int,
    should_stop: Callable[[], bool] | None,
) -> Iterator[float | None]:  # fmt: skip
    """Take one step after another; yields each step's loss, None under differential privacy."""
    for step in range(1, steps + 1):
        if should_stop is not None and should_stop():
            raise TrainingStopped(f"stopped before step {step} of {steps}; there is no update")
        loss = next(gradients)
        held.pull_back()
        optimizer.step()
        yield loss


def _mean(losses: list[float | None]) -> float | None:
    known = [loss for loss in losses if loss is not None]
    return float(np.mean(known)) if known else None


class _Held:
    """A model on the spring of a strategy: see `Pull`."""

    def __init__(self, model: Model, pull: Pull, own: State | None) -> None:
        self._pull, self._parameters = pull, dict(model.named_parameters()) if pull.mu else {}
        self._start = {name: value.detach().clone() for name, value in self._parameters.items()}
        self._own = {
            name: torch.from_numpy(np.array(own[name])).to(value.device) if own else torch.zeros_like(value)
            for name, value in self._start.items()
            if pull.remembers
        }

    def pull_back(self) -> None:
        for name, value in self._parameters.items():
            if value.grad is not None:
                value.grad += self._pull.mu * (value.detach() - self._start[name])
                if self._own:
                    value.grad -= self._own[name]

    def remembered(self) -> State:
        return {
            name: (own - self._pull.mu * (self._parameters[name].detach() - self._start[name])).cpu().numpy()
            for name, own in self._own.items()
        }


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
