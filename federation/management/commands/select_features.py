from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from federation.domain.data.dataset import DataError, ReaderUnavailable, split_for_run
from federation.domain.data.registry import KINDS, open_source
from federation.domain.learning import feature_selection as method
from federation.domain.quantum.solvers.comparison import SEEDS, Interval, Row, compare


class Command(BaseCommand):
    help = "Chooses columns for an encoder from the sites' counts, by every solver. Reads data; changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("data", help="a tabular data set as a run names it, e.g. heart:/data/heart")
        parser.add_argument("--columns", type=int, default=6, help="how many to choose")
        parser.add_argument(
            "--among", type=int, default=method.MAX_SCREENED, help="how many of the most telling ones to choose among"
        )
        parser.add_argument("--redundancy", type=float, default=1.0, help="what repeating one another costs; 0 or more")
        parser.add_argument(
            "--seed", type=int, default=0, help="of the run that is to follow; only its training patients are counted"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["redundancy"] < 0 or options["seed"] < 0:
            raise CommandError("Expected a redundancy and a seed of 0 or more.")
        if not 2 <= options["among"] <= method.MAX_SCREENED:
            raise CommandError(f"Expected to choose among 2 to {method.MAX_SCREENED} columns, got {options['among']}.")
        try:
            source = open_source(options["data"])
            seed, names = options["seed"], [site.code for site in source.sites()]
            sites = [split_for_run(source.load(name), site=name, seed=seed).train for name in names]
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
            "P(optimum) is that of one draw: of annealing a whole run, with its exact 95 % interval; of circuits a "
            f"shot, exactly, from the least to the most over {len(SEEDS)} seeds. At random: so many columns drawn "
            f"blindly. Exact listing decides. {_worth(rows)}"
        )
        if "columns" in KINDS[source.name].options and exact.best is not None:
            columns = ",".join(method.chosen(few, exact.best.bits))
            self.stdout.write(
                f"For a run on these columns give each site {options['data']}?columns={columns} and the run the seed "
                f"{seed}. With another seed, or sites of other names than {', '.join(names)}, patients whose labels "
                "have chosen the columns are among those that the run is audited on."
            )


def _told(row: Row, counts: method.PairCounts) -> str:
    if row.best is None:
        return row.refused
    if row.best.energy is None:
        return f"none of its draws is of so many columns, {1000 * (row.seconds or 0):.1f} ms"
    names, p = ", ".join(method.chosen(counts, row.best.bits)), row.p_optimum
    chance = "unknown" if p.mean is None else f"{p.mean:.2g}{_span(p)} (at random {row.p_uniform:.2g})"
    ratio = "" if row.ratio.mean is None else f", ratio {row.ratio.mean:.3f}{_span(row.ratio)}"
    kept = "" if row.allowed is None or row.allowed > 0.999 else f", {row.allowed:.2g} of draws are of so many columns"
    how = row.best.backend if row.best.shots is None else f"{row.best.backend}, {row.best.shots:,} shots"
    took = f"{1000 * (row.seconds or 0):.1f} ms"
    return f"{names}; cost {row.best.energy:.4f}, P(optimum) {chance}{ratio}{kept}, {took}, {how}"


def _span(found: Interval) -> str:
    if found.lower is None or found.upper is None or found.lower == found.upper:
        return ""
    return f", {found.lower:.2g} to {found.upper:.2g}"


def _worth(rows: Sequence[Row]) -> str:
    """Whether a quantum solver was of any use, beside chance and beside annealing: in every seed, or it is not told."""
    known = {row.solver: row for row in rows if row.p_optimum.lower is not None}
    quantum = [row for name, row in known.items() if name in {"QAOA", "VQE"}]
    if not quantum or "annealing" not in known:
        return "Whether a quantum solver helps is not known."
    return " ".join(_beside(row, known["annealing"]) for row in quantum)


def _beside(row: Row, usual: Row) -> str:
    least, most, blind = row.p_optimum.lower or 0.0, row.p_optimum.upper or 0.0, row.p_uniform or 1.0
    times = f"{least / blind:.2g} to {most / blind:.2g} times as often as chance"
    if least > (usual.p_optimum.upper or 0.0):
        return f"{row.solver} finds it {times}: more often than annealing, in every seed."
    if most < (usual.p_optimum.lower or 0.0):
        return f"{row.solver} finds it {times}: less often than annealing in every seed, so it is of no use here."
    return f"{row.solver} finds it {times}: no better than annealing is shown, so it is of no use here."
