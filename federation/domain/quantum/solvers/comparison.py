"""All solvers on one problem, over the same seeds, in one table. A quantum figure is never shown without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import mean, median, stdev
from typing import Any

from scipy.stats import t

from federation.domain.quantum.solvers import annealing, exact, qaoa, vqe
from federation.domain.quantum.solvers.ising import ProblemError, Qubo
from federation.domain.quantum.solvers.solution import Solution

LEVEL = 0.95
SEEDS = tuple(range(5))


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its t interval; both bounds are None with one seed, all three where nothing is known."""

    mean: float | None
    lower: float | None = None
    upper: float | None = None

    @classmethod
    def of(cls, values: Sequence[float | None], *, low: float | None = None, high: float | None = None) -> Interval:
        known = [value for value in values if value is not None]
        if len(known) < len(values) or not known:
            return cls(None)
        middle = mean(known)
        if len(known) == 1:
            return cls(middle)
        reach = float(t.ppf(0.5 + LEVEL / 2, len(known) - 1)) * stdev(known) / len(known) ** 0.5
        lower, upper = middle - reach, middle + reach
        return cls(middle, lower if low is None else max(low, lower), upper if high is None else min(high, upper))


@dataclass(frozen=True)
class Row:
    """One solver over all seeds; see `Solution` for the figures.

    `found` is the share of seeds whose best choice was the optimum; `refused` says why a solver did not run; `allowed`
    is a mean over seeds.
    """

    solver: str
    p_optimum: Interval = Interval(None)
    p_uniform: float | None = None
    ratio: Interval = Interval(None)
    found: float | None = None
    best: Solution | None = None
    evaluations: int | None = None
    seconds: float | None = None
    allowed: float | None = None
    refused: str = ""


@dataclass(frozen=True)
class Comparison:
    """The table of one problem, the exact answer first where it is known.

    Attributes
    ----------
    n_bits, n_states : int
        Size of the problem: bits, and allowed choices.
    level : float
        Confidence of the intervals over seeds.
    """

    n_bits: int
    n_states: int
    seeds: tuple[int, ...]
    level: float
    rows: tuple[Row, ...]

    @property
    def best(self) -> Solution:
        """The cheapest choice of any solver; where several are equally cheap, the first row's."""
        found = [row.best for row in self.rows if row.best is not None and row.best.energy is not None]
        return min(found, key=lambda solution: solution.energy if solution.energy is not None else float("inf"))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    problem: Qubo, *, seeds: Sequence[int] = SEEDS, depth: int = qaoa.DEPTH, shots: int = qaoa.SHOTS
) -> Comparison:
    """Exact listing, annealing, uniform draws, QAOA and VQE on one problem.

    A solver that the problem is too large for gets a row that says so; annealing always runs.

    Parameters
    ----------
    seeds : at least one
        Each drawing solver runs once a seed.
    depth, shots : of QAOA; VQE draws as many shots
    """
    solvers: dict[str, Callable[..., Solution]] = {
        "annealing": annealing.solve,
        "uniform draws": partial(qaoa.solve, depth=0, shots=shots),
        "QAOA": partial(qaoa.solve, depth=depth, shots=shots),
        "VQE": partial(vqe.solve, shots=shots),
    }
    rows = [_row(problem, "exact", [lambda: exact.solve(problem)])]
    rows += [_row(problem, name, [partial(run, problem, seed=seed) for seed in seeds]) for name, run in solvers.items()]
    return Comparison(problem.n_bits, problem.n_choices, tuple(seeds), LEVEL, tuple(rows))


def _row(problem: Qubo, solver: str, runs: Sequence[Callable[[], Solution]]) -> Row:
    try:
        found = [run() for run in runs]
    except ProblemError as error:
        return Row(solver, refused=str(error))
    energies = [solution.energy for solution in found]
    best = min(found, key=lambda solution: float("inf") if solution.energy is None else solution.energy)
    known = problem.extremes
    hit = None if known is None else mean(e is not None and e <= known.lowest + known.rounding for e in energies)
    return Row(
        solver, Interval.of([s.p_optimum for s in found], low=0.0, high=1.0), found[0].p_uniform,
        Interval.of([s.ratio for s in found], low=0.0, high=1.0), hit, best, round(mean(s.evaluations for s in found)),
        median(s.seconds for s in found), mean(s.allowed for s in found),
    )  # fmt: skip
