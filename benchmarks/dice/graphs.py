"""Training steps recorded once as a CUDA graph and replayed: the same kernels without a word from Python between them.

The networks are small, so that on a large GPU nearly all of a step is the launching of kernels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from federation.domain.learning.loss import loss_per_row
from federation.domain.models.base import Model

WARM_UP = 3


class GraphSteps:
    """`learning.local.Stepper` for a CUDA device: one graph for each shape of a batch."""

    def __init__(self, model: Model, misses: float) -> None:
        self.model, self.misses = model, misses
        self.rate = torch.zeros((), device=model.device)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=self.rate, capturable=True)
        self.graphs: dict[tuple[int, ...], tuple[torch.cuda.CUDAGraph, Tensor, Tensor, Tensor]] = {}

    def start(self, learning_rate: float) -> None:
        self.rate.fill_(learning_rate)
        self._forget()

    def _forget(self) -> None:
        held = self._moments()
        if held:
            torch._foreach_zero_(held)

    def step(self, x: Tensor, y: Tensor) -> float:
        if tuple(x.shape) not in self.graphs:
            self._record(x, y)
        graph, images, masks, loss = self.graphs[tuple(x.shape)]
        images.copy_(x)
        masks.copy_(y)
        graph.replay()
        return loss.item()

    def apply(self) -> None:
        self.optimizer.step()

    def _record(self, x: Tensor, y: Tensor) -> None:
        """Warm-up steps and the recording leave weights and moments as they were."""
        kept = [value.detach().clone() for value in (*self.model.parameters(), *self._moments())]
        images, masks = x.clone(), y.clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self._whole_step(images, masks)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            loss = self._whole_step(images, masks)
        with torch.no_grad():
            now = [*self.model.parameters(), *self._moments()]
            for value, before in zip(now, kept, strict=False):
                value.copy_(before)
            for value in now[len(kept) :]:  # there were no moments yet
                value.zero_()
        self.graphs[tuple(x.shape)] = graph, images, masks, loss

    def _moments(self) -> list[Tensor]:
        return [value for state in self.optimizer.state.values() for value in state.values()]

    def _whole_step(self, images: Tensor, masks: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = loss_per_row(self.model(images), masks, self.model.task, misses=self.misses).mean()
        loss.backward()
        self.optimizer.step()
        return loss.detach()
