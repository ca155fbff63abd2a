"""Multi-Krum: the mean of the updates that lie closest to their neighbours; far ones are left out.

References
----------
.. [1] Blanchard et al., "Machine learning with adversaries: Byzantine tolerant gradient descent", NeurIPS 2017,
   arXiv:1703.02757.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.domain.strategies.base import SingleRule, Vector, option


@dataclass(frozen=True)
class Krum(SingleRule):
    name = "krum"
    title = "Multi-Krum"
    words = "only the updates closest to their neighbours are averaged, all with the same weight"
    paper = "Blanchard et al., NeurIPS 2017, arXiv:1703.02757"

    malicious: int = option(1, "Sites that may lie; a round needs twice as many and 3.", low=1, high=50)
    keep: int = option(1, "Updates that are averaged; 1 is Krum itself.", low=1, high=100)

    @property
    def fewest(self) -> int:
        return max(2 * self.malicious + 3, self.keep + self.malicious)

    def choose(self, stacked: Vector, keys: Sequence[str]) -> tuple[Vector, dict[str, str]]:
        flat = np.concatenate([value.reshape(len(keys), -1) for value in stacked.values()], axis=1)
        apart = np.stack([((flat - row) ** 2).sum(axis=1) for row in flat])
        nearest = np.sort(apart, axis=1)[:, 1 : len(keys) - self.malicious - 1]  # without itself
        chosen = np.sort(np.argsort(nearest.sum(axis=1), kind="stable")[: self.keep])
        notes = {key: "not chosen: too far from the others" for i, key in enumerate(keys) if i not in chosen}
        return {name: value[chosen].mean(axis=0) for name, value in stacked.items()}, notes
