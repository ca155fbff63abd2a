"""What every model of the platform offers, so that training, audits and the gateway never ask which one they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from federation.domain.data.dataset import Task

REPRESENTATION_SIZE = 4
_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


class Model(nn.Module):
    """A network with a spec, a task and an auditable bottleneck.

    Attributes
    ----------
    spec : mapping
        Plain JSON; `registry.build(spec)` makes the same network again.
    task : "classification" or "segmentation"
    """

    task: ClassVar[Task]

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__()
        self.spec = dict(spec)

    def forward(self, x: Tensor) -> Tensor:
        """Logits: (n, d) rows to (n,); (m, channels, height, width) images to (m, height, width)."""
        raise NotImplementedError

    def represent(self, x: Tensor) -> Tensor:
        """The bottleneck's first four outputs, shape (m, 4), each in [-1, 1].

        On a hybrid they are the expectation values <Z_0> to <Z_3>; on its classical twin, the tanh units in their
        place.
        """
        raise NotImplementedError

    @property
    def placement(self) -> str:
        """Where the core stands, in words; `core_runs` counts."""
        return "once for each input"

    def core_runs(self, shape: tuple[int, ...]) -> int:
        """How often the core (on a hybrid: the circuit) runs for one input of this shape, without the batch."""
        return 1

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def angles(self) -> frozenset[str]:
        """Names of the weights that are rotation angles of a circuit, in radians."""
        from federation.domain.quantum.layer import QuantumLayer

        return frozenset(f"{name}.weights" for name, module in self.named_modules() if isinstance(module, QuantumLayer))

    @property
    def device(self) -> torch.device:
        """Where the weights are; the CPU without any."""
        return next((parameter.device for parameter in self.parameters()), torch.device("cpu"))

    def facts(self) -> dict:
        """Kind, task, size and, on a hybrid, the facts of the circuit (None on a classical model)."""
        from federation.domain.quantum.layer import QuantumLayer

        layers = [module.facts() for module in self.modules() if isinstance(module, QuantumLayer)]
        return {
            "kind": self.spec["kind"],
            "task": self.task,
            "n_parameters": self.n_parameters,
            "quantum": layers[0] | {"placement": self.placement} if layers else None,
        }


@contextmanager
def answering(model: nn.Module) -> Iterator[None]:
    """Run a model as it answers, not as it learns (views are averaged then), and leave it as it was."""
    learning = [module for module in model.modules() if module.training]
    for module in learning:
        module.training = False
    try:
        yield
    finally:
        for module in learning:
            module.training = True


def as_batch(x: NDArray[np.float32]) -> Tensor:
    """Rows, images or slabs as a float32 tensor, laid out as the networks are fastest."""
    return channels_last(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)))


def channels_last(batch: Tensor) -> Tensor:
    """Images or slabs with the channels last in memory, which a CPU convolves sooner; rows as they are."""
    return batch.contiguous(memory_format=_LAYOUTS.get(batch.dim(), torch.contiguous_format))
