from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from federation.domain.data.dataset import DataError, ReaderUnavailable, split
from federation.domain.data.registry import KINDS, open_source
from federation.domain.learning import feature_selection as method
from federation.domain.quantum.solvers.comparison import SEEDS, Row, compare


class Command(BaseCommand):
    help = "Chooses columns for an encoder from the sites' counts, by every solver. Reads data; changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("data", help="a tabular data set as a run names it, e.g. heart:/data/heart")
        parser.add_argument("--columns", type=int, default=6, help="how many to choose")
        parser.add_argument(
            "--among", type=int, default=method.MAX_SCREENED, help="how many of the most telling ones to choose among"
        )
        parser.add_argument("--redundancy", type=float, default=1.0, help="what repeating one another costs; 0 or more")
        parser.add_argument("--seed", type=int, default=0, help="of the split; only training patients are counted")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["redundancy"] < 0 or options["seed"] < 0:
            raise CommandError("Expected a redundancy and a seed of 0 or more.")
        if not 2 <= options["among"] <= method.MAX_SCREENED:
            raise CommandError(f"Expected to choose among 2 to {method.MAX_SCREENED} columns, got {options['among']}.")
        try:
            source = open_source(options["data"])
            sites = [split(source.load(site.code), seed=options["seed"]).train for site in source.sites()]
            counts = reduce(add, (method.pair_counts(site) for site in sites))
            few = method.screened(counts, options["among"])
            problem = method.selection_qubo(few, options["columns"], redundancy=options["redundancy"])
        except (DataError, ReaderUnavailable, method.SelectionError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{counts.n} training patients of {len(sites)} sites; {options['columns']} of the {len(few.names)} columns "
            f"that tell most of the label, of {len(counts.names)}."
        )
        self.stdout.write(f"{'top by information':20} {', '.join(method.top_k(counts, options['columns']))}")
        rows = compare(problem).rows
        exact = next(row for row in rows if row.solver == "exact")
        for row in rows:
            self.stdout.write(f"{row.solver:20} {_told(row, few)}")
        self.stdout.write(
            f"P(optimum) is that of one draw, as a mean over {len(SEEDS)} seeds; at random, of so many columns drawn "
            f"blindly. Exact listing decides. {_worth(rows)}"
        )
        if "columns" in KINDS[source.name].options and exact.best is not None:
            self.stdout.write(
                f"For a run on these columns give each site {options['data']}?columns="
                f"{','.join(method.chosen(few, exact.best.bits))}"
            )


def _told(row: Row, counts: method.PairCounts) -> str:
    if row.best is None:
        return row.refused
    if row.best.energy is None:
        return f"none of its draws is of so many columns, {1000 * (row.seconds or 0):.1f} ms"
    names = ", ".join(method.chosen(counts, row.best.bits))
    p = "unknown" if row.p_optimum.mean is None else f"{row.p_optimum.mean:.2g} (at random {row.p_uniform:.2g})"
    kept = "" if row.allowed is None or row.allowed > 0.999 else f", {row.allowed:.2g} of draws are of so many columns"
    return f"{names}; cost {row.best.energy:.4f}, P(optimum) {p}{kept}, {1000 * (row.seconds or 0):.1f} ms"


def _worth(rows: Sequence[Row]) -> str:
    """Whether a quantum solver was of any use, beside chance and beside annealing."""
    known = {row.solver: row for row in rows if row.p_optimum.mean is not None}
    quantum = [row for name, row in known.items() if name in {"QAOA", "VQE"}]
    if not quantum or "annealing" not in known:
        return "Whether a quantum solver helps is not known."
    best, usual = max(quantum, key=_p), known["annealing"]
    verdict = "no better than annealing, so it is of no use here" if _p(best) <= _p(usual) else "better than annealing"
    times = _p(best) / (best.p_uniform or 1.0)
    return f"The better quantum solver, {best.solver}, finds it {times:.2g} times as often as chance: {verdict}."


def _p(row: Row) -> float:
    return row.p_optimum.mean or 0.0
