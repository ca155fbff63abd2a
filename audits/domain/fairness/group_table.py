"""The table of rates by group that a reader sees beside the gaps: each rate with its count and its own interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from audits.domain.fairness.bias_result import GroupRate, words
from audits.domain.fairness.groups import Comparable, Group, sums_of
from audits.domain.fairness.simulation import observed_error
from federation.domain.data.dataset import Task
from federation.domain.group_rates import Cell, Sums
from federation.domain.intervals import wilson, z_of

if TYPE_CHECKING:
    from audits.domain.fairness.gaps import Bounds


def group_rates(
    cells: Sequence[Cell],
    by_family: Mapping[str, Sequence[Group]],
    chosen: Mapping[tuple[str, str], Comparable],
    metrics: Sequence[str],
    task: Task,
    confidence: float,
    bounds: Bounds,
) -> tuple[GroupRate, ...]:
    """Rates of every group of every family, also of those too small to compare and of unknown ones.

    Intervals hold for one group at a time.
    """
    rows = []
    for name, groups in by_family.items():
        for metric in metrics:
            compared = chosen[name, metric].groups
            names = {group.name for group in compared}
            listed = [*groups, *(group for group in compared if group.name not in {g.name for g in groups})]
            for group in listed:
                sums = sums_of(cells, group, metric)
                rows.append(_rate(group, metric, sums, group.name in names, task, confidence, bounds))
    return tuple(rows)


def _rate(
    group: Group, metric: str, sums: Sums, compared: bool, task: Task, confidence: float, bounds: Bounds
) -> GroupRate:
    what = f"{words(task, metric).capitalize()}, {group.family} = {group.name}"
    if sums.mean is None:
        nothing = f"{what}: no patient counts, so there is no rate."
        return GroupRate(group.family, group.name, metric, 0, None, None, None, False, nothing)
    lower, upper = bounds.interval(group, metric, sums)
    sentence = (
        f"{what}: {sums.mean:.3f} of 1, from {sums.n} patients ({confidence:.0%} interval {lower:.3f} to {upper:.3f})."
    )
    return GroupRate(group.family, group.name, metric, sums.n, sums.mean, lower, upper, compared, sentence)


def interval(sums: Sums, confidence: float, binary: bool) -> tuple[float, float]:
    """Two-sided interval of a rate in [0, 1]; `sums` counts at least one patient.

    Wilson's for yes/no metrics, a normal one cut to [0, 1] for continuous ones.
    """
    if binary:
        return wilson(sums.total, sums.n, confidence)
    mean, reach = sums.total / sums.n, z_of(confidence) * observed_error(sums, binary=False) ** 0.5
    return max(0.0, mean - reach), min(1.0, mean + reach)
