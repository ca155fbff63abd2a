"""Classifiers of radiographs: a small convolutional network whose last features pass through an exchangeable core.

`chest_vqc` has a variational quantum circuit there, `chest_cnn` the classical layer of nearly as many parameters, and
``"entangling": false`` takes the entangling gates out of the circuit. From one seed all three start with the very same
convolutions, so a difference in what they achieve is due to the core.

Group normalisation for the reasons of `unet`. The features are pooled by quadrant, not over the whole image: where a
shadow lies (an effusion at the base, a congested hilum) is half of what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from federation.domain.models.base import REPRESENTATION_SIZE, Model
from federation.domain.models.bottleneck import ClassicalBottleneck, QuantumBottleneck
from federation.domain.models.specs import QUADRANTS

MIN_SIDE, MAX_SIDE = 16, 256


class ChestNet(Model):
    """Three stages of convolution, each halving the image; quadrant means; the core; one linear logit."""

    task = "classification"

    def __init__(
        self, spec: Mapping[str, Any], make_core: Callable[[], QuantumBottleneck | ClassicalBottleneck]
    ) -> None:
        super().__init__(spec)
        self.n_inputs = int(spec["inputs"])
        stages = zip((self.n_inputs, *spec["channels"]), spec["channels"], strict=False)
        self.stages = nn.Sequential(*(_stage(n_in, n_out) for n_in, n_out in stages))
        self.core = make_core()  # drawn after the convolutions, see above
        self.head = nn.Linear(self.core.n_outputs, 1)
        self.n_features = QUADRANTS * int(spec["channels"][-1])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self._features(x)).squeeze(-1)

    def represent(self, x: Tensor) -> Tensor:
        return self._features(x)[:, :REPRESENTATION_SIZE]

    def _features(self, x: Tensor) -> Tensor:
        return self.core(self.pooled(x))

    def pooled(self, x: Tensor) -> Tensor:
        """What the core is given: the mean of each map over each quadrant, shape (m, n_features)."""
        fits = x.dim() == 4 and all(MIN_SIDE <= side <= MAX_SIDE and side % 4 == 0 for side in x.shape[2:])
        if not fits or x.shape[1] != self.n_inputs:
            raise ValueError(
                f"expected images of shape (m, {self.n_inputs}, height, width), sides divisible by 4 and from "
                f"{MIN_SIDE} to {MAX_SIDE}, got {tuple(x.shape)}; resample or pad them"
            )
        maps = self.stages(x)
        top, left = maps.shape[2] // 2, maps.shape[3] // 2
        rows = maps[:, :, :top], maps[:, :, top:]
        parts = [part.mean(dim=(2, 3)) for row in rows for part in (row[..., :left], row[..., left:])]
        return torch.cat(parts, dim=1)


def chest_vqc(spec: Mapping[str, Any]) -> ChestNet:
    """``{"kind": "chest_vqc", "inputs", "channels", "qubits": 4..10, "layers", "entangling"}`` and `spec.OPTIONS`."""
    return ChestNet(spec, lambda: QuantumBottleneck(QUADRANTS * spec["channels"][-1], spec))


def chest_cnn(spec: Mapping[str, Any]) -> ChestNet:
    """``{"kind": "chest_cnn", "inputs", "channels", "hidden", "outputs": 4..10}``: the classical twin."""
    n_features = QUADRANTS * spec["channels"][-1]
    return ChestNet(spec, lambda: ClassicalBottleneck(n_features, spec["hidden"], spec["outputs"]))


def _stage(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel_size=3, padding=1, bias=False),
        nn.GroupNorm(4, n_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
