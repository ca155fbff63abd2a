"""Patient-level differential privacy: clipped per-patient gradients, keyed noise, and what was spent.

The unit is the patient: all slices of one patient give one gradient, which is clipped as a whole. Neighbouring data
sets differ by adding or removing one patient. Each step takes each patient with the same probability (Poisson
sampling), which is what the accountant assumes; shuffled batches would not be covered by it.

What the guarantee does not cover: the number of patients (it weighs the average and is public), validation metrics, and
the floating-point rounding of the Gaussian noise [1]_, an attack for which a discrete mechanism is the remedy.

References
----------
.. [1] Mironov, "On significance of the least significant bits for differential privacy", CCS 2012.
.. [2] Abadi et al., "Deep learning with differential privacy", CCS 2016, arXiv:1607.00133.
.. [3] Mironov et al., "Renyi differential privacy of the sampled Gaussian mechanism", arXiv:1908.10530.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, grad, vmap

from federation.domain.learning.loss import loss_per_row
from federation.domain.models.base import Model

# A wide set: with too few orders the bound is loose at high sampling rates. None under 2: there the series for
# fractional orders does not converge at such rates, and what it would gain shows only where epsilon is over 10.
RDP_ORDERS = [2 + x / 10 for x in range(100)] + list(range(12, 64)) + [64, 80, 96, 128, 192, 256, 512, 1024]
# Slices whose gradients are held at once; bounds memory, changes nothing else.
ROWS_AT_ONCE = 64


class KeyedStream:
    """Random numbers from SHAKE-256 in counter mode: as unpredictable as their key.

    A DP guarantee is void if an attacker can repeat the noise. So the key must be secret and hold at least 128 bits of
    entropy, e.g. ``secrets.randbits(256)`` drawn by the site. A small or public seed repeats a test, and protects
    nobody.
    """

    def __init__(self, key: int) -> None:
        if key < 0:
            raise ValueError(f"expected a key that is not negative, got {key}")
        self._key = key.to_bytes((key.bit_length() + 7) // 8 or 1, "big")
        self._counter = 0

    def uniforms(self, size: int) -> NDArray[np.float64]:
        """Values in [0, 1), multiples of 2^-53, shape (size,)."""
        block = hashlib.shake_256(len(self._key).to_bytes(4, "big") + self._key + self._counter.to_bytes(8, "big"))
        self._counter += 1
        words = np.frombuffer(block.digest(8 * size), dtype="<u8")
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normals(self, size: int) -> NDArray[np.float64]:
        """Standard normal values by the Box-Muller method, shape (size,)."""
        half = (size + 1) // 2
        radius = np.sqrt(-2 * np.log1p(-self.uniforms(half)))
        angle = 2 * np.pi * self.uniforms(half)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]


def patient_gradients(model: Model, x: Tensor, y: Tensor, patient: Tensor, n_patients: int) -> dict[str, Tensor]:
    """Gradient of each patient's mean loss over his slices.

    Parameters
    ----------
    x, y : Tensor, shapes (m, ...)
        Rows and targets, as the model and `loss_per_row` take them.
    patient : Tensor of int64, shape (m,)
        Patient of each row, 0 to n_patients - 1; every patient has at least one row.

    Returns
    -------
    dict of parameter name to Tensor, shape (n_patients, *parameter.shape)
    """
    weights = {name: value.detach() for name, value in model.named_parameters()}

    def loss(weights: dict[str, Tensor], row: Tensor, target: Tensor, share: Tensor) -> Tensor:
        logits = functional_call(model, weights, (row[None],))
        return share * loss_per_row(logits, target[None], model.task)[0]

    share = 1 / torch.bincount(patient, minlength=n_patients).to(x.dtype)
    by_row = vmap(grad(loss), in_dims=(None, 0, 0, 0))
    total = {name: torch.zeros(n_patients, *value.shape, dtype=value.dtype) for name, value in weights.items()}
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        for name, value in by_row(weights, x[rows], y[rows], share[patient[rows]]).items():
            total[name].index_add_(0, patient[rows], value)
    return total


def clipped_sum(gradients: dict[str, Tensor], *, max_grad_norm: float) -> dict[str, Tensor]:
    """Sum of the patients' gradients, each first scaled to an L2 norm over all weights of at most `max_grad_norm`."""
    squares = torch.stack([value.flatten(1).square().sum(1) for value in gradients.values()])
    norms = squares.sum(0).sqrt()
    factors = max_grad_norm / norms.clamp(min=max_grad_norm)
    return {name: torch.tensordot(factors, value, dims=1) for name, value in gradients.items()}


