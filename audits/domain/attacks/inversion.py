"""Gradient inversion: from what a site sends back to the patients it was computed on.

Two attacks; a third, for images, is in `tail`. *Analytic*: the gradient of a linear first layer is a sum of inputs, so
a unit's weight gradient divided by its bias gradient is an input, exactly if one patient moved that unit [1]_.
*Cosine*: inputs are searched whose gradient points the way of the one seen, with total variation as prior for images
[2]_.

The attacker knows the weights before the update, and is granted the labels (the outlines of images): more than he has.

References
----------
.. [1] Phong et al., "Privacy-preserving deep learning via additively homomorphic encryption", IEEE TIFS 2018; for
   deeper layers Fowl et al., arXiv:2110.13057.
.. [2] Geiping et al., "Inverting gradients", NeurIPS 2020, arXiv:2003.14053.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.learning.loss import loss_per_row
from federation.domain.learning.privacy import add_noise, clipped_sum
from federation.domain.models.base import Model, as_batch
from federation.domain.privacy.stream import KeyedStream
from federation.domain.quantum.layer import as_trained

LEAST_BIAS = 1e-12  # below it a unit did not move, and the quotient means nothing
ROOM = 0.2  # scaled inputs may leave [0, 1] by this much
STEP = 0.1  # of Adam on the inputs
TV_WEIGHT = 1e-3
Gradients = dict[str, Tensor]  # by parameter, each of shape (n, *parameter.shape): n separate observations


@dataclass(frozen=True)
class Search:
    """How long the cosine attack searches.

    Attributes
    ----------
    steps : int, >= 1
    restarts : int, >= 1
        From other random inputs; the attacker keeps all that he finds.
    """

    steps: int
    restarts: int


def patient_steps(model: Model, data: SiteData) -> Gradients:
    """The gradient of each row's loss by itself: what a step on one patient would send."""
    x, y = as_batch(data.x), torch.from_numpy(data.y.astype(np.float32))
    return {name: value.detach() for name, value in _by_row(model)(x, y).items()}


def protected(gradients: Gradients, dp: DPConfig, stream: KeyedStream) -> Gradients:
    """The same steps, each clipped and noised as differentially private training does with one patient expected."""
    found = []
    for row in range(len(next(iter(gradients.values())))):
        alone = {name: value[row : row + 1] for name, value in gradients.items()}
        summed = clipped_sum(alone, max_grad_norm=dp.max_grad_norm)
        found.append(add_noise(summed, std=dp.noise_multiplier * dp.max_grad_norm, stream=stream))
    return {name: torch.stack([one[name] for one in found]) for name in gradients}


def round_update(model: Model, data: SiteData, local: LocalConfig, seed: int) -> Gradients:
    """What the aggregator learns from one round of a site, as a gradient: (before - after) / (rate x steps).

    `model` holds the round's weights and is trained in place. Sign and size are those of Adam's steps, not of plain
    gradients; that is what travels.
    """
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    result = train_local(model, data, local, seed=seed)
    scale = local.learning_rate * result.steps
    return {name: ((before[name] - value.detach()) / scale)[None] for name, value in model.named_parameters()}


