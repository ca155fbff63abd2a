"""QIFA, quantum-inspired federated averaging: rotation angles are averaged on the circle, everything else plainly.

An angle of a rotation gate means the same after a full turn, so the mean of 179° and -179° is 180°, not 0°. The
circular mean is ``atan2(sum w sin a, sum w cos a)`` [1]_: sums of what each site contributes, so it can be masked, at
twice the numbers for the angles. A site weighs its records times its reliability ``exp(-gamma noise)``, after the
noise-damped updates of [2]_; a site that adds no noise has reliability 1.

The name has no settled meaning; this is what it means here. It guards against wrapped angles and promises no better
accuracy: docs/design/federation-strategies.md has the comparison with FedAvg.

References
----------
.. [1] Fisher, "Statistical analysis of circular data", Cambridge University Press, 1993.
.. [2] "SpoQFL", arXiv:2507.12492; angles as circular quantities: "A2G-QFL", arXiv:2512.03363.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from federation.domain.learning.states import State
from federation.domain.strategies.base import Aggregate, Before, SumRule, Update, Vector, as_state, option

LEAST_RESULTANT = 1e-6  # below it the angles point everywhere and have no mean


@dataclass(frozen=True)
class Qifa(SumRule):
    name = "qifa"
    title = "QIFA"
    words = "circuit angles are averaged on the circle and the rest plainly, weighted by patients and low noise"
    paper = "own rule, after arXiv:2507.12492 and arXiv:2512.03363"

    gamma: float = option(1.0, "How much privacy noise lowers a site's weight; 0: not at all.", low=0.0, high=1000.0)

    def weight(self, update: Update) -> float:
        return update.weight * math.exp(-self.gamma * update.noise)

    def contribution(self, state: State, angles: frozenset[str]) -> Vector:
        out: Vector = {}
        for name, value in state.items():
            wide = value.astype(np.float64)
            if name in angles:
                out[f"cos/{name}"], out[f"sin/{name}"] = np.cos(wide), np.sin(wide)
            else:
                out[name] = wide
        return out

    def finish(self, mean: Vector, before: Before, *, weight: float) -> Aggregate:
        state: Vector = {}
        for name, value in before.start.items():
            start = value.astype(np.float64)
            if name in before.angles:
                state[name] = _nearest(mean[f"cos/{name}"], mean[f"sin/{name}"], start)
            else:
                state[name] = mean[name]
        return Aggregate(as_state(state))


def _nearest(cosine: np.ndarray, sine: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The mean angle, by the turn that is nearest to the start; the start where there is no mean."""
    turned = np.arctan2(sine, cosine) - start
    change = (turned + np.pi) % (2 * np.pi) - np.pi
    return np.where(np.hypot(cosine, sine) < LEAST_RESULTANT, start, start + change)
