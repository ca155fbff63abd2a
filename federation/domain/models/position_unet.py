"""A U-Net [1]_ whose bottleneck passes through an exchangeable core at each position.

At the deepest level every position of the feature map is handed to the core on its own, and nothing but the core's few
outputs goes up from there. They go two ways: through the decoder, and straight to the answer as a vote on how much of
the patch of pixels under that position is lesion, which the decoder's finer logits are added to. Without the vote the
skip connections learn first, and the core is not listened to. With a quantum core that is one circuit at each position,
trained in the loop with the convolutions.

References
----------
.. [1] Ronneberger et al., "U-Net", MICCAI 2015, arXiv:1505.04597.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from federation.domain.models.base import REPRESENTATION_SIZE, Model
from federation.domain.models.blocks import block, check_images, doubled, standardised
from federation.domain.models.bottleneck import Core


class PositionUNet(Model):
    """As many levels as there are channel counts; each level halves the sides.

    ``spec["standardise"]``: bring each channel of an image to its own scale first. ``spec["views"]``: when the model
    answers (not while it learns), average the logits over that many mirrored views: 1, 2 (left and right) or 4.
    """

    task = "segmentation"

    def __init__(self, spec: Mapping[str, Any], make_core: Callable[[], Core]) -> None:
        super().__init__(spec)
        channels = list(spec["channels"])
        self.n_inputs, self.levels = int(spec["inputs"]), len(channels)
        widths = [self.n_inputs, *channels]
        self.downs = nn.ModuleList(block(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True))
        pairs = list(zip(channels[:-1], channels[1:], strict=True))[::-1]
        self.ups = nn.ModuleList(block(deep + fine, fine) for fine, deep in pairs)
        # Without the last ReLU: a lesion that lands where all channels are off could never be marked with confidence.
        self.ups[-1] = self.ups[-1][:-1]  # type: ignore[index]
        self.head = nn.Conv2d(channels[0], 1, kernel_size=1)
        # Drawn last: from one seed, hybrid and twin start with the very same convolutions.
        self.core = make_core()
        self.to_maps = nn.Linear(self.core.n_outputs, channels[-1])
        self.to_vote = nn.Linear(self.core.n_outputs, 1)
        # A third faster on a CPU (measured 45 against 68 ms a step); values and names of the weights are the same.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, channels=self.n_inputs, levels=self.levels)
        if self.spec["standardise"]:
            x = standardised(x)
        mirrors = _MIRRORS[: 1 if self.training else self.spec["views"]]
        logits = self._answer(torch.cat([x.flip(sides) if sides else x for sides in mirrors]))
        answers = zip(logits.chunk(len(mirrors)), mirrors, strict=True)
        return torch.stack([answer.flip(sides) if sides else answer for answer, sides in answers]).mean(dim=0)

    def represent(self, x: Tensor) -> Tensor:
        check_images(x, channels=self.n_inputs, levels=self.levels)
        bottom = self.encode(standardised(x) if self.spec["standardise"] else x)[-1]
        measured, _ = self._measured(bottom)
        return measured.mean(dim=1)[:, :REPRESENTATION_SIZE]

    @property
    def placement(self) -> str:
        stride = 2 ** (self.levels - 1)
        return f"at each position of the bottleneck: (height / {stride}) x (width / {stride}) times for each image"

    def core_runs(self, shape: tuple[int, ...]) -> int:
        stride = 2 ** (self.levels - 1)
        views = 1 if self.training else self.spec["views"]
        return views * (shape[-2] // stride) * (shape[-1] // stride)

    def _answer(self, x: Tensor) -> Tensor:
        *fine, bottom = self.encode(x)
        measured, (height, width) = self._measured(bottom)
        maps = self.to_maps(measured).transpose(1, 2).unflatten(2, (height, width))
        vote = self.to_vote(measured).transpose(1, 2).unflatten(2, (height, width))
        for up, skip in zip(self.ups, reversed(fine), strict=True):
            maps = up(torch.cat([doubled(maps), skip], dim=1))
        vote = functional.interpolate(vote, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return (self.head(maps) + vote).squeeze(1)

    def encode(self, x: Tensor) -> list[Tensor]:
        """The feature maps of each level, the finest first."""
        found = [self.downs[0](x)]
        for down in self.downs[1:]:
            found.append(down(functional.max_pool2d(found[-1], 2)))
        return found

    def _measured(self, bottom: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """The core's outputs at each position, shape (m, positions, outputs), and the map's height and width."""
        maps = bottom.flatten(2)
        # Each channel on its own scale over the image: what drives all positions alike would soon saturate the core,
        # and a saturated core says the same everywhere (measured: angles with a spread of 0.001).
        spread = (maps.var(dim=2, keepdim=True, unbiased=False) + 1e-3).sqrt()
        rows = ((maps - maps.mean(dim=2, keepdim=True)) / spread).transpose(1, 2)
        outputs = self.core(rows.reshape(-1, rows.shape[-1]))
        return outputs.reshape(*rows.shape[:2], -1), (bottom.shape[2], bottom.shape[3])


# Sides that a view mirrors, from the last: the width, the height, both.
_MIRRORS: tuple[list[int], ...] = ([], [-1], [-2], [-2, -1])
