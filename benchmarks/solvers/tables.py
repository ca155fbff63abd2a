"""Tables of solvers on several problems of one kind as rows of a benchmark: P(optimum) of one draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean, median

from benchmarks.frame import Measure
from federation.domain.quantum.solvers import qaoa
from federation.domain.quantum.solvers.comparison import Comparison, Row

QUANTUM = {"QAOA", "VQE"}


def rows(name: str, tables: Sequence[Comparison]) -> Iterator[Measure]:
    """`value` is P(optimum), `peer_value` that of an allowed choice at random, both as means over the problems.

    The note has the least and the most over problems: of so few drawn ones an interval would say no more.
    """
    first = tables[0]
    for place, solver in enumerate(row.solver for row in first.rows):
        each = [table.rows[place] for table in tables]
        metric = f"{name}.{solver.replace(' ', '_')}"
        if refused := next((row.refused for row in each if row.refused), ""):
            yield Measure(metric, None, "P(optimum)", note=refused)
            continue
        p = [row.p_optimum.mean for row in each if row.p_optimum.mean is not None]
        uniform = [row.p_uniform for row in each if row.p_uniform is not None]
        if min(len(p), len(uniform)) < len(each):
            yield Measure(metric, None, "P(optimum)", note="the optimum of a problem is not known")
            continue
        runs = len(tables) * (1 if solver == "exact" else len(first.seeds))
        value, peer = mean(p), mean(uniform)
        yield Measure(
            metric, value, "P(optimum)", "a draw at random", peer, value / peer, runs, None,
            _note(first, each, [table.rows[0] for table in tables], p, uniform),
        )  # fmt: skip


def _note(table: Comparison, each: Sequence[Row], exact: Sequence[Row], p: list[float], uniform: list[float]) -> str:
    times = [one / blind for one, blind in zip(p, uniform, strict=True)]
    said = [
        f"{len(each)} problems of {table.n_bits} bits, {table.n_states} choices",
        f"P(optimum) {min(p):.3g} to {max(p):.3g} over problems, {min(times):.3g} to {max(times):.3g} times chance",
        f"found {mean(row.found or 0.0 for row in each):.2f}, {each[0].evaluations} evaluations",
    ]
    if each[0].solver in QUANTUM:
        said.append(f"exact state vector, {qaoa.SHOTS} draws, seeds {table.seeds[0]} to {table.seeds[-1]}")
    if each[0].solver == "QAOA":
        said.append(f"depth {qaoa.DEPTH}")
    allowed = mean(1.0 if row.allowed is None else row.allowed for row in each)
    if allowed < 1:
        said.append(f"{allowed:.3g} of draws allowed")
    said.append(f"approximation ratio {mean(row.ratio.mean or 0.0 for row in each):.3f}")
    took, listed = median(row.seconds or 0.0 for row in each), median(row.seconds or 0.0 for row in exact)
    if took and listed:
        said.append(f"{1000 * took:.2f} ms, {took / listed:.0f} times exact listing")
    return ", ".join(said)
