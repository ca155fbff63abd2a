"""From cells to gaps with bounds, and from bounds to a verdict, whichever way the bounds are found.

`judged` compares groups within each family on each metric. How far the bounds of a gap reach is left to a `Bounds`:
simulated from the sites' sums (`bias_score`) or resampled by patient (`bootstrap`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.bias_result import AttributeVerdict, BiasScore, Gap, words
from audits.domain.fairness.group_table import group_rates
from audits.domain.fairness.groups import Comparable, Group, by_site, comparable, families, small_sites, sums_of
from audits.domain.verdict import Verdict
from federation.domain.data.dataset import Task
from federation.domain.group_rates import CLASSIFICATION_METRICS, SEGMENTATION_METRICS, Cell, Sums

Counts = Mapping[str, NDArray[np.int64]]  # metric to patients by cell, shape (n_cells,)


@dataclass(frozen=True)
class Rules:
    """What a bias audit holds gaps against; see `bias_score.bias_score`."""

    task: Task
    threshold: float
    confidence: float
    min_count: int
    min_patients_site: int
    draws: int
    seed: int

    def __post_init__(self) -> None:
        if self.task not in ("classification", "segmentation"):
            raise ValueError(f"expected task 'classification' or 'segmentation', got {self.task!r}")
        if not 0 < self.threshold < 1 or not 0 < self.confidence < 1:
            raise ValueError(f"expected threshold and confidence in (0, 1), got {self.threshold} and {self.confidence}")
        if self.draws < 200:
            raise ValueError(f"expected at least 200 draws for a stable quantile, got {self.draws}")

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that gate."""
        return CLASSIFICATION_METRICS if self.task == "classification" else SEGMENTATION_METRICS


@dataclass(frozen=True)
class Pair:
    """Two groups compared on one metric; `difference` is the rate of `a` minus the rate of `b`."""

    metric: str
    a: Group
    b: Group
    sums_a: Sums
    sums_b: Sums

    @property
    def difference(self) -> float:
        return self.sums_a.total / self.sums_a.n - self.sums_b.total / self.sums_b.n


class Bounds(Protocol):
    """How uncertain gaps and rates are."""

    def reaches(
        self, pairs: Sequence[Pair], metrics: Sequence[str], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], float]:
        """How far the bounds of each pair reach to each side if all are to hold at once, and in standard errors."""
        ...

    def interval(self, group: Group, metric: str, sums: Sums) -> tuple[float, float]:
        """Two-sided interval in [0, 1] for the rate of one group alone; `sums` counts at least one patient."""
        ...


def judged(cells: Sequence[Cell], rules: Rules, bounds: Bounds, counts: Counts) -> BiasScore:
    """Compare all groups, and judge the largest gap from its bounds.

    Raises
    ------
    ValueError
        If a site and combination of attributes comes twice.
    """
    _disjoint(cells)
    small = small_sites(cells, min_patients=rules.min_patients_site)
    by_family = families(cells)
    outside = np.array([cell.site in {row.site for row in small} for cell in cells], dtype=bool)
    chosen = {
        (name, metric): comparable(
            _assessable(groups, outside), counts[metric], metric=metric, min_count=rules.min_count
        )
        for name, groups in by_family.items()
        for metric in (*rules.metrics, "selection_rate")
    }
    gated = {key: value for key, value in chosen.items() if key[1] != "selection_rate"}
    informal = {key: value for key, value in chosen.items() if key[1] == "selection_rate"}

    rng_gate, rng_info = (np.random.default_rng(s) for s in np.random.SeedSequence(rules.seed).spawn(2))
    gaps, quantile = _gaps(cells, gated, rules.metrics, rules.task, bounds, rng_gate)
    selection, _ = _gaps(cells, informal, ("selection_rate",), rules.task, bounds, rng_info)
    table = group_rates(
        cells, by_family, chosen, (*rules.metrics, "selection_rate"), rules.task, rules.confidence, bounds
    )
    attributes = tuple(_attribute(name, gaps, rules) for name in by_family)
    verdict = _verdict(gaps, attributes, rules.threshold)
    worst = max(gaps, key=lambda gap: gap.value, default=None)
    unknown = {(group.family, group.name) for groups in by_family.values() for group in groups if group.unknown}
    lower = max((gap.lower for gap in gaps), default=None)
    upper = max((gap.upper for gap in gaps), default=None)
    return BiasScore(
        rules.task, verdict, worst.value if worst else None, lower, upper, rules.threshold, rules.confidence, quantile,
        rules.draws, rules.seed, rules.metrics, worst, table, gaps, attributes, selection,
        tuple(row for value in gated.values() for row in value.small),
        tuple(row for row in table if (row.attribute, row.group) in unknown), small,
        _sentences(verdict, worst, lower, upper, rules, attributes),
    )  # fmt: skip


