"""Inputs changed on purpose, by so little that nobody would look twice, to make a model err.

Three ways of the same strength (largest change of any value: epsilon). `fgsm` takes one step along the sign of the
gradient [1]_; `pgd` takes many and starts at the FGSM point and at random ones, so that it is never the weaker [2]_;
`random` takes one step in random signs and is the control: if it hurts more than the gradient does, the gradient is
hidden, not the model robust [3]_.

References
----------
.. [1] Goodfellow, Shlens and Szegedy, ICLR 2015, arXiv:1412.6572.
.. [2] Madry et al., ICLR 2018, arXiv:1706.06083.
.. [3] Athalye, Carlini and Wagner, ICML 2018, arXiv:1802.00420.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from audits.domain.robustness.scores import scored
from federation.domain.data.dataset import SiteData
from federation.domain.learning.loss import loss_per_row
from federation.domain.models.base import Model, as_batch

ATTACKS = ("fgsm", "pgd", "random")
ROWS_AT_ONCE = 64
STEP_SHARE = 2.5  # of epsilon over the number of steps: enough to reach the border from anywhere, as in [2]
Inputs = NDArray[np.float32]


@dataclass(frozen=True)
class Probe:
    """What one look at some inputs tells the attacker.

    Attributes
    ----------
    gradient : ndarray, shape of the inputs
        Of each row's own loss.
    harm : ndarray, shape (n,)
        What the attacker wants more of, for each patient. Classification: the loss. Segmentation: 1 - Dice.
    scores : ndarray, shape (n,), in [0, 1]
        See `scores.patient_scores`.
    """

    gradient: Inputs
    harm: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Attacked:
    """Outcome of the three attacks.

    Attributes
    ----------
    clean : ndarray, shape (n,)
        Scores of the patients as they are.
    scores : mapping of attack to ndarray, shape (n,)
        After it.
    inputs : mapping of attack to ndarray, shape of the inputs
    flat : int
        Patients whose gradient is exactly zero, so that no attack by gradients can find a way.
    """

    clean: NDArray[np.float64]
    scores: Mapping[str, NDArray[np.float64]]
    inputs: Mapping[str, Inputs]
    flat: int


def probe(model: Model, data: SiteData, x: Inputs) -> Probe:
    """The gradient of the loss at `x`, through the whole network (for the quantum part, through the state vector).

    Raises
    ------
    ValueError
        If a loss or gradient is not finite.
    """
    gradients, losses, answers = [], [], []
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        batch = as_batch(x[rows]).requires_grad_(True)
        logits = model(batch)
        target = torch.from_numpy(np.ascontiguousarray(data.y[rows])).to(logits.dtype)
        loss = loss_per_row(logits, target, data.task)
        gradients.append(torch.autograd.grad(loss.sum(), batch)[0].numpy())
        losses.append(loss.detach().numpy())
        answers.append(torch.sigmoid(logits.detach()).numpy())
    gradient, lost = np.concatenate(gradients), np.concatenate(losses)
    if not (np.isfinite(lost).all() and np.isfinite(gradient).all()):
        raise ValueError("expected a finite loss and gradient, got NaN or infinite ones: the model cannot be attacked")
    scores = scored(np.concatenate(answers), data)
    harm = np.zeros(data.n_patients)
    if data.task == "classification":
        harm[data.patient_index] = lost
    else:
        harm = 1 - scores
    return Probe(gradient, harm, scores)


@dataclass(frozen=True)
class Box:
    """What an attacker may send: within epsilon of the patient's input, and within the valid range.

    Valid is [0, 1] (the range of a pixel, or the clinical range of a measure). A value that lies beyond it already may
    stay, but goes no further. Columns that must not move are held.
    """

    low: Inputs
    high: Inputs

    @classmethod
    def around(cls, x: Inputs, epsilon: float, movable: NDArray[np.bool_] | None = None) -> Box:
        low = np.maximum(x - epsilon, np.minimum(x, 0.0))
        high = np.minimum(x + epsilon, np.maximum(x, 1.0))
        if movable is not None:
            low, high = np.where(movable, low, x), np.where(movable, high, x)
        return cls(low.astype(np.float32), high.astype(np.float32))

    def into(self, x: NDArray[np.floating]) -> Inputs:
        return np.clip(x, self.low, self.high).astype(np.float32)


def measured_columns(x: Inputs) -> NDArray[np.bool_]:
    """Which columns of a table hold measured quantities rather than codes (0, 1, or 0.5 for an unknown one)."""
    return np.asarray(~np.isin(x, (0.0, 0.5, 1.0)).all(axis=0))


def attack(
    model: Model,
    data: SiteData,
    *,
    epsilon: float,
    rng: np.random.Generator,
    steps: int = 20,
    starts: int = 2,
    movable: NDArray[np.bool_] | None = None,
    tell: Callable[[int, int], None] = lambda step, of: None,
) -> Attacked:
    """Attack every patient of `data` in three ways.

    Parameters
    ----------
    epsilon : float, > 0
        Largest change of any value, in the units of `SiteData.x`: 0.02 is 2 % of a clinical range or of full white.
    rng : Generator
        Of the random signs and the random starts.
    steps : int, >= 1
        Of PGD, from each start.
    starts : int, >= 1
        The first is the FGSM point, the others are uniform within epsilon.
    movable : ndarray of bool, shape (d,), optional
        Columns that may be changed; all by default.
    tell : callable
        `tell(step, of)` after each look at the model.

    Returns
    -------
    Attacked
        For every patient the harm of PGD is at least that of FGSM, and both are scored on the inputs returned.

    Raises
    ------
    ValueError
        If the model's loss, gradient or answer is not finite.
    """
    box, total = Box.around(data.x, epsilon, movable), 3 + steps * starts
    clean = probe(model, data, data.x)
    tell(1, total)
    fast_x = box.into(data.x + epsilon * np.sign(clean.gradient))
    fast = probe(model, data, fast_x)
    tell(2, total)
    random_x = box.into(data.x + epsilon * rng.choice(np.array([-1.0, 1.0]), size=data.x.shape))
    random = probe(model, data, random_x)
    tell(3, total)
    best_x, best = fast_x.copy(), fast
    for start in range(starts):
        x, seen = fast_x, fast
        if start:
            x = box.into(data.x + rng.uniform(-epsilon, epsilon, size=data.x.shape))
            seen = probe(model, data, x)
        climbed = _climb(model, data, box, x, seen, STEP_SHARE * epsilon / steps, steps)
        for step, (point, there) in enumerate(climbed):
            best_x, best = _worse_of(best_x, best, point, there, data)
            tell(4 + start * steps + step, total)
    moved = np.abs(clean.gradient).reshape(len(data.x), -1).max(axis=1) > 0
    return Attacked(
        clean.scores,
        {"fgsm": fast.scores, "pgd": best.scores, "random": random.scores},
        {"fgsm": fast_x, "pgd": best_x, "random": random_x},
        data.n_patients - len(np.unique(data.patient_index[moved])),
    )


def _climb(
    model: Model, data: SiteData, box: Box, x: Inputs, seen: Probe, length: float, steps: int
) -> Iterator[tuple[Inputs, Probe]]:
    """Projected steps up the loss from one start: each point and what the model does there."""
    for _ in range(steps):
        x = box.into(x + length * np.sign(seen.gradient))
        seen = probe(model, data, x)
        yield x, seen


def _worse_of(best_x: Inputs, best: Probe, x: Inputs, seen: Probe, data: SiteData) -> tuple[Inputs, Probe]:
    """For each patient, whichever of two inputs harms more."""
    worse = seen.harm > best.harm
    rows = worse[data.patient_index]
    kept = np.where(rows.reshape(-1, *[1] * (x.ndim - 1)), x, best_x)
    return kept, Probe(best.gradient, np.where(worse, seen.harm, best.harm), np.where(worse, seen.scores, best.scores))
