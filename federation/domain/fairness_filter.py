"""The filter against bias before training: how much each patient of a site counts, chosen by a QUBO.

A *stratum* is a group and a label at one site. Its weight is one of ``2**bits`` levels, equally far apart up to
`HEAVIEST`, so that 1 is always one of them; with many strata there are fewer bits. The weights w minimise
``|A w - t|² + PENALTY sum_s p_s (w_s - 1)²``, where p_s is the stratum's share of patients.
The constraints A w = t are linear, so the cost is quadratic in the bits.

parity
    Each group keeps its mass, and the label is as frequent in it as at the whole site. With weights of any size this
    is solved by Reweighing [1]_, ``w = P(group) P(label) / P(group, label)``, whose cost stands beside.
equal_mass
    Each stratum has the same mass. No two strata are coupled, so this is easy for any solver.

Counts and weights stay at the site. What it may tell are the `Figures`, to three digits, of strata that all reach the
minimum cell size.

References
----------
.. [1] Kamiran and Calders, "Data preprocessing techniques for classification without discrimination", Knowledge and
   Information Systems 33, 1 (2012).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import UNKNOWN, SiteData
from federation.domain.fairness_config import FairnessConfig, Figures
from federation.domain.quantum.solvers import annealing, exact, qaoa, vqe
from federation.domain.quantum.solvers.ising import Floats, Qubo
from federation.domain.quantum.solvers.solution import Solution

HEAVIEST = 2.0  # so that 1, which is no weight at all, is a level whatever the bits: in steps of 0.25 with 3
PENALTY = 1e-3  # small: of weights that do equally well, those nearer to 1
MAX_QUBITS = 16
DIGITS = 3


@dataclass(frozen=True)
class Stratum:
    """So many patients of one group who have the label, or have it not."""

    group: str
    label: bool
    n: int


@dataclass(frozen=True, eq=False)
class Weighing:
    """What became of a site's patients: their weights (None: all count the same, and why), and what may be told.

    Figures without weights are of a solver whose weights were no better than none.
    """

    weights: NDArray[np.float64] | None = None
    figures: Figures | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What leaves the site."""
        why = {"reason": self.reason} if self.reason else {}
        return why if self.figures is None else {**self.figures.as_dict(), **why}


def weigh(data: SiteData, config: FairnessConfig, *, seed: int) -> Weighing:
    """Weights of one site's patients, computed at the site from its own strata.

    Parameters
    ----------
    data : SiteData
        Those who are trained on.
    seed : int
        Of the solver.

    Returns
    -------
    Weighing
        The weights have mean 1 over the patients of the strata that are weighed; all others keep 1. None where the
        solver found nothing better than no weights, which small strata and shallow circuits happen to.
    """
    groups = data.groups.get(config.attribute)
    if groups is None:
        return Weighing(reason=f"the site does not know {config.attribute} of its patients")
    labels = labels_of(data)
    strata = strata_of(groups, labels, config)
    if len(strata) < 2 or len(strata) > MAX_QUBITS:
        return Weighing(
            reason=f"weights need 2 to {MAX_QUBITS} strata of at least {config.min_cell} patients at the site"
        )
    chosen, figures = choose(strata, config, seed=seed)
    if cost(strata, config.target, chosen) >= cost(strata, config.target, np.ones(len(strata))):
        return Weighing(None, figures, f"the weights found by {config.solver} are no better than none")
    chosen = chosen / float(_shares(strata) @ chosen)  # mean 1 over those weighed: the others count as they did
    weights = np.ones(data.n_patients)
    for stratum, weight in zip(strata, chosen, strict=True):
        weights[(groups == stratum.group) & (labels == stratum.label)] = weight
    return Weighing(weights, figures)


def labels_of(data: SiteData) -> NDArray[np.bool_]:
    """Whether each patient has the disease, or a lesion in any slice."""
    found = np.zeros(data.n_patients, dtype=np.bool_)
    found[data.patient_index[data.y.reshape(len(data.y), -1).any(axis=1)]] = True
    return found


def strata_of(
    groups: NDArray[np.str_], labels: NDArray[np.bool_], config: FairnessConfig
) -> tuple[Stratum, ...]:  # fmt: skip
    """The strata that are weighed: of known groups, of the minimum size, and for parity with both labels."""
    names = sorted(set(groups.tolist()) - {UNKNOWN})
    found = [
        Stratum(g, label, int(((groups == g) & (labels == label)).sum())) for g in names for label in (True, False)
    ]
    large = [stratum for stratum in found if stratum.n >= config.min_cell]
    if config.target == "parity":
        both = {s.group for s in large if s.label} & {s.group for s in large if not s.label}
        large = [stratum for stratum in large if stratum.group in both]
        if len(both) < 2:  # one group is as the whole site already
            return ()
    return tuple(large)