def patients_of(cells: Sequence[Cell], metrics: Sequence[str]) -> Counts:
    """How many patients of each cell count for each metric."""
    none = Sums(0, 0.0, 0.0)
    return {m: np.array([cell.metrics.get(m, none).n for cell in cells], dtype=np.int64) for m in metrics}


def _disjoint(cells: Sequence[Cell]) -> None:
    keys = [(cell.site, tuple(sorted(cell.attributes.items()))) for cell in cells]
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"expected disjoint cells, got {twice} twice. Send each site's cells once")


def _assessable(groups: Sequence[Group], outside: NDArray[np.bool_]) -> tuple[Group, ...]:
    """Without the groups that stand for a site that is too small to stand beside the others."""
    return tuple(g for g in groups if not by_site(g.family) or not outside[g.members].all())


def _gaps(
    cells: Sequence[Cell],
    chosen: Mapping[tuple[str, str], Comparable],
    metrics: Sequence[str],
    task: Task,
    bounds: Bounds,
    rng: np.random.Generator,
) -> tuple[tuple[Gap, ...], float | None]:
    """All pairs with bounds that hold together, and the quantile of the largest |t| that makes them do so."""
    pairs = []
    for (_, metric), value in chosen.items():
        sums = [sums_of(cells, group, metric) for group in value.groups]
        both = combinations(zip(value.groups, sums, strict=True), 2)
        pairs += [Pair(metric, a, b, sums_a, sums_b) for (a, sums_a), (b, sums_b) in both if a.compares_with(b)]
    if not pairs:
        return (), None
    reaches, quantile = bounds.reaches(pairs, metrics, rng)
    return tuple(_gap(pair, float(reach), task) for pair, reach in zip(pairs, reaches, strict=True)), quantile


def _gap(pair: Pair, reach: float, task: Task) -> Gap:
    high, low = (pair.a, pair.sums_a), (pair.b, pair.sums_b)
    if pair.difference < 0:
        high, low = low, high
    value = abs(pair.difference)
    lower, upper = max(0.0, value - reach), min(1.0, value + reach)
    rate_high, rate_low = high[1].total / high[1].n, low[1].total / low[1].n
    sentence = (
        f"{words(task, pair.metric).capitalize()}: {rate_high:.3f} for {pair.a.family} = {high[0].name} "
        f"(n = {high[1].n}) and {rate_low:.3f} for {low[0].name} (n = {low[1].n}); the gap is {value:.3f}, and lies "
        f"between {lower:.3f} and {upper:.3f}."
    )
    return Gap(
        pair.a.family, pair.metric, high[0].name, low[0].name, high[1].n, low[1].n, rate_high, rate_low, value, lower,
        upper, sentence,
    )  # fmt: skip


def _from_bounds(gaps: Sequence[Gap], threshold: float) -> Verdict:
    if not gaps:
        return Verdict.NOT_ASSESSABLE
    if max(gap.lower for gap in gaps) > threshold:
        return Verdict.FAIL
    return Verdict.PASS if max(gap.upper for gap in gaps) <= threshold else Verdict.INCONCLUSIVE


def _attribute(name: str, gaps: Sequence[Gap], rules: Rules) -> AttributeVerdict:
    own = [gap for gap in gaps if gap.attribute == name]
    untested = tuple(metric for metric in rules.metrics if metric not in {gap.metric for gap in own})
    verdict = _from_bounds(own, rules.threshold)
    if verdict is Verdict.PASS and untested:
        verdict = Verdict.INCONCLUSIVE
    return AttributeVerdict(
        name,
        verdict,
        max((gap.value for gap in own), default=None),
        max((gap.lower for gap in own), default=None),
        max((gap.upper for gap in own), default=None),
        untested,
    )


def _verdict(gaps: Sequence[Gap], attributes: Sequence[AttributeVerdict], threshold: float) -> Verdict:
    """A PASS also needs one attribute of the patients themselves, assessed on every gated metric."""
    verdict = _from_bounds(gaps, threshold)
    covered = any(not row.untested_metrics for row in attributes if not by_site(row.attribute))
    return Verdict.INCONCLUSIVE if verdict is Verdict.PASS and not covered else verdict


def _sentences(
    verdict: Verdict,
    worst: Gap | None,
    lower: float | None,
    upper: float | None,
    rules: Rules,
    attributes: Sequence[AttributeVerdict],
) -> tuple[str, ...]:
    if worst is None:
        return (f"No two groups were large enough to compare. {verdict.explanation}",)
    out = [
        f"The bias score is {worst.value:.3f}: the largest gap seen between two groups. With {rules.confidence:.0%} "
        f"confidence the true score lies between {lower:.3f} and {upper:.3f}; at most {rules.threshold:.3f} is "
        "tolerated.",
        worst.sentence,
        verdict.explanation,
    ]
    if upper is not None and upper <= rules.threshold and verdict is not Verdict.PASS:
        out.append("All gaps are small, but no attribute of the patients could be tested on every metric.")
    return (*out, *(row.sentence for row in attributes))
