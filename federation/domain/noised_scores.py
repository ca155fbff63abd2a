"""Scores of a run with differential privacy: sums over validation patients that leave each site with noise.

After each round the whole of a site's patients is scored, after the last one also each of their groups; so the noise
that the groups need is paid for once. A patient adds at most one to each number of the rows he belongs to: all, and one
group of each attribute. Whole numbers of Skellam noise are added in `UNITS` of a patient, and what is computed from the
noised sums costs nothing more. Under masks each site adds a share that is enough once the fewest sites whose sum may be
opened are in it, one of them being ready to tell its own.

Patients who are scored are others than those trained on in the same run, so a run spends the larger of both of each;
an institution's account adds them up, for another run may deal its patients otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.feature_summaries import UNITS
from federation.domain.privacy.accountant import Spend, composed_epsilon, solve_noise
from federation.domain.privacy.config import MODELS_A_RUN
from federation.domain.privacy.discrete import skellam
from federation.domain.privacy.stream import KeyedStream
from federation.domain.round_metrics import gated_metrics, headline_metric
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.update import CountCode

if TYPE_CHECKING:
    from federation.domain.learning.evaluation import RecordOutcomes

Counts = NDArray[np.int64]
Row = tuple[str, str]  # attribute and group
ALL: Row = ("", "")
CONFUSION = ("tp", "fn", "fp", "tn")
# Of which columns a rate of a diagnosis is the sum, and of which its patients are.
RATES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tpr": (("tp",), ("tp", "fn")), "fpr": (("fp",), ("fp", "tn")), "accuracy": (("tp", "tn"), CONFUSION),
}  # fmt: skip
MOST_ROWS = 400
TELLING = 3.0  # a figure is shown from so many standard deviations of noise in its number of patients
WIDEST = 8.0  # standard deviations that a noised number has room for under masks


@dataclass(frozen=True)
class Table:
    """The numbers that a site tells of one model.

    Attributes
    ----------
    task : "classification" or "segmentation"
    rows : `ALL`, and groups
    attributes : int
        Of which each patient is in one group.
    columns : of a diagnosis the four outcomes, each patient in one; of a segmentation, for each metric, for how many
        patients it is defined, and its sum
    """

    task: str
    rows: tuple[Row, ...]
    attributes: int
    columns: tuple[str, ...]

    @property
    def size(self) -> int:
        """Numbers of both models."""
        return MODELS_A_RUN * len(self.rows) * len(self.columns)

    @property
    def moved(self) -> int:
        """Numbers of both models that a patient adds to, each by at most one: the square of what he moves in L2."""
        return MODELS_A_RUN * (1 + self.attributes) * (1 if self.task == "classification" else len(self.columns))

    def spend(self, noise_sd: float) -> Spend:
        """What telling it costs; `noise_sd`: standard deviation of the noise of a number, in patients."""
        levels = math.ceil(UNITS * math.sqrt(self.moved))
        return Spend(noise_sd * UNITS / levels, 1.0, 1, levels=levels, parameters=self.moved)

    def count(self, outcomes: RecordOutcomes, groups: Mapping[str, NDArray[np.str_]]) -> Counts:
        """The exact numbers of one model in units, shape (rows, columns): they must not leave the site."""
        patients = self._of_patients(outcomes)
        found = [
            patients if row == ALL else patients[groups[row[0]] == row[1]] if row[0] in groups else patients[:0]
            for row in self.rows
        ]
        return np.array([one.sum(axis=0) for one in found], dtype=np.int64)

    def _of_patients(self, outcomes: RecordOutcomes) -> Counts:
        """What each patient adds, rounded to units, shape (n, columns)."""
        if self.task == "classification":
            truth, flagged = outcomes.truth, outcomes.flagged
            return UNITS * np.stack([truth & flagged, truth & ~flagged, ~truth & flagged, ~truth & ~flagged], axis=1)
        told = []
        for metric in self.columns[::2]:
            values = outcomes.metrics[metric]
            told += [UNITS * ~np.isnan(values), np.rint(UNITS * np.nan_to_num(values))]
        return np.stack(told, axis=1).astype(np.int64)


@dataclass(frozen=True)
class ScoresConfig:
    """The part `scores` of a frozen configuration: that scores leave the sites, and with how much noise.

    Attributes
    ----------
    epsilon : float, > 0
        What the scores of all rounds may cost a patient who is scored, at the delta of the run's training.
    noise_sd : float, > 0
        Standard deviation of the noise of each number, in patients.
    groups : ((attribute, (group, ...)), ...)
        All groups that are told after the last round.
    """

    epsilon: float
    noise_sd: float
    groups: tuple[tuple[str, tuple[str, ...]], ...]

    def __post_init__(self) -> None:
        for name in ("epsilon", "noise_sd"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1e6:
                raise ValueError(f"expected {name} of scores over 0, got {value!r}")
        rows = [(name, group) for name, groups in self.groups for group in groups]
        if len(rows) != len(set(rows)) or len(rows) > MOST_ROWS or any(not name for name, _ in rows):
            raise ValueError(f"expected up to {MOST_ROWS} groups, each once, got {len(rows)}")

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ScoresConfig:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        if set(raw) != {"epsilon", "noise_sd", "groups"}:
            raise ValueError(f"expected epsilon, noise_sd and groups of scores, got {sorted(raw)}")
        try:
            groups = tuple((str(name), tuple(map(str, values))) for name, values in raw["groups"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"expected groups by attribute, got {raw['groups']!r}") from error
        return cls(raw["epsilon"], raw["noise_sd"], groups)

    @classmethod
    def within(
        cls, groups: Mapping[str, Iterable[str]], *, task: str, rounds: int, epsilon: float, delta: float
    ) -> ScoresConfig:
        """With the least noise whose rounds together cost at most epsilon. Raises ValueError if no noise is enough."""
        sorted_groups = tuple((name, tuple(sorted(values))) for name, values in sorted(groups.items()))
        trial = cls(epsilon, 1.0, sorted_groups)
        noise = solve_noise(
            lambda sd: cls(epsilon, sd, trial.groups).spends(task, rounds), epsilon=epsilon, delta=delta
        )
        return cls(epsilon, noise, sorted_groups)

    def as_dict(self) -> dict[str, Any]:
        return {
            "epsilon": self.epsilon, "noise_sd": self.noise_sd,
            "groups": [[name, list(values)] for name, values in self.groups],
        }  # fmt: skip

    def table(self, task: str, *, last: bool) -> Table:
        """What is told after a round: of all patients the headline's columns, after the last one everything."""
        metrics = gated_metrics(task) if last else (headline_metric(task),)
        columns = CONFUSION if task == "classification" else tuple(f for m in metrics for f in (m, f"{m} sum"))
        if not last:
            return Table(task, (ALL,), 0, columns)
        rows = [(name, group) for name, values in self.groups for group in values]
        return Table(task, (ALL, *rows), len(self.groups), columns)

    def spends(self, task: str, rounds: int, *, with_last: bool = True) -> list[Spend]:
        """What so many rounds cost; `with_last`: the last round of the run is one of them."""
        before = rounds - with_last
        each, last = (self.table(task, last=last).spend(self.noise_sd) for last in (False, True))
        many = [Spend.from_dict({**each.as_dict(), "steps": before})] if before > 0 else []
        return [*many, last] if with_last else many

    def require_honest(self, task: str, rounds: int, delta: float) -> None:
        """Raise ValueError if the noise is too little for the epsilon that is stated beside it."""
        spent = composed_epsilon(self.spends(task, rounds), delta)
        if spent > self.epsilon * (1 + 1e-9):
            raise ValueError(f"expected noise that keeps scores within ε {self.epsilon:g}, got {spent:.3f} by its sd")


