"""Gradient inversion of images through the layers nearest the loss.

The gradient of an early layer has come back through every ReLU and every pooling: on the platform's U-Net it changes by
a third to a half when the image changes by 0.005, so no search finds its way by it, from however near. The gradients
of the last layers have a short way back and change smoothly, and hold thousands of equations for a few hundred pixels.
They are solved by damped Gauss-Newton steps from the mean of public images, first the smoothest layers, then all
smooth ones; then random hops in the public images' own directions from the best so far, which the misfit tells.

Only directions of gradients are compared, so clipping hides nothing. The outlines are granted.

References
----------
.. [1] Levenberg (1944). Quarterly of Applied Mathematics 2(2):164-168 (damped least squares).
.. [2] Wales, Doye (1997). J Phys Chem A 101(28):5111-5116 (basin hopping).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, grad, vmap

from audits.domain.attacks.inversion import Gradients
from federation.domain.learning.loss import loss_per_row
from federation.domain.models.base import Model

NUDGE = 0.02  # of each pixel, by which a layer is tested for smoothness
SMOOTH = (0.06, 0.15)  # largest relative change of a layer's gradient: in the first stage, and in the second
LEAST_GRADIENT = 1e-6  # share of the whole: below it a layer has no direction
WIDTHS = (0.01, 0.02, 0.005, 0.04)  # of the differences that stand for derivatives: they step over kinks
HOPS = (0.1, 0.2)  # in standard deviations of public images
STEPS = 12
DAMPINGS = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)  # tried at once, times the last that helped
SOLVED = 1e-6
RIDGE = 0.02  # share of the variance of public images that lies in no direction
AT_ONCE = 64


@dataclass(frozen=True)
class Prior:
    """What public images say of others: where to start, and which directions are likely."""

    mean: Tensor  # shape (d,)
    spread: Tensor  # (d, d), lower triangular: spread times standard normal values is a likely difference
    metric: Tensor  # (d, d), float64: the inverse covariance, of mean diagonal 1

    @classmethod
    def of(cls, public: NDArray[np.floating]) -> Prior:
        """From at least two images of one shape."""
        rows = torch.from_numpy(np.ascontiguousarray(public, dtype=np.float64)).flatten(1)
        covariance = torch.cov(rows.T)
        covariance += torch.eye(len(covariance)) * covariance.diagonal().mean().clamp(min=1e-8) * RIDGE
        metric = torch.linalg.inv(covariance)
        spread = torch.linalg.cholesky(covariance).float()
        return cls(rows.mean(dim=0).float(), spread, metric / metric.diagonal().mean())


def through_the_tail(
    model: Model, gradients: Gradients, y: NDArray[np.integer], public: NDArray[np.floating], *, hops: int,
    rng: np.random.Generator, told: Callable[[int], None] = lambda step: None,
) -> NDArray[np.float64]:  # fmt: skip
    """Search one image for each of n single-patient gradients.

    Parameters
    ----------
    gradients : Gradients of n observations
    y : ndarray, shape (n, height, width)
        Outlines, granted.
    public : ndarray, shape (m, channels, height, width), m >= 2
        Images like the private ones, of other people.
    hops : int, >= 0
        Searches from near the best image so far, after the first one.
    told : callable
        Called with the number of searches done, n x (hops + 1) in all.

    Returns
    -------
    ndarray of float, shape (1, n, channels, height, width), in [0, 1]
    """
    prior, shape = Prior.of(public), public.shape[1:]
    found = []
    for number, mask in enumerate(y):
        seen = {name: value[number] for name, value in gradients.items()}
        done = number * (hops + 1)
        image = _solve(model, seen, torch.from_numpy(mask.astype(np.float32)), shape, prior, hops, rng,
                       lambda own, done=done: told(done + own))  # type: ignore[misc]  # mypy cannot infer defaults  # fmt: skip
        found.append(image.reshape(shape).double().numpy())
    return np.stack(found)[None]


def _solve(
    model: Model, seen: dict[str, Tensor], mask: Tensor, shape: tuple[int, ...], prior: Prior, hops: int,
    rng: np.random.Generator, told: Callable[[int], None],
) -> Tensor:  # fmt: skip
    layers = _smooth_layers(model, seen, mask, shape, prior, rng)
    image, misfit = prior.mean.clamp(0, 1), np.inf
    for names in layers:
        problem = _Misfit(model, names, seen, mask, shape)
        image, misfit = _descend(problem, image, prior, WIDTHS[1])
    told(1)
    for hop in range(hops):
        if misfit > SOLVED:
            away = prior.spread @ torch.from_numpy(rng.normal(size=len(image))).float()
            begin = (image + HOPS[hop % len(HOPS)] * away).clamp(0, 1)
            other, its = _descend(problem, begin, prior, WIDTHS[hop % len(WIDTHS)])
            if its < misfit:
                image, misfit = other, its
        told(hop + 2)
    return image


class _Misfit:
    """How far the gradients of some layers point from those seen; each layer counts alike, whatever its size."""

    def __init__(
        self, model: Model, names: list[str], seen: dict[str, Tensor], mask: Tensor, shape: tuple[int, ...]
    ) -> None:
        self.gradients = _gradients_of(model, names, mask, shape)
        target = torch.cat([seen[name].flatten() for name in names])
        self.target = target / target.norm().clamp(min=1e-30)
        parts = self.target.split([seen[name].numel() for name in names])
        scales = [1 / part.norm() if part.norm() > LEAST_GRADIENT else part.new_zeros(()) for part in parts]
        self.weight = torch.cat([scale.expand(len(part)) for scale, part in zip(scales, parts, strict=True)])

    def __call__(self, images: Tensor) -> Tensor:
        """Of images of shape (k, d), shape (k, p)."""
        found = self.gradients(images)
        return self.weight * (found / found.norm(dim=1, keepdim=True).clamp(min=1e-30) - self.target)


def _descend(misfit: _Misfit, image: Tensor, prior: Prior, width: float) -> tuple[Tensor, float]:
    """Damped Gauss-Newton steps [1]_ until none helps. Returns the image, and its squared misfit."""
    here = misfit(image[None])[0]
    best, damping = float(here @ here), 1.0
    for _ in range(STEPS):
        nudge = torch.where(image > 0.5, -width, width)
        slopes = ((misfit(image + torch.diag(nudge)) - here) / nudge[:, None]).double()
        curved, down = slopes @ slopes.T, slopes @ here.double()
        level = curved.diagonal().mean()
        if not level > 0:
            break
        steps = [torch.linalg.solve(curved + damping * d * level * prior.metric, down).float() for d in DAMPINGS]
        tried = torch.stack([(image - share * step).clamp(0, 1) for step in steps for share in (1.0, 0.5)])
        each = misfit(tried)
        squares = each.square().sum(dim=1)
        choice = int(squares.argmin())
        gained = float(squares[choice]) < 0.99 * best
        if float(squares[choice]) < best:
            image, here, best = tried[choice], each[choice], float(squares[choice])
        damping = float(np.clip(damping * DAMPINGS[choice // 2], 1e-7, 1e2)) if gained else 1.0
        width = width if gained else width / 3
        if best < SOLVED or width < min(WIDTHS) / 9:
            break
    return image, best


def _smooth_layers(
    model: Model, seen: dict[str, Tensor], mask: Tensor, shape: tuple[int, ...], prior: Prior, rng: np.random.Generator
) -> list[list[str]]:
    """For each stage the layers whose gradient hardly moves when the image does; the smoothest if none is smooth."""
    names = sorted(seen)
    gradients = _gradients_of(model, names, mask, shape)
    noise = torch.from_numpy(rng.normal(size=(4, len(prior.mean)))).float()
    first, *others = gradients(torch.cat([prior.mean[None], prior.mean + NUDGE * noise]))
    sizes = [seen[name].numel() for name in names]
    moved: dict[str, float] = {}
    for name, still, *then in zip(names, *(row.split(sizes) for row in (first, *others)), strict=True):
        if still.norm() > LEAST_GRADIENT * first.norm():
            moved[name] = float(np.mean([float((part - still).norm() / still.norm()) for part in then]))
    least = min(moved.values())
    return [[name for name in moved if moved[name] <= max(limit, least)] for limit in SMOOTH]


def _gradients_of(model: Model, names: list[str], mask: Tensor, shape: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """Gradients of some parameters, flat, as a function of flat images of shape (k, d)."""
    weights = {name: value.detach() for name, value in model.named_parameters()}
    own = {name: weights.pop(name) for name in names}

    def loss(own: dict[str, Tensor], row: Tensor) -> Tensor:
        logits = functional_call(model, {**weights, **own}, (row.reshape(1, *shape),))
        return loss_per_row(logits, mask[None], model.task)[0]

    each = vmap(grad(loss), in_dims=(None, 0), chunk_size=AT_ONCE)

    def flat(images: Tensor) -> Tensor:
        found = each(own, images)
        return torch.cat([found[name].flatten(1) for name in names], dim=1)

    return flat
