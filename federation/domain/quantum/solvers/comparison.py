"""All solvers on one problem, over the same seeds, in one table. A quantum figure is never shown without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import mean, median
from typing import Any

from scipy.stats import binomtest

from federation.domain.quantum.solvers import annealing, exact, qaoa, vqe
from federation.domain.quantum.solvers.ising import ProblemError, Qubo
from federation.domain.quantum.solvers.solution import Solution

LEVEL = 0.95
SEEDS = tuple(range(5))


@dataclass(frozen=True)
class Interval:
    """A figure with bounds; all three are None where nothing is known.

    Of one seed a simulated circuit's figures are exact, so over seeds their bounds are the least and the most
    (`over_seeds`): so few seeds, which often end in the same place, allow no interval. How often annealing ends in the
    optimum is counted, and has an exact binomial interval [1]_ (`counted`).

    References
    ----------
    .. [1] Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
       Biometrika 26 (1934).
    """

    mean: float | None
    lower: float | None = None
    upper: float | None = None

    @classmethod
    def over_seeds(cls, values: Sequence[float | None]) -> Interval:
        known = [value for value in values if value is not None]
        if len(known) < len(values) or not known:
            return cls(None)
        return cls(mean(known), min(known), max(known))

    @classmethod
    def counted(cls, hits: int, n: int) -> Interval:
        found = binomtest(hits, n).proportion_ci(LEVEL, method="exact")
        return cls(hits / n, float(found.low), float(found.high))


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
        Confidence of the intervals that are counted.
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
        solver, _p_optimum(solver, found), found[0].p_uniform, Interval.over_seeds([s.ratio for s in found]), hit, best,
        round(mean(s.evaluations for s in found)),
        median(s.seconds for s in found), mean(s.allowed for s in found),
    )  # fmt: skip


def _p_optimum(solver: str, found: Sequence[Solution]) -> Interval:
    shares = [solution.p_optimum for solution in found]
    if solver != "annealing" or None in shares:
        return Interval.over_seeds(shares)
    runs = annealing.RUNS
    return Interval.counted(round(runs * sum(share for share in shares if share is not None)), runs * len(shares))
