"""A table of solvers as rows of a benchmark: P(optimum) of one draw, with wall time beside exact listing."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.frame import Measure
from federation.domain.quantum.solvers import qaoa
from federation.domain.quantum.solvers.comparison import Comparison

QUANTUM = {"QAOA", "VQE"}


def rows(name: str, table: Comparison) -> Iterator[Measure]:
    """`value` is P(optimum), `peer_value` that of an allowed choice at random; the rest is in the note."""
    exact = table.rows[0]
    for row in table.rows:
        metric = f"{name}.{row.solver.replace(' ', '_')}"
        if row.refused:
            yield Measure(metric, None, "P(optimum)", note=row.refused)
            continue
        p, uniform = row.p_optimum, row.p_uniform
        note = f"{table.n_bits} bits, {table.n_states} choices; found {row.found}, {row.evaluations} evaluations"
        if row.solver in QUANTUM:
            note += f", exact state vector, {qaoa.SHOTS} draws, seeds {table.seeds[0]} to {table.seeds[-1]}"
        if row.solver == "QAOA":
            note += f", depth {qaoa.DEPTH}"
        if p.lower is not None and p.upper is not None:
            kind = "95 %, exact, over runs" if row.solver == "annealing" else "least to most over seeds"
            note += f", P(optimum) {p.lower:.4f} to {p.upper:.4f} ({kind})"
        if row.allowed is not None and row.allowed < 1:
            note += f", {row.allowed:.3g} of draws allowed"
        if row.ratio.mean is not None:
            note += f", approximation ratio {row.ratio.mean:.3f}"
        if row.seconds and exact.seconds:
            note += f", {1000 * row.seconds:.2f} ms, {row.seconds / exact.seconds:.0f} times exact listing"
        ratio = p.mean / uniform if p.mean is not None and uniform else None
        runs = 1 if row.solver == "exact" else len(table.seeds)
        yield Measure(metric, p.mean, "P(optimum)", "a draw at random", uniform, ratio, runs, None, note)