def shares(threshold: int) -> int:
    """Sites among which the noise is dealt out: under masks, so many less one who tells; else each adds all of it."""
    return max(1, threshold - 1)


def noised(table: Counts, config: ScoresConfig, *, threshold: int, stream: KeyedStream) -> Counts:
    """What may leave the site, of the exact numbers of both models; `threshold`: of the masks, 0 without."""
    variance = (config.noise_sd * UNITS) ** 2 / shares(threshold)
    return table + skellam(variance, table.size, stream).reshape(table.shape)


def masked_code(config: ScoresConfig, security: SecurityConfig) -> CountCode:
    """How noised sums stand under masks: with room for the noise over the largest count."""
    return CountCode(len(security.signing_keys), security.most_records + math.ceil(WIDEST * config.noise_sd))


def read(
    units: NDArray[np.floating] | Counts, table: Table, *, noise_sd: float, min_cell: int
) -> list[dict[Row, dict[str, Any]]]:
    """The figures of each model by row and metric: number of patients, mean, and the noise's part of its error.

    Parameters
    ----------
    units : ndarray, shape (size,)
        Noised sums, of one site or of several.
    noise_sd : float
        Of a number of these sums, in patients.
    min_cell : int
        Below, or where the noise is as large as the number, `n` and `mean` are None and "noisy" says so.
    """
    found = np.asarray(units, float).reshape(MODELS_A_RUN, len(table.rows), len(table.columns)) / UNITS
    figures = _rates if table.task == "classification" else _means
    return [
        {row: figures(numbers, table, noise_sd, min_cell) for row, numbers in zip(table.rows, model, strict=True)}
        for model in found
    ]


def _rates(numbers: NDArray[np.floating], table: Table, sd: float, min_cell: int) -> dict[str, Any]:
    by = dict(zip(table.columns, numbers, strict=True))
    told = {}
    for metric in gated_metrics(table.task):
        over, of = RATES[metric]
        n, mean = sum(by[name] for name in of), None
        if n > 0:
            mean = sum(by[name] for name in over) / n
        spread = math.sqrt(len(over) * (1 - _share(mean)) ** 2 + (len(of) - len(over)) * _share(mean) ** 2)
        told[metric] = _figure(n, mean, n_sd=sd * math.sqrt(len(of)), sd=sd * spread, min_cell=min_cell)
    return told


def _means(numbers: NDArray[np.floating], table: Table, sd: float, min_cell: int) -> dict[str, Any]:
    told = {}
    for place, metric in enumerate(table.columns[::2]):
        n, total = numbers[2 * place : 2 * place + 2]
        mean = total / n if n > 0 else None
        told[metric] = _figure(n, mean, n_sd=sd, sd=sd * math.sqrt(1 + _share(mean) ** 2), min_cell=min_cell)
    return told


def _share(mean: float | None) -> float:
    return min(1.0, max(0.0, mean or 0.0))


def _figure(n: float, mean: float | None, *, n_sd: float, sd: float, min_cell: int) -> dict[str, Any]:
    if mean is None or n < max(min_cell, TELLING * n_sd):
        return {"n": None, "mean": None, "noisy": True}
    return {"n": round(n), "mean": _share(mean), "noise_sd": round(sd / n, 4)}
