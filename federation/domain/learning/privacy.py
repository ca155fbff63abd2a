"""Patient-level differential privacy: clipped per-patient gradients and keyed noise.

The unit is the patient: all slices of one patient give one gradient, which is clipped as a whole. Neighbouring data
sets differ by adding or removing one patient. Each step takes each patient with the same probability (Poisson
sampling), which is what the accountant (`domain.privacy.accountant`) assumes; shuffled batches are not covered by it.

What the guarantee does not cover: the number of patients (it weighs the average and is public), validation metrics, and
the floating-point rounding of the Gaussian noise [1]_. Noise that sites make together (`domain.privacy.distributed`) is
of whole numbers and has no such rounding.

References
----------
.. [1] Mironov, "On significance of the least significant bits for differential privacy", CCS 2012.
.. [2] Abadi et al., "Deep learning with differential privacy", CCS 2016, arXiv:1607.00133.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from federation.domain.learning.loss import loss_per_row
from federation.domain.models.base import Model
from federation.domain.privacy.stream import KeyedStream
from federation.domain.quantum.layer import as_trained

# Slices whose gradients are held at once; bounds memory, changes nothing else.
ROWS_AT_ONCE = 64


def patient_gradients(model: Model, x: Tensor, y: Tensor, patient: Tensor, n_patients: int) -> dict[str, Tensor]:
    """Gradient of each patient's mean loss over his slices, by `torch.func`, whatever the layers.

    Opacus knows no quantum layer, and takes each pixel for a sample where a U-Net's core runs on pixels; where it works
    (dense networks on rows) it gives the same numbers in the same time, which a test compares.

    Parameters
    ----------
    x, y : Tensor, shapes (m, ...)
        Rows and targets, as the model and `loss_per_row` take them.
    patient : Tensor of int64, shape (m,)
        Patient of each row, 0 to n_patients - 1; every patient has at least one row.

    Returns
    -------
    dict of parameter name to Tensor, shape (n_patients, *parameter.shape)
        Of the parameters that learn; a frozen one has no gradient.
    """
    weights = {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}

    def loss(weights: dict[str, Tensor], row: Tensor, target: Tensor, share: Tensor) -> Tensor:
        logits = functional_call(model, weights, (row[None],))
        return share * loss_per_row(logits, target[None], model.task)[0]

    share = 1 / torch.bincount(patient, minlength=n_patients).to(x.dtype)
    by_row = vmap(grad(loss), in_dims=(None, 0, 0, 0))
    total = {name: torch.zeros(n_patients, *value.shape, dtype=value.dtype) for name, value in weights.items()}
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        with as_trained(model):
            found = by_row(weights, x[rows], y[rows], share[patient[rows]])
        for name, value in found.items():
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
