"""FedProx: averaging, while a spring holds each site's training near the weights that the round started from.

Sites with unlike patients drift apart between two averages; the proximal term ``mu/2 |w - start|²`` in each site's loss
bounds how far. It touches no patient, so under differential privacy it costs nothing.

References
----------
.. [1] Li et al., "Federated optimization in heterogeneous networks", MLSys 2020, arXiv:1812.06127.
"""

from __future__ import annotations

from dataclasses import dataclass

from federation.domain.strategies.base import Pull, option
from federation.domain.strategies.fedavg import FedAvg


@dataclass(frozen=True)
class FedProx(FedAvg):
    name = "fedprox"
    title = "FedProx"
    words = "sites are held near the common weights while they train; updates are averaged, weighted by patients"
    paper = "Li et al., MLSys 2020, arXiv:1812.06127"

    mu: float = option(0.1, "Strength of the proximal term.", low=0.0, high=100.0)

    @property
    def pull(self) -> Pull:
        return Pull(self.mu)
