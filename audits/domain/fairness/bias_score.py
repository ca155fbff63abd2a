"""The bias score: the largest gap between groups of patients, with simultaneous bounds, judged from the bounds.

    S = max over metrics, attributes and pairs of groups of |rate(g) - rate(h)|

A point rule "S > 0.1" would condemn a perfectly fair model with 4 groups of 100 diseased patients 17 % of the time.
Hence bounds that hold for all pairs and metrics at once (single-step max-t, so the chance of any wrong bound is at most
1 - confidence): FAIL if the lower bound of S is over the threshold, PASS if the upper bound is not, else INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.bias_result import AttributeVerdict, BiasScore, Gap, words
from audits.domain.fairness.group_table import group_rates
from audits.domain.fairness.groups import SITE, Comparable, Group, comparable, families, small_sites, sums_of
from audits.domain.fairness.simulation import Draws, GroupDraws, observed_error, simulate
from audits.domain.verdict import Verdict
from federation.domain.data.dataset import Task
from federation.domain.group_rates import CLASSIFICATION_METRICS, SEGMENTATION_METRICS, Cell, Sums


@dataclass(frozen=True)
class _Pair:
    """Two groups compared on one metric: d is the difference of their rates, and its standard error."""

    metric: str
    a: Group
    b: Group
    sums_a: Sums
    sums_b: Sums
    difference: float
    error: float


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
    _check(cells, task, threshold, confidence, draws)
    cells = sorted(cells, key=lambda cell: (cell.site, sorted(cell.attributes.items())))
    metrics = CLASSIFICATION_METRICS if task == "classification" else SEGMENTATION_METRICS
    binary = task == "classification"
    small = small_sites(cells, min_patients=min_patients_site)
    by_family = families(cells)
    assessable = {name: _without(groups, {s.site for s in small}, name) for name, groups in by_family.items()}
    chosen = {
        (name, metric): comparable(groups, _counts(cells, metric), metric=metric, min_count=min_count)
        for name, groups in assessable.items()
        for metric in (*metrics, "selection_rate")
    }
    gated = {key: value for key, value in chosen.items() if key[1] != "selection_rate"}
    informal = {key: value for key, value in chosen.items() if key[1] == "selection_rate"}

    rng_gate, rng_info = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    gaps, quantile = _gaps(cells, gated, metrics, task, binary, confidence, draws, rng_gate)
    selection, _ = _gaps(cells, informal, ("selection_rate",), task, True, confidence, draws, rng_info)
    table = group_rates(cells, by_family, chosen, (*metrics, "selection_rate"), task, confidence)
    attributes = tuple(_attribute(name, gaps, metrics, threshold) for name in by_family)
    verdict = _verdict(gaps, attributes, threshold)
    worst = max(gaps, key=lambda gap: gap.value, default=None)
    untestable = tuple(row for value in gated.values() for row in value.small)
    unknown = tuple(row for row in table if not row.compared and row.group in _unknown_names(by_family, row.attribute))
    lower = max((gap.lower for gap in gaps), default=None)
    upper = max((gap.upper for gap in gaps), default=None)
    sentences = _sentences(verdict, worst, lower, upper, threshold, confidence, attributes)
    return BiasScore(
        task, verdict, worst.value if worst else None, lower, upper, threshold, confidence, quantile, draws, seed,
        tuple(metrics), worst, table, gaps, attributes, selection, untestable, unknown, small, sentences,
    )  # fmt: skip


def _check(cells: Sequence[Cell], task: str, threshold: float, confidence: float, draws: int) -> None:
    if task not in ("classification", "segmentation"):
        raise ValueError(f"expected task 'classification' or 'segmentation', got {task!r}")
    if not 0 < threshold < 1 or not 0 < confidence < 1:
        raise ValueError(f"expected threshold and confidence in (0, 1), got {threshold} and {confidence}")
    if draws < 200:
        raise ValueError(f"expected at least 200 draws for a stable quantile, got {draws}")
    keys = [(cell.site, tuple(sorted(cell.attributes.items()))) for cell in cells]
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"expected disjoint cells, got {twice} twice. Send each site's cells once")


def _without(groups: Sequence[Group], sites: set[str], family: str) -> tuple[Group, ...]:
    return tuple(group for group in groups if family != SITE or group.name not in sites)


def _counts(cells: Sequence[Cell], metric: str) -> NDArray[np.int64]:
    return np.array([cell.metrics[metric].n if metric in cell.metrics else 0 for cell in cells], dtype=np.int64)


def _gaps(
    cells: Sequence[Cell],
    chosen: Mapping[tuple[str, str], Comparable],
    metrics: Sequence[str],
    task: Task,
    binary: bool,
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> tuple[tuple[Gap, ...], float | None]:
    """All pairs with bounds that hold together, and the quantile of the largest |t| that makes them do so."""
    pairs = [
        _pair(cells, metric, a, b, binary)
        for (_, metric), value in chosen.items()
        for a, b in combinations(value.groups, 2)
    ]
    if not pairs:
        return (), None
    simulated = simulate(cells, metrics, binary=binary, draws=draws, rng=rng)
    quantile = _quantile(pairs, simulated, draws, confidence)
    return tuple(_gap(pair, quantile, task) for pair in pairs), quantile


def _pair(cells: Sequence[Cell], metric: str, a: Group, b: Group, binary: bool) -> _Pair:
    sums_a, sums_b = sums_of(cells, a, metric), sums_of(cells, b, metric)
    error = np.sqrt(observed_error(sums_a, binary=binary) + observed_error(sums_b, binary=binary))
    return _Pair(metric, a, b, sums_a, sums_b, sums_a.total / sums_a.n - sums_b.total / sums_b.n, float(error))


def _quantile(pairs: Sequence[_Pair], simulated: Mapping[str, Draws], draws: int, confidence: float) -> float:
    """How many standard errors hold all deviations at once.

    The larger of two answers: from the simulated counts, which know their skewness, and from normal noise with the
    same correlations, which does not collapse where counts hardly ever change (0/n in every group).
    """
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
    return max(float(np.quantile(largest, confidence, method="higher")) for largest in (counts, normal))


def _gap(pair: _Pair, quantile: float, task: Task) -> Gap:
    high, low = (pair.a, pair.sums_a), (pair.b, pair.sums_b)
    if pair.difference < 0:
        high, low = low, high
    value, reach = abs(pair.difference), quantile * pair.error
    lower, upper = max(0.0, value - reach), min(1.0, value + reach)
    rate_high, rate_low = high[1].total / high[1].n, low[1].total / low[1].n
    family = "site" if pair.a.family == SITE else pair.a.family
    sentence = (
        f"{words(task, pair.metric).capitalize()}: {rate_high:.3f} for {family} = {high[0].name} (n = {high[1].n}) and "
        f"{rate_low:.3f} for {low[0].name} (n = {low[1].n}); the gap is {value:.3f}, and lies between {lower:.3f} and "
        f"{upper:.3f}."
    )
    return Gap(
        pair.a.family, pair.metric, high[0].name, low[0].name, high[1].n, low[1].n, rate_high, rate_low, value, lower,
        upper, sentence,
    )  # fmt: skip


def _unknown_names(by_family: Mapping[str, Sequence[Group]], family: str) -> set[str]:
    return {group.name for group in by_family[family] if group.unknown}


def _from_bounds(gaps: Sequence[Gap], threshold: float) -> Verdict:
    if not gaps:
        return Verdict.NOT_ASSESSABLE
    if max(gap.lower for gap in gaps) > threshold:
        return Verdict.FAIL
    return Verdict.PASS if max(gap.upper for gap in gaps) <= threshold else Verdict.INCONCLUSIVE


def _attribute(name: str, gaps: Sequence[Gap], metrics: Sequence[str], threshold: float) -> AttributeVerdict:
    own = [gap for gap in gaps if gap.attribute == name]
    untested = tuple(metric for metric in metrics if metric not in {gap.metric for gap in own})
    verdict = _from_bounds(own, threshold)
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
    covered = any(not row.untested_metrics for row in attributes if row.attribute != SITE)
    return Verdict.INCONCLUSIVE if verdict is Verdict.PASS and not covered else verdict


def _sentences(
    verdict: Verdict,
    worst: Gap | None,
    lower: float | None,
    upper: float | None,
    threshold: float,
    confidence: float,
    attributes: Sequence[AttributeVerdict],
) -> tuple[str, ...]:
    if worst is None:
        return (f"No two groups were large enough to compare. {verdict.explanation}",)
    out = [
        f"The bias score is {worst.value:.3f}: the largest gap seen between two groups. With {confidence:.0%} "
        f"confidence the true score lies between {lower:.3f} and {upper:.3f}; at most {threshold:.3f} is tolerated.",
        worst.sentence,
        verdict.explanation,
    ]
    if upper is not None and upper <= threshold and verdict is not Verdict.PASS:
        out.append("All gaps are small, but no attribute of the patients could be tested on every metric.")
    return (*out, *(row.sentence for row in attributes))
