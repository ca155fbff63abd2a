"""FedDyn: each site's loss is bent so that the sites' optima and the common one agree.

A site adds ``alpha/2 |w - start|² - own·w`` to its loss, where ``own`` gathers what it has pulled so far; the server
keeps the mean pull ``h``. Unlike SCAFFOLD's control variates, both hold for any local optimiser (here Adam), and the
server needs sums alone. All sites with records weigh alike, as in the paper: the common loss is the mean over sites.

References
----------
.. [1] Acar et al., "Federated learning based on dynamic regularization", ICLR 2021, arXiv:2111.04263, algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from federation.domain.strategies.base import Aggregate, Before, Pull, SumRule, Update, Vector, as_state, option


@dataclass(frozen=True)
class FedDyn(SumRule):
    name = "feddyn"
    title = "FedDyn"
    words = "sites and server remember how unlike patients pull the weights, and undo it; all sites weigh alike"
    paper = "Acar et al., ICLR 2021, arXiv:2111.04263"

    alpha: float = option(0.1, "Strength of the dynamic regulariser.", low=1e-4, high=100.0)

    @property
    def pull(self) -> Pull:
        return Pull(self.alpha, remembers=True)

    def weight(self, update: Update) -> float:
        return float(update.weight > 0)

    def finish(self, mean: Vector, before: Before, *, weight: float) -> Aggregate:
        share = weight / (before.sites or weight)
        state: Vector = {}
        memory: Vector = {}
        for name, value in mean.items():
            start = before.start[name].astype(np.float64)
            h = before.memory.get(f"h/{name}", np.zeros_like(start)) - self.alpha * share * (value - start)
            memory[f"h/{name}"], state[name] = h, value - h / self.alpha
        return Aggregate(as_state(state), as_state(memory))
