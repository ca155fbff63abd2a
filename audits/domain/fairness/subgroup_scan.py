"""A scan for harm to subgroups that nobody named (multi-dimensional subset scan), with an honest price for searching.

For each kind of harm all describable subgroups are scored by the likelihood ratio of "this subgroup is harmed more
often than everybody" [1]_. The best of thousands always looks bad, so two things stand beside it: a p-value for the
best score, from the same search over patients whose harm was dealt out anew at random, and bounds of the excess that
hold for all subgroups at once. The verdict rests on the bounds alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.simulation import Draws, simulate
from audits.domain.fairness.subgroups import Subgroups, subgroups, words
from audits.domain.verdict import Verdict
from federation.domain.data.dataset import Task
from federation.domain.group_rates import CLASSIFICATION_METRICS, SEGMENTATION_METRICS, Cell, Sums
from federation.domain.intervals import squared_error

Floats = NDArray[np.float64]
# The harm, the metric that counts it, and whether a low rate is the harm.
HARMS = {
    "classification": (("missed though ill", "tpr", True), ("flagged though healthy", "fpr", False)),
    "segmentation": (("lesion outlined wrongly (1 - Dice)", "dice", True),),
}
_CHUNK = 1000  # subgroups simulated at once


@dataclass(frozen=True)
class Finding:
    """The worst subgroup of one harm.

    Attributes
    ----------
    subgroup : str
        In words; "" where no subgroup is harmed more often than everybody.
    n, rate : patients of the subgroup for whom the harm can happen, and the share harmed (in [0, 1])
    n_rest, rate_rest : of everybody else
    excess, lower, upper : rate - rate_rest, in [-1, 1]
        Bounds hold for all subgroups and harms at once.
    score : float, >= 0
        Log likelihood ratio, as AIF360's Bernoulli scan gives it; 0 is no excess.
    p : float in (0, 1]
        How often a search as wide finds so high a score when harm falls at random.
    """

    harm: str
    subgroup: str
    n: int
    rate: float | None
    n_rest: int
    rate_rest: float | None
    excess: float | None
    lower: float | None
    upper: float | None
    score: float
    p: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Scan:
    """What the search found.

    Attributes
    ----------
    lower, upper : float or None
        The largest lower and upper bound of the excess over all subgroups and harms; None if nothing could be searched.
    findings : by harm, the subgroup with the highest score
    widest : by harm, the subgroup whose upper bound is highest
    searched : mapping of harm to int
        Subgroups with enough patients on both sides.
    distinct, crossed : subgroups of any size, and how many attributes were crossed at most
    """

    verdict: Verdict
    excess: float | None
    lower: float | None
    upper: float | None
    findings: tuple[Finding, ...]
    widest: tuple[Finding, ...]
    searched: dict[str, int]
    distinct: int
    crossed: int
    quantile: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict.value}


@dataclass(frozen=True)
class _Harm:
    """One harm in all subgroups that are large enough; arrays of shape (k,) unless said otherwise."""

    name: str
    metric: str
    low: bool
    rows: NDArray[np.int64]  # which subgroups
    members: Floats  # (k, n_cells), 0 or 1
    n_cells: Floats  # patients by cell
    harmed_cells: Floats
    n: Floats
    harmed: Floats
    error: Floats  # standard error of the excess

    @property
    def excess(self) -> Floats:
        rest = self.n_cells.sum() - self.n
        return self.harmed / self.n - (self.harmed_cells.sum() - self.harmed) / rest


def subgroup_scan(
    cells: Sequence[Cell],
    *,
    task: Task,
    threshold: float = 0.1,
    confidence: float = 0.95,
    min_count: int = 30,
    replicates: int = 499,
    draws: int = 1000,
    seed: int,
) -> Scan:
    """Search all describable subgroups for harm.

    Parameters
    ----------
    cells : sequence of Cell
        From all sites; disjoint.
    threshold : float in (0, 1)
        The largest tolerated excess of harm in a subgroup over everybody else.
    min_count : int
        Fewest patients for whom the harm can happen, inside and outside a subgroup, for it to be searched.
    replicates : int
        Searches over randomly dealt harm, for p.
    draws : int
        Simulated repetitions of the audit, for the bounds.

    Returns
    -------
    Scan
        FAIL if some lower bound is over the threshold, PASS if every upper bound is at most the threshold for every
        harm, NOT_ASSESSABLE if nothing could be searched.

    References
    ----------
    .. [1] Zhang and Neill, Identifying significant predictive bias in classifiers, arXiv:1611.08292.
    """
    if not 0 < threshold < 1 or not 0 < confidence < 1:
        raise ValueError(f"expected threshold and confidence in (0, 1), got {threshold} and {confidence}")
    cells = sorted(cells, key=lambda cell: (cell.site, sorted(cell.attributes.items())))
    found, binary = subgroups(cells), task == "classification"
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2)]
    harms = [_harm(cells, found, *harm, binary, min_count) for harm in HARMS[task]]
    searched = {harm.name: len(harm.rows) for harm in harms}
    usable = [harm for harm in harms if len(harm.rows)]
    if not usable:
        empty = (searched, len(found.conditions), found.crossed, None)
        return Scan(Verdict.NOT_ASSESSABLE, None, None, None, (), (), *empty)
    quantile = _quantile(cells, usable, task, confidence, draws, streams[0])
    lower = max(float((harm.excess - quantile * harm.error).max()) for harm in usable)
    upper = max(float((harm.excess + quantile * harm.error).max()) for harm in usable)
    told = [_worst_of(found, harm, quantile, binary, replicates, streams[1]) for harm in usable]
    return Scan(
        _verdict(lower, upper, threshold, complete=len(usable) == len(harms)),
        max(float(harm.excess.max()) for harm in usable), lower, upper,
        tuple(best for best, _ in told), tuple(widest for _, widest in told),
        searched, len(found.conditions), found.crossed, quantile,
    )  # fmt: skip


def _worst_of(
    found: Subgroups, harm: _Harm, quantile: float, binary: bool, replicates: int, rng: np.random.Generator
) -> tuple[Finding, Finding]:
    """Of one harm, the subgroup with the highest score (nameless if none scores), and the one of the highest bound."""
    scores = _scores(harm, harm.harmed, binary)
    p = _p_value(harm, float(scores.max()), binary, replicates, rng)
    best = _finding(found, harm, int(scores.argmax()), float(scores.max()), p, quantile)
    far = int((harm.excess + quantile * harm.error).argmax())
    widest = _finding(found, harm, far, float(scores[far]), p, quantile)
    return best if best.score > 0 else replace(best, subgroup=""), widest


def _verdict(lower: float, upper: float, threshold: float, *, complete: bool) -> Verdict:
    """`complete`: every harm could be searched, without which nothing passes."""
    if lower > threshold:
        return Verdict.FAIL
    return Verdict.PASS if upper <= threshold and complete else Verdict.INCONCLUSIVE


def _harm(
    cells: Sequence[Cell], found: Subgroups, name: str, metric: str, low: bool, binary: bool, min_count: int
) -> _Harm:
    none = Sums(0, 0.0, 0.0)
    sums = [cell.metrics.get(metric, none) for cell in cells]
    n = np.array([row.n for row in sums], dtype=float)
    total = np.array([row.total for row in sums], dtype=float)
    squares = np.array([row.total_sq for row in sums], dtype=float)
    if low:  # 1 - value
        total, squares = n - total, n - 2 * total + squares
    members = found.members.astype(float)
    inside = members @ n
    rows = np.flatnonzero((inside >= min_count) & (n.sum() - inside >= min_count))
    members, inside = members[rows], inside[rows]
    harmed, squared = members @ total, members @ squares
    error = squared_error(inside, harmed, squared, binary=binary)
    rest = n.sum() - inside
    error = error + squared_error(rest, total.sum() - harmed, squares.sum() - squared, binary=binary)
    return _Harm(name, metric, low, rows, members, n, total, inside, harmed, np.sqrt(error))


def _scores(harm: _Harm, harmed: Floats, binary: bool) -> Floats:
    """Log likelihood ratio of an excess, by subgroup; `harmed` has shape (..., k)."""
    whole = harm.harmed_cells.sum() / harm.n_cells.sum()
    rate = harmed / harm.n
    if not binary:  # normal means with the spread of a yes/no harm, the largest that values in [0, 1] can have
        spread = max(whole * (1 - whole), 1e-12)
        return np.where(rate > whole, harm.n * (rate - whole) ** 2 / (2 * spread), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = harmed * np.log(rate / whole)
        kept = (harm.n - harmed) * np.log((1 - rate) / (1 - whole))
    return np.where(rate > whole, np.nan_to_num(found) + np.nan_to_num(kept, neginf=0.0), 0.0)


def _p_value(harm: _Harm, observed: float, binary: bool, replicates: int, rng: np.random.Generator) -> float:
    """Share of searches over randomly dealt harm that score as high; with the observed one among them, never 0."""
    n = harm.n_cells.astype(np.int64)
    if binary:  # dealing harm to patients at random is a draw without replacement, exact from the counts
        total = round(float(harm.harmed_cells.sum()))
        dealt = rng.multivariate_hypergeometric(n, total, size=replicates, method="marginals").astype(float)
    else:
        whole = harm.harmed_cells.sum() / n.sum()
        noise = rng.standard_normal((replicates, len(n))) * np.sqrt(_spread(harm) * n)
        dealt = whole * n + noise - noise.sum(axis=1, keepdims=True) * n / n.sum()
    as_high = sum(
        int((_scores(harm, part @ harm.members.T, binary).max(axis=1) >= observed - 1e-9).sum())
        for part in np.array_split(dealt, max(1, replicates * len(harm.rows) // 2_000_000))
    )
    return (1 + as_high) / (1 + replicates)


def _spread(harm: _Harm) -> float:
    """Variance of a continuous harm among all patients, from the standard error of the largest subgroup."""
    k = int(harm.n.argmax())
    inside, outside = harm.n[k], harm.n_cells.sum() - harm.n[k]
    return float(harm.error[k] ** 2 / (1 / inside + 1 / outside))


def _quantile(
    cells: Sequence[Cell],
    harms: Sequence[_Harm],
    task: Task,
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> float:
    """How many standard errors hold the excess of all subgroups and harms at once; as in the bias score."""
    metrics = CLASSIFICATION_METRICS if task == "classification" else SEGMENTATION_METRICS
    simulated = simulate(cells, metrics, binary=task == "classification", draws=draws, rng=rng)
    counts, normal = np.zeros(draws), np.zeros(draws)
    for harm in harms:
        for members in _parts(harm.members):
            deviations, noises = _deviations(simulated[harm.metric], members)
            np.maximum(counts, deviations.max(axis=1), out=counts)
            np.maximum(normal, noises.max(axis=1), out=normal)
    return max(float(np.quantile(largest, confidence, method="higher")) for largest in (counts, normal))


def _parts(members: Floats) -> Iterator[Floats]:
    for start in range(0, len(members), _CHUNK):
        yield members[start : start + _CHUNK]


def _deviations(drawn: Draws, members: Floats) -> tuple[Floats, Floats]:
    """|t| of each subgroup's excess in each draw, from counts and from normal noise; shape (draws, k)."""
    n = members @ drawn.n
    rest = drawn.n.sum() - n
    total, squares = drawn.total @ members.T, drawn.total_sq @ members.T
    whole, whole_sq = drawn.total.sum(axis=1, keepdims=True), drawn.total_sq.sum(axis=1, keepdims=True)
    error = squared_error(n, total, squares, binary=drawn.binary)
    error += squared_error(rest, whole - total, whole_sq - squares, binary=drawn.binary)
    centre = members @ drawn.centre
    expected = centre / n - (drawn.centre.sum() - centre) / rest
    moved = np.abs(total / n - (whole - total) / rest - expected) / np.sqrt(error)
    noise = drawn.noise @ members.T
    all_noise = drawn.noise.sum(axis=1, keepdims=True)
    spread = members @ drawn.spread
    scale = np.sqrt(spread / n**2 + (drawn.spread.sum() - spread) / rest**2)
    return moved, np.abs(noise / n - (all_noise - noise) / rest) / scale


def _finding(found: Subgroups, harm: _Harm, k: int, score: float, p: float, quantile: float) -> Finding:
    n, rest = harm.n[k], harm.n_cells.sum() - harm.n[k]
    excess, reach = float(harm.excess[k]), float(quantile * harm.error[k])
    return Finding(
        harm.name, words(found.conditions[int(harm.rows[k])]), int(n), float(harm.harmed[k] / n),
        int(rest), float((harm.harmed_cells.sum() - harm.harmed[k]) / rest), excess, max(-1.0, excess - reach),
        min(1.0, excess + reach), score, p,
    )  # fmt: skip
