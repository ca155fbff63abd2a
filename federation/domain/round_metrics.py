"""What a round achieved, from the sums that the sites sent: overall, by site, by group, for the model and its twin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from federation.domain.cells import MIN_CELL
from federation.domain.group_rates import (
    CLASSIFICATION_METRICS,
    OF_THE_LAST_ROUND,
    RANKING,
    SEGMENTATION_METRICS,
    Cell,
    Sums,
    merge,
)
from federation.domain.twin_comparison import PairedScores

NOBODY = Sums(0, 0.0, 0.0)
SMALL_SITES = "small sites"  # in the place of a site's code, which has no space


def gated_metrics(task: str) -> tuple[str, ...]:
    return SEGMENTATION_METRICS if task == "segmentation" else CLASSIFICATION_METRICS


def reported_metrics(task: str) -> tuple[str, ...]:
    """Those that audits and monitors judge by, and those that are only told."""
    return (*gated_metrics(task), *OF_THE_LAST_ROUND[task])


def metrics_before(task: str) -> tuple[str, ...]:
    """Those of masked orders that do not name them: of before classifiers were ranked after the last round."""
    return gated_metrics(task) if task == "classification" else reported_metrics(task)


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
    return {name: _summary(list(model_cells), metrics, task, min_cell) for name, model_cells in cells.items()}


def _summary(cells: list[Cell], metrics: Sequence[str], task: str, min_cell: int) -> dict[str, Any]:
    attributes = sorted({name for cell in cells for name in cell.attributes})
    # How well the scores rank is told of all sites alone: by group it would tell how many ill ones have no rank.
    split = [metric for metric in metrics if metric != RANKING]
    by = {name: _by(cells, name, split, task, min_cell) for name in ["site", *attributes]}
    patients = sum(cell.n for cell in cells)
    whole = {"": {metric: merge(cells, [], metric).get((), NOBODY) for metric in metrics}}
    hidden = {metric: _few(whole, {"": patients}, metric, task, min_cell) for metric in metrics}
    overall = {metric: _hid(min_cell) if hidden[metric] else _figure(whole[""][metric]) for metric in metrics}
    return {"overall": overall, "site": by.pop("site"), "groups": by}


def _by(
    cells: list[Cell], attribute: str, metrics: Sequence[str], task: str, min_cell: int
) -> dict[str, dict[str, Any]]:
    sums: dict[str, dict[str, Sums]] = {}
    patients: dict[str, int] = {}
    for cell in cells:
        group = cell.site if attribute == "site" else cell.attributes[attribute]
        patients[group] = patients.get(group, 0) + cell.n
    for metric in metrics:
        for (group,), found in merge(cells, [attribute], metric).items():
            sums.setdefault(group, {})[metric] = found
    hidden = {metric: _hidden(sums, patients, metric, task, min_cell) for metric in metrics}
    return {
        group: {metric: _hid(min_cell) if group in hidden[metric] else _figure(row[metric]) for metric in metrics}
        for group, row in sorted(sums.items())
    }


Rows = Mapping[str, Mapping[str, Sums]]  # group -> metric -> sums


def _linked(metric: str, task: str) -> tuple[str, ...]:
    """The metrics of which each follows from the others: right answers are found ill ones and spared healthy ones."""
    if task == "classification" and metric in (*CLASSIFICATION_METRICS, RANKING):
        return CLASSIFICATION_METRICS
    return (metric,)


def _few(rows: Rows, patients: Mapping[str, int], metric: str, task: str, min_cell: int) -> set[str]:
    """Groups of too few patients for a figure, whether those have it or not: even that would say something of them."""

    def too_few(group: str, row: Mapping[str, Sums]) -> bool:
        counts = [row[name].n for name in {metric, *_linked(metric, task)} if name in row]
        if metric == RANKING:  # of sites with few ill or few healthy ones there is no rank; how many are missing?
            counts.append(row["tpr"].n - row[RANKING].n)
        return 0 < patients[group] < min_cell or any(0 < n < min_cell for n in counts)

    return {group for group, row in rows.items() if too_few(group, row)}


def _hidden(rows: Rows, patients: Mapping[str, int], metric: str, task: str, min_cell: int) -> set[str]:
    """The groups of which a figure is not shown: those of too few, and the smallest others beside them.

    All patients less the groups that are shown are the hidden ones together, so those must be enough too.
    """
    hidden = _few(rows, patients, metric, task, min_cell)
    for group in sorted(rows, key=lambda name: (patients[name], name)):
        left = [sum(rows[one][name].n for one in hidden) for name in _linked(metric, task)]
        if not hidden or min(left) >= min_cell:
            break
        hidden.add(group)
    return hidden


def _figure(sums: Sums) -> dict[str, Any]:
    return {"n": sums.n, "mean": sums.mean}


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


def pool_small(
    paired: Mapping[str, list[float] | None], *, hidden: Collection[str] = (), min_cell: int = MIN_CELL
) -> dict[str, list[float] | None]:
    """The pairs of sites with too few patients only together, under `SMALL_SITES`; if they are enough.

    Parameters
    ----------
    paired : see `paired_by_site`
    hidden : sites whose figures are not shown, so that their pairs are not either
    """
    found = {s: PairedScores.from_list(row, most=10**9) for s, row in paired.items() if row is not None}
    small = {site for site, one in found.items() if one.sums.n < min_cell or site in hidden}
    for site in sorted(found, key=lambda name: (found[name].sums.n, name)):
        if not small or sum(found[one].sums.n for one in small) >= min_cell:
            break
        small.add(site)  # or all less those that are shown would be of too few
    if not small:
        return dict(paired)
    first, *others = (found[site] for site in sorted(small))
    together = sum(others, first)
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
