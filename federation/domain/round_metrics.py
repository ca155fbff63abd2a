"""What a round achieved, from the sums that the sites sent: overall, by site, by group, for the model and its twin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from federation.domain.cells import MIN_CELL
from federation.domain.group_rates import (
    CLASSIFICATION_METRICS,
    OF_THE_LAST_ROUND,
    SEGMENTATION_METRICS,
    Cell,
    merge,
)
from federation.domain.twin_comparison import PairedScores

SMALL_SITES = "small sites"  # in the place of a site's code, which has no space


def gated_metrics(task: str) -> tuple[str, ...]:
    return SEGMENTATION_METRICS if task == "segmentation" else CLASSIFICATION_METRICS


def reported_metrics(task: str) -> tuple[str, ...]:
    """Those that audits and monitors judge by, and those that are only told."""
    return (*gated_metrics(task), *OF_THE_LAST_ROUND[task])


def headline_metric(task: str) -> str:
    return "dice" if task == "segmentation" else "accuracy"


def summarise(cells: Mapping[str, Sequence[Cell]], *, task: str, min_cell: int = MIN_CELL) -> dict[str, Any]:
    """Sum the cells of each model into the figures that pages show.

    Parameters
    ----------
    cells : model name to the cells of all sites
    min_cell : int
        Of fewer patients no mean is given and no count: `few` says so instead; nor of a group that would tell it.

    Returns
    -------
    dict
        ``{model: {"overall": {metric: {n, mean}}, "site": {code: {...}}, "groups": {attribute: {group: {...}}}}}``;
        a mean that is not defined is None, never 0. Figures of the last round are there only if any site measured them.
    """
    measured = {name for one in cells.values() for cell in one for name, sums in cell.metrics.items() if sums.n}
    metrics = [name for name in reported_metrics(task) if name in measured or name in gated_metrics(task)]
    return {name: _summary(list(model_cells), metrics, min_cell) for name, model_cells in cells.items()}


def _summary(cells: list[Cell], metrics: Sequence[str], min_cell: int) -> dict[str, Any]:
    attributes = sorted({name for cell in cells for name in cell.attributes})
    by = {name: _by(cells, name, metrics, min_cell) for name in ["site", *attributes]}
    overall = {m: _figure(merge(cells, [], m).get(()), min_cell) for m in metrics}
    return {"overall": overall, "site": by.pop("site"), "groups": by}


def _by(cells: list[Cell], attribute: str, metrics: Sequence[str], min_cell: int) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    patients: dict[str, int] = {}
    for cell in cells:
        group = cell.site if attribute == "site" else cell.attributes[attribute]
        patients[group] = patients.get(group, 0) + cell.n
    few = {group for group, n in patients.items() if n < min_cell}
    for metric in metrics:
        found = {group: sums for (group,), sums in sorted(merge(cells, [attribute], metric).items())}
        hidden = _hidden({group: sums.n for group, sums in found.items()}, few, min_cell)
        for group, sums in found.items():
            out.setdefault(group, {})[metric] = _hid(min_cell) if group in hidden else _figure(sums, min_cell)
    return out


def _hidden(counts: Mapping[str, int], few: set[str], min_cell: int) -> set[str]:
    """The groups of which a figure is not shown: those of too few, and the smallest others beside them.

    All patients less the groups that are shown are the hidden ones together, so those must be enough too.

    Parameters
    ----------
    counts : of each group, the patients who have the figure
    few : groups that have too few patients, whether those have the figure or not: even that would say something of them
    """
    hidden = few | {group for group, n in counts.items() if 0 < n < min_cell}
    for group in sorted(counts, key=lambda name: (counts[name], name)):
        if not hidden or sum(counts[name] for name in hidden) >= min_cell:
            break
        hidden.add(group)
    return hidden


def _figure(sums, min_cell: int) -> dict[str, Any]:
    if sums and 0 < sums.n < min_cell:
        return _hid(min_cell)
    return {"n": sums.n if sums else 0, "mean": sums.mean if sums else None}


def _hid(min_cell: int) -> dict[str, Any]:
    return {"n": None, "mean": None, "few": min_cell}


def paired_by_site(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, list[float] | None]:
    """What each site said of both models on its patients, as `PairedScores.as_list`; None where it said nothing usable.

    Parameters
    ----------
    answers : site to its answer, of which ``paired`` and ``n_records`` are read
    """
    found: dict[str, list[float] | None] = {}
    for site, answer in answers.items():
        try:
            found[site] = PairedScores.from_list(answer.get("paired"), most=int(answer["n_records"])).as_list()
        except (ValueError, TypeError, KeyError):
            found[site] = None
    return found


def pool_small(paired: Mapping[str, list[float] | None], *, min_cell: int = MIN_CELL) -> dict[str, list[float] | None]:
    """The pairs of sites with fewer patients than `min_cell` only together, under `SMALL_SITES`; if they are enough.

    Parameters
    ----------
    paired : see `paired_by_site`
    """
    found = {site: None if row is None else PairedScores.from_list(row, most=10**9) for site, row in paired.items()}
    small = {site: one for site, one in found.items() if one is not None and one.sums.n < min_cell}
    if not small:
        return dict(paired)
    together = sum(list(small.values())[1:], next(iter(small.values())))
    shown = together.as_list() if together.sums.n >= min_cell else None
    return {**paired, **dict.fromkeys(small), SMALL_SITES: shown}


def site_epsilon(updates: Iterable[Mapping[str, Mapping[str, Any]]], dp: Mapping[str, float] | None) -> float | None:
    """Epsilon that a site's updates have spent so far, over the model and its twin together.

    Parameters
    ----------
    updates : the `metrics` of each update of the site: model name to {steps, sample_rate}
    dp : the run's DP configuration, or None: then there is no epsilon (the loss of privacy is not bounded)
    """
    if dp is None:
        return None
    from federation.domain.privacy.accountant import Spend, composed_epsilon

    spends = [
        Spend(dp["noise_multiplier"], model["sample_rate"], model["steps"])
        for update in updates
        for model in update.values()
    ]
    return composed_epsilon(spends, dp["delta"])