def analytic(model: Model, gradients: Gradients, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Inputs by division, shape (n, units, *shape), NaN where a unit did not move; None without a linear first layer.

    A convolution, even of 1 x 1, gives a weighted mean over its pixels and no image, so the attack does not fit it.
    """
    name = next(_linear_on_inputs(model, int(np.prod(shape))), None)
    if name is None:
        return None
    weight, bias = gradients[f"{name}.weight"].double(), gradients[f"{name}.bias"].double()
    moved = bias.abs() > LEAST_BIAS
    quotient = torch.where(moved[..., None], weight / torch.where(moved, bias, 1.0)[..., None], torch.nan)
    return quotient.clamp(-ROOM, 1 + ROOM).numpy().reshape(*quotient.shape[:2], *shape)


def cosine_alone(
    model: Model, gradients: Gradients, y: NDArray[np.integer], shape: tuple[int, ...], search: Search,
    rng: np.random.Generator, told: Callable[[int], None] = lambda step: None,
) -> NDArray[np.float64]:  # fmt: skip
    """Search one input for each of n single-patient gradients.

    Parameters
    ----------
    gradients : Gradients of n observations
    y : ndarray, shape (n,) or (n, height, width)
        Labels or masks, granted.
    shape : of one input
    told : callable
        Called with the number of steps done, over all restarts.

    Returns
    -------
    ndarray of float, shape (restarts, n, *shape)
    """
    return _search(_by_row(model), gradients, y, (len(y), *shape), search, rng, told)


def cosine_together(
    model: Model, gradients: Gradients, y: NDArray[np.integer], shape: tuple[int, ...], search: Search,
    rng: np.random.Generator, told: Callable[[int], None] = lambda step: None,
) -> NDArray[np.float64]:  # fmt: skip
    """Search k inputs that together explain one update; parameters as in `cosine_alone`, y of k patients.

    Returns
    -------
    ndarray of float, shape (restarts, k, *shape)
    """
    by_row = _by_row(model)

    def mean(x: Tensor, target: Tensor) -> Gradients:
        return {name: value.mean(dim=0, keepdim=True) for name, value in by_row(x, target).items()}

    return _search(mean, gradients, y, (len(y), *shape), search, rng, told)


def _by_row(model: Model) -> Callable[[Tensor, Tensor], Gradients]:
    """Gradient of each row's loss, as training computes it; can itself be differentiated."""
    weights = {name: value.detach() for name, value in model.named_parameters()}

    def loss(weights: dict[str, Tensor], row: Tensor, target: Tensor) -> Tensor:
        return loss_per_row(functional_call(model, weights, (row[None],)), target[None], model.task)[0]

    step = vmap(grad(loss), in_dims=(None, 0, 0))

    def by_row(x: Tensor, y: Tensor) -> Gradients:
        with as_trained(model):
            return step(weights, x, y)

    return by_row


def _search(
    gradient_of: Callable[[Tensor, Tensor], Gradients], seen: Gradients, y: NDArray[np.integer],
    shape: tuple[int, ...], search: Search, rng: np.random.Generator, told: Callable[[int], None],
) -> NDArray[np.float64]:  # fmt: skip
    target = torch.from_numpy(y.astype(np.float32))
    wanted = _unit(_flat(seen))
    found = []
    for restart in range(search.restarts):
        x = torch.from_numpy(rng.random(shape).astype(np.float32)).requires_grad_(True)
        optimizer = torch.optim.Adam([x], lr=STEP)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, search.steps)
        for step in range(search.steps):
            optimizer.zero_grad()
            apart = 1 - (_unit(_flat(gradient_of(x, target))) * wanted).sum(dim=1)
            (apart.sum() + TV_WEIGHT * _variation(x)).backward()
            if x.grad is not None:
                x.grad.sign_()  # as in [2]_: far more robust than the plain gradient
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                x.clamp_(0, 1)
            told(restart * search.steps + step + 1)
        found.append(x.detach().double().numpy())
    return np.stack(found)


def _flat(gradients: Gradients) -> Tensor:
    return torch.cat([gradients[name].flatten(1) for name in sorted(gradients)], dim=1)


def _unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)


def _variation(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, summed over images; 0 for rows."""
    if x.dim() == 2:
        return x.new_zeros(())
    down = (x[:, :, 1:] - x[:, :, :-1]).abs().mean(dim=(1, 2, 3))
    across = (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3))
    return (down + across).sum()


def _linear_on_inputs(model: Model, inputs: int) -> Iterator[str]:
    """Linear layers as wide as a whole input: in the platform's models those that see the inputs themselves."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and module.in_features == inputs and module.bias is not None:
            yield name