def constraints(strata: Sequence[Stratum], target: str) -> tuple[Floats, Floats]:
    """A and t of ``A w = t``, in shares of the patients of these strata."""
    share = _shares(strata)
    if target == "equal_mass":
        return np.diag(share), np.full(len(strata), 1 / len(strata))
    ill = np.array([stratum.label for stratum in strata])
    frequency = float(share[ill].sum())
    rows, goals = [], []
    for group in sorted({stratum.group for stratum in strata}):
        mass = share * [stratum.group == group for stratum in strata]
        rows += [mass, mass * np.where(ill, 1 - frequency, -frequency)]
        goals += [float(mass.sum()), 0.0]
    return np.array(rows), np.array(goals)


def cost(strata: Sequence[Stratum], target: str, weights: Floats) -> float:
    """What is minimised, for weights of any size."""
    matrix, goals = constraints(strata, target)
    return float(((matrix @ weights - goals) ** 2).sum() + PENALTY * (_shares(strata) * (weights - 1) ** 2).sum())


def weight_qubo(strata: Sequence[Stratum], target: str, bits: int) -> Qubo:
    """The same cost over bits, `bits` a stratum, of which the first counts least."""
    matrix, goals = constraints(strata, target)
    share, levels, start = _shares(strata), _levels(len(strata), bits), np.full(len(strata), _lightest(bits))
    quadratic = matrix.T @ matrix + PENALTY * np.diag(share)
    linear = -2 * matrix.T @ goals - 2 * PENALTY * share
    return Qubo.of(
        levels.T @ (2 * quadratic @ start + linear), levels.T @ quadratic @ levels,
        cost(strata, target, start),
    )  # fmt: skip


def weights_of(bits: Sequence[int], strata: int) -> Floats:
    """The weight of each stratum that a bit string means."""
    each = len(bits) // strata
    return _lightest(each) + _levels(strata, each) @ np.array(bits, dtype=float)


def reweighing(strata: Sequence[Stratum]) -> Floats:
    """Reweighing's weights, ``P(group) P(label) / P(group, label)``."""
    share = _shares(strata)
    by_group = [sum(share[i] for i, other in enumerate(strata) if other.group == s.group) for s in strata]
    by_label = [sum(share[i] for i, other in enumerate(strata) if other.label == s.label) for s in strata]
    return np.array(by_group) * np.array(by_label) / share


def choose(strata: Sequence[Stratum], config: FairnessConfig, *, seed: int) -> tuple[Floats, Figures]:
    """The weight of each stratum by the solver of the configuration, and its figures with the baselines beside."""
    bits = min(config.bits, MAX_QUBITS // len(strata))
    problem = weight_qubo(strata, config.target, bits)
    solvers: dict[str, Callable[[Qubo], Solution]] = {
        "qaoa": partial(qaoa.solve, seed=seed), "vqe": partial(vqe.solve, seed=seed),
        "annealing": partial(annealing.solve, seed=seed), "exact": exact.solve,
    }  # fmt: skip
    found, best, beside = solvers[config.solver](problem), exact.solve(problem), solvers["annealing"](problem)
    weights = weights_of(found.bits, len(strata))
    figures = Figures(
        config.solver, seed, problem.n_bits, _rounded(found.energy), _rounded(best.energy),
        _rounded(cost(strata, config.target, reweighing(strata))),
        _rounded(cost(strata, config.target, np.ones(len(strata)))),
        _rounded(found.p_optimum), _rounded(found.p_uniform), _rounded(found.ratio), found.shots, found.depth,
        found.backend, _rounded(beside.energy), _rounded(beside.p_optimum),
    )  # fmt: skip
    return weights, figures


def _shares(strata: Sequence[Stratum]) -> Floats:
    counts = np.array([stratum.n for stratum in strata], dtype=float)
    return counts / counts.sum()


def _levels(strata: int, bits: int) -> Floats:
    """What each bit adds to each stratum's weight, shape (strata, strata * bits)."""
    return np.kron(np.eye(strata), _lightest(bits) * 2.0 ** np.arange(bits))


def _lightest(bits: int) -> float:
    """The smallest weight, which is also the distance of the levels."""
    return HEAVIEST / 2**bits


def _rounded(value: float | None) -> float:
    """To three digits: more would tell of the counts. Absent figures are not told as 0.

    Raises
    ------
    ValueError
        If there is none: so few bits are all listed and every draw is allowed, so that would be a fault of a solver.
    """
    if value is None:
        raise ValueError("expected every figure of a solver on so few bits, got none")
    return max(0.0, float(f"{value:.{DIGITS}g}"))