def add_noise(summed: dict[str, Tensor], *, std: float, stream: KeyedStream) -> dict[str, Tensor]:
    """Add independent Gaussian noise of standard deviation `std` to each coordinate, in a fixed order of the names."""
    noisy = {}
    for name in sorted(summed):
        noise = torch.from_numpy(stream.normals(summed[name].numel())).reshape(summed[name].shape)
        noisy[name] = summed[name] + std * noise.to(summed[name].dtype)
    return noisy


@dataclass(frozen=True)
class Spend:
    """Some DP-SGD steps on the same patients."""

    noise_multiplier: float
    sample_rate: float  # probability with which a step takes a patient, in (0, 1]
    steps: int


def spent_epsilon(noise_multiplier: float, sample_rate: float, steps: int, delta: float) -> float:
    """The epsilon that budgets are enforced on: the Renyi bound, which is never below the true value.

    Parameters
    ----------
    noise_multiplier : float, > 0
    sample_rate : float, in (0, 1]
    steps : int, >= 0
        Over all rounds so far; 0 steps have spent 0.
    delta : float, in (0, 1)

    Returns
    -------
    float, >= 0
        0: nothing can be learned about one patient. Each unit multiplies the odds an attacker may reach by e. Training
        without noise has no epsilon; the caller writes None.
    """
    return epsilon_rdp(noise_multiplier, sample_rate, steps, delta)


def epsilon_rdp(noise_multiplier: float, sample_rate: float, steps: int, delta: float) -> float:
    """Epsilon by Renyi differential privacy [3]_ (upper bound); parameters as in `spent_epsilon`."""
    return composed_epsilon([Spend(noise_multiplier, sample_rate, steps)], delta)


def composed_epsilon(spends: Iterable[Spend], delta: float) -> float:
    """Epsilon (Renyi bound) of several spends on the same patients, e.g. the rounds of several runs."""
    from dp_accounting.rdp import RdpAccountant

    return _compose(RdpAccountant(RDP_ORDERS), spends, delta)


def epsilon_pld(noise_multiplier: float, sample_rate: float, steps: int, delta: float) -> float:
    """Epsilon by privacy loss distributions: nearly exact, for display beside the bound that is enforced."""
    from dp_accounting.pld import PLDAccountant

    return _compose(PLDAccountant(), [Spend(noise_multiplier, sample_rate, steps)], delta)


def _compose(accountant, spends: Iterable[Spend], delta: float) -> float:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent

    if not 0 < delta < 1:
        raise ValueError(f"expected delta over 0 and under 1, got {delta}")
    steps = 0
    for spend in spends:
        if not (spend.noise_multiplier > 0 and 0 < spend.sample_rate <= 1 and spend.steps >= 0):
            raise ValueError(f"expected noise over 0, a sample rate in (0, 1] and steps of 0 or more, got {spend}")
        if spend.steps > 0:
            event = PoissonSampledDpEvent(spend.sample_rate, GaussianDpEvent(spend.noise_multiplier))
            accountant.compose(SelfComposedDpEvent(event, spend.steps))
        steps += spend.steps
    return float(accountant.get_epsilon(delta)) if steps else 0.0
