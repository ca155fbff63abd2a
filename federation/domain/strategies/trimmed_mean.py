"""Trimmed mean: for every number, the smallest and the largest values are left out and the rest is averaged.

References
----------
.. [1] Yin et al., "Byzantine-robust distributed learning: towards optimal statistical rates", ICML 2018,
   arXiv:1803.01498.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.domain.strategies.base import SingleRule, Vector, option


@dataclass(frozen=True)
class TrimmedMean(SingleRule):
    name = "trimmed_mean"
    title = "Trimmed mean"
    words = "for each number the extreme updates are left out and the rest is averaged, all with the same weight"
    paper = "Yin et al., ICML 2018, arXiv:1803.01498"

    trim: int = option(1, "Values left out at either end; as many sites may lie.", low=1, high=50)

    @property
    def fewest(self) -> int:
        return 2 * self.trim + 1

    def choose(self, stacked: Vector, keys: Sequence[str]) -> tuple[Vector, dict[str, str]]:
        return {n: np.sort(v, axis=0)[self.trim : len(keys) - self.trim].mean(axis=0) for n, v in stacked.items()}, {}
