"""FedAdam: the change that a round would bring is taken as a gradient, and the server makes an Adam step of it.

As in the paper, the moments are not corrected for their start at 0: the first steps are small.

References
----------
.. [1] Reddi et al., "Adaptive federated optimization", ICLR 2021, arXiv:2003.00295, algorithm 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from federation.domain.strategies.base import Aggregate, Before, SumRule, Vector, as_state, option


@dataclass(frozen=True)
class FedAdam(SumRule):
    name = "fedadam"
    title = "FedAdam"
    words = "the server makes an Adam step of the average change"
    paper = "Reddi et al., ICLR 2021, arXiv:2003.00295"

    server_rate: float = option(0.03, "Learning rate of the server.", low=1e-6, high=10.0)
    beta1: float = option(0.9, "Memory of the direction.", low=0.0, high=0.999)
    beta2: float = option(0.99, "Memory of the size.", low=0.0, high=0.9999)
    tau: float = option(0.001, "Change below which a step is not enlarged.", low=1e-8, high=1.0)

    def finish(self, mean: Vector, before: Before, *, weight: float) -> Aggregate:
        state: Vector = {}
        memory: Vector = {}
        for name, value in mean.items():
            start = before.start[name].astype(np.float64)
            change = value - start
            first = before.memory.get(f"m/{name}", np.zeros_like(start)).astype(np.float64)
            second = before.memory.get(f"v/{name}", np.full_like(start, self.tau**2)).astype(np.float64)
            memory[f"m/{name}"] = first = self.beta1 * first + (1 - self.beta1) * change
            memory[f"v/{name}"] = second = self.beta2 * second + (1 - self.beta2) * change**2
            state[name] = start + self.server_rate * first / (np.sqrt(second) + self.tau)
        return Aggregate(as_state(state), as_state(memory))
