"""Median: for every number, the middle one of the sites' values. Fewer than half of the sites may lie.

References
----------
.. [1] Yin et al., "Byzantine-robust distributed learning: towards optimal statistical rates", ICML 2018,
   arXiv:1803.01498.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.domain.strategies.base import SingleRule, Vector


@dataclass(frozen=True)
class Median(SingleRule):
    name = "median"
    title = "Median"
    words = "each number is the middle one of the sites' values, all with the same weight"
    paper = "Yin et al., ICML 2018, arXiv:1803.01498"

    @property
    def fewest(self) -> int:
        return 3

    def choose(self, stacked: Vector, keys: Sequence[str]) -> tuple[Vector, dict[str, str]]:
        return {name: np.median(value, axis=0) for name, value in stacked.items()}, {}
