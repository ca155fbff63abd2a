"""What a round's scores become: exact sums of the sites, noised ones under differential privacy, or none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.cells import MIN_CELL
from federation.domain.feature_summaries import UNITS
from federation.domain.group_rates import Cell
from federation.domain.noised_scores import ALL, ScoresConfig, Table, read, shares
from federation.domain.round_metrics import headline_metric, paired_by_site, pool_small, summarise
from federation.domain.run_config import MODEL_NAMES
from federation.domain.secure.counts import ALL_SITES
from federation.domain.twin_comparison import PairedScores
from federation.models import Round, SiteOrder, TrainingRun

Figures = dict[str, Any]


def of_answers(run: TrainingRun, round_: Round, orders: Sequence[SiteOrder]) -> Figures:
    """The figures of a round from the answers that count; without masks."""
    answers = {order.participant.site: order.answer or {} for order in orders}
    if (part := run.config.get("scores")) is not None:
        told = {site: one["scores"] for site, one in answers.items()}
        return _noised(run, table_of(run, round_), told, sd=ScoresConfig.from_dict(part).noise_sd)
    cells = {
        name: [Cell.from_dict(raw) for answer in answers.values() for raw in answer["cells"][name]]
        for name in MODEL_NAMES
    }
    figures, headline = of_cells(run, cells), headline_metric(run.config["task"])
    hidden = {site for site, row in figures["primary"]["site"].items() if row[headline]["n"] is None}
    return {**figures, "paired": pool_small(paired_by_site(answers), hidden=hidden, min_cell=least_cell(run))}


def of_cells(run: TrainingRun, cells: Mapping[str, Sequence[Cell]], *, paired: Sequence[float] = ()) -> Figures:
    """The figures of exact sums by group, e.g. of secure counts, which also hold the pairs of all sites together."""
    least = least_cell(run)
    together = PairedScores.of_summed(paired) if len(paired) else None
    told = {} if together is None else {ALL_SITES: together.as_list() if together.sums.n >= least else None}
    return {**summarise(cells, task=run.config["task"], min_cell=least), "paired": told}


def none(run: TrainingRun) -> Figures:
    """Of a run whose patients' scores do not leave the sites."""
    return of_cells(run, {name: [] for name in MODEL_NAMES})


def of_masked(run: TrainingRun, round_: Round, total: NDArray[np.float64], *, sites: int) -> Figures:
    """The figures of noised sums in patients, opened over so many sites."""
    config = ScoresConfig.from_dict(run.config["scores"])
    sd = config.noise_sd * math.sqrt(sites / shares(int(run.config["security"]["threshold"])))
    return _shaped(read(total * UNITS, table_of(run, round_), noise_sd=sd, min_cell=least_cell(run)), {})


def table_of(run: TrainingRun, round_: Round) -> Table:
    """What the sites tell after this round."""
    last = round_.number == run.rounds_planned
    return ScoresConfig.from_dict(run.config["scores"]).table(run.config["task"], last=last)


def least_cell(run: TrainingRun) -> int:
    return int((run.config.get("security") or {}).get("min_cell", MIN_CELL))


def check(order: SiteOrder, round_: Round) -> None:
    """Raise ValueError, KeyError or TypeError for scores that cannot be read."""
    answer: Mapping[str, Any] = order.answer or {}
    if round_.run.config.get("scores") is None:
        for name in MODEL_NAMES:
            for raw in answer["cells"][name]:
                Cell.from_dict(raw)
        return
    told, size = answer["scores"], table_of(round_.run, round_).size
    if len(told) != size or not all(type(one) is int and abs(one) < 2**53 for one in told):
        raise ValueError(f"expected {size} whole numbers of noised scores")


def _noised(run: TrainingRun, table: Table, told: Mapping[str, Sequence[int]], *, sd: float) -> Figures:
    least = least_cell(run)
    together = read(
        np.sum([np.array(one) for one in told.values()], axis=0) if told else np.zeros(table.size), table,
        noise_sd=sd * math.sqrt(max(1, len(told))), min_cell=least,
    )  # fmt: skip
    alone = {site: read(np.array(one), table, noise_sd=sd, min_cell=least) for site, one in told.items()}
    return _shaped(together, {site: [model[ALL] for model in models] for site, models in alone.items()})


def _shaped(models: Sequence[Mapping], by_site: Mapping[str, Sequence[Mapping]]) -> Figures:
    """As `round_metrics.summarise` has figures without noise."""
    found: Figures = {"paired": {}}
    for place, (name, rows) in enumerate(zip(MODEL_NAMES, models, strict=True)):
        groups: dict[str, dict[str, Any]] = {}
        for (attribute, group), figures in rows.items():
            if attribute:
                groups.setdefault(attribute, {})[group] = figures
        sites = {site: found_there[place] for site, found_there in sorted(by_site.items())}
        found[name] = {"overall": rows[ALL], "site": sites, "groups": groups}
    return found
