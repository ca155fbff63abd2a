"""Weights to start training a circuit from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.spec import SMALL, usual_start

# Small angles start the circuit near the identity, where gradients do not vanish with the number of qubits
# (review of barren plateaus: arXiv:2405.00781).
INITIAL_ANGLE_STD = 0.1


def initial_weights(
    shape: CircuitShape, generator: torch.Generator | None = None, *, start: str | None = None
) -> Tensor:  # fmt: skip
    """Weights to start training from, float32, shape `shape.weight_shape`.

    "small": small angles (normal, standard deviation 0.1). "identity", for the mirrored ansatz: any angles in the even
    layers and their inverse in the odd ones, so that each pair of layers is the identity [1]_; a last layer without a
    partner has small angles. Without a `start`, identity for the mirrored ansatz and small for all others.

    References
    ----------
    .. [1] Grant et al., "An initialization strategy for addressing barren plateaus", Quantum 3, 214 (2019).
    """
    small = INITIAL_ANGLE_STD * torch.randn(shape.weight_shape, generator=generator)
    if (start or usual_start(shape.ansatz)) == SMALL:
        return small
    pairs = shape.layers // 2
    even = 2 * math.pi * torch.rand((pairs, *shape.weight_shape[1:]), generator=generator)
    # The inverse of Rot(phi, theta, omega) is Rot(-omega, -theta, -phi), and of two the second comes first.
    small[: 2 * pairs] = torch.stack([even, -even.flip(-1)], 1).reshape(2 * pairs, *shape.weight_shape[1:])
    return small
