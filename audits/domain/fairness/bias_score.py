"""The bias score: the largest gap between groups of patients, with simultaneous bounds, judged from the bounds.

    S = max over metrics, attributes and pairs of groups of |rate(g) - rate(h)|

A point rule "S > 0.1" would condemn a perfectly fair model with 4 groups of 100 diseased patients 17 % of the time.
Hence bounds that hold for all pairs and metrics at once (single-step max-t, so the chance of any wrong bound is at most
1 - confidence): FAIL if the lower bound of S is over the threshold, PASS if the upper bound is not, else INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.bias_result import BiasScore
from audits.domain.fairness.gaps import Pair, Rules, judged, patients_of
from audits.domain.fairness.group_table import interval
from audits.domain.fairness.groups import Group
from audits.domain.fairness.simulation import GroupDraws, observed_error, simulate
from federation.domain.data.dataset import Task
from federation.domain.group_rates import Cell, Sums


def bias_score(
    cells: Sequence[Cell],
    *,
    task: Task,
    threshold: float = 0.1,
    confidence: float = 0.95,
    min_count: int = 30,
    min_patients_site: int = 20,
    draws: int = 2000,
    seed: int,
) -> BiasScore:
    """Largest group gap in any gated metric, with simultaneous bounds and a verdict.

    Parameters
    ----------
    cells : sequence of Cell
        From all sites; disjoint (each site and combination of attributes once).
    task : "classification" or "segmentation"
        Gates TPR, FPR and accuracy, or Dice, voxel TPR and voxel FPR.
    threshold : float in (0, 1)
        The largest tolerated gap.
    confidence : float in (0, 1)
        Probability that all bounds hold at once.
    min_count : int
        Fewest patients, per group and metric, to be compared.
    min_patients_site : int
        Fewest patients for a site to be compared with other sites.
    draws, seed : int
        Simulation size and seed; the same cells and seed give the same result.

    Returns
    -------
    BiasScore

    Raises
    ------
    ValueError
        On an unknown task, a parameter out of range, or cells that overlap.

    References
    ----------
    .. [1] Hothorn, Bretz and Westfall, Biometrical Journal 50 (2008), 346-363 (max-t).
    .. [2] Seyyed-Kalantari et al., Nature Medicine 27 (2021), 2176-2182 (intersectional underdiagnosis).
    """
    rules = Rules(task, threshold, confidence, min_count, min_patients_site, draws, seed)
    cells = sorted(cells, key=lambda cell: (cell.site, sorted(cell.attributes.items())))
    return judged(cells, rules, _Simulated(cells, rules), patients_of(cells, (*rules.metrics, "selection_rate")))


@dataclass(frozen=True)
class _Simulated:
    """Bounds from simulated repetitions of the audit; the platform has sums and no patients to resample."""

    cells: Sequence[Cell]
    rules: Rules

    def _binary(self, metric: str) -> bool:
        return self.rules.task == "classification" or metric == "selection_rate"

    def interval(self, group: Group, metric: str, sums: Sums) -> tuple[float, float]:
        return interval(sums, self.rules.confidence, self._binary(metric))

    def reaches(
        self, pairs: Sequence[Pair], metrics: Sequence[str], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], float]:
        """Standard errors times the quantile that holds all deviations at once.

        That quantile is the larger of two: from the simulated counts, which know their skewness, and from normal noise
        with the same correlations, which does not collapse where counts hardly ever change (0/n in every group).
        """
        binary, draws = self._binary(metrics[0]), self.rules.draws
        simulated = simulate(self.cells, metrics, binary=binary, draws=draws, rng=rng)
        counts, normal = np.zeros(draws), np.zeros(draws)
        known: dict[tuple[str, str, str], GroupDraws] = {}
        for pair in pairs:
            for group in (pair.a, pair.b):
                key = (pair.metric, group.family, group.name)
                if key not in known:
                    known[key] = simulated[pair.metric].of(group)
            a, b = (known[pair.metric, group.family, group.name] for group in (pair.a, pair.b))
            deviation = np.abs((a.mean - b.mean) - (a.centre - b.centre))
            np.maximum(counts, deviation / np.sqrt(a.error + b.error), out=counts)
            np.maximum(normal, np.abs(a.noise - b.noise) / np.sqrt(a.noise_error + b.noise_error), out=normal)
        level = self.rules.confidence
        quantile = max(float(np.quantile(largest, level, method="higher")) for largest in (counts, normal))
        errors = [observed_error(p.sums_a, binary=binary) + observed_error(p.sums_b, binary=binary) for p in pairs]
        return quantile * np.sqrt(errors), quantile
