"""The bias score of predictions in rows, with simultaneous bounds from a bootstrap over patients.

Where the rows are at hand (at a hospital, in a notebook, over the predictions of a deployment) nothing needs to be
assumed about them: whole patients are drawn with replacement, so predictions of one patient stay together. The result
is the same `BiasScore`, from the same rules, as that of the sites' sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.fairness.bias_result import BiasScore
from audits.domain.fairness.gaps import Counts, Pair, Rules, judged
from audits.domain.fairness.groups import Group
from audits.domain.fairness.records import DEFINED, OUTCOMES, SUCCESS, Patients, patients_from
from federation.domain.group_rates import Sums

Floats = NDArray[np.float64]
_CHUNK = 64  # resamples held in memory at once where every patient is a kind of his own


def bias_score_of_records(
    truth: NDArray[Any],
    flagged: NDArray[Any],
    groups: Mapping[str, NDArray[Any]],
    patient: NDArray[Any],
    *,
    site: NDArray[Any] | None = None,
    threshold: float = 0.1,
    confidence: float = 0.95,
    min_count: int = 30,
    min_patients_site: int = 20,
    draws: int = 2000,
    seed: int,
) -> BiasScore:
    """Largest group gap in TPR, FPR or accuracy, with simultaneous bounds by patient-cluster bootstrap.

    Parameters
    ----------
    truth, flagged : ndarray of bool or 0/1, shape (n,)
        Whether the condition was there, and whether the model said so, for each prediction.
    groups : attribute to group of each prediction, arrays of shape (n,)
    patient : ndarray, shape (n,)
        Whose prediction it is.
    site : ndarray, shape (n,), optional
    threshold, confidence, draws, seed
        As in `bias_score.bias_score`.
    min_count : int
        Fewest patients (not predictions), per group and metric, to be compared.

    Returns
    -------
    BiasScore
        0: all compared groups fare alike; 1: a rate is 0 in one group and 1 in another. Counts `n` are predictions.

    Raises
    ------
    ValueError
        On arrays of different length, no prediction, values that are not yes or no, or a parameter out of range.

    References
    ----------
    .. [1] Field and Welsh, Bootstrapping clustered data, J. R. Statist. Soc. B 69 (2007), 369-390.
    .. [2] Romano and Wolf, Exact and approximate stepdown methods, JASA 100 (2005), 94-108 (max-t).
    """
    rules = Rules("classification", threshold, confidence, min_count, min_patients_site, draws, seed)
    patients = patients_from(truth, flagged, groups, patient, site=site)
    return judged(patients.cells, rules, Resampled(patients, rules), _patients_by_cell(patients))


def resampled_counts(patients: Patients, draws: int, rng: np.random.Generator) -> Floats:
    """The table of counts in each resample, shape (draws, n_cells, 4).

    A resample draws as many patients as there are, with replacement. That is a multinomial draw over kinds; where kinds
    are hardly fewer than patients, drawing patients one by one costs less and is the same.
    """
    n, kinds = patients.n, len(patients.patients)
    shape = (draws, len(patients.cells), len(OUTCOMES))
    table = patients.counts.astype(float)
    if 8 * kinds <= n:
        drawn = rng.multinomial(n, patients.patients / n, size=draws)
        return (drawn.astype(float) @ table).reshape(shape)
    parts = []
    for size in _chunks(draws):
        weights = np.stack([np.bincount(patients.kind[rng.integers(0, n, n)], minlength=kinds) for _ in range(size)])
        parts.append(weights.astype(float) @ table)
    return np.concatenate(parts).reshape(shape)


def weighted_counts(patients: Patients, weights: NDArray[Any]) -> Floats:
    """The table of counts under given weights of the patients, shape (draws, n_patients), for a check by hand."""
    kinds, table = len(patients.patients), patients.counts.astype(float)
    by_kind = np.stack([np.bincount(patients.kind, weights=row, minlength=kinds) for row in weights])
    return (by_kind @ table).reshape(len(weights), len(patients.cells), len(OUTCOMES))


def rates(counts: Floats, group: Group, metric: str) -> Floats:
    """A metric of a group in each resample, shape (draws,); NaN where nobody counts."""
    own = counts[:, group.members].sum(axis=1)
    whole = own @ np.array(DEFINED[metric], dtype=float)
    return np.divide(
        own @ np.array(SUCCESS[metric], dtype=float), whole, out=np.full(len(own), np.nan), where=whole > 0
    )


@dataclass
class Resampled:
    """Bounds from patients drawn with replacement."""

    patients: Patients
    rules: Rules

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.rules.seed)
        self.counts = resampled_counts(self.patients, self.rules.draws, rng)
        self._known: dict[tuple[str, str, str], Floats] = {}
        self._by_cell = _patients_by_cell(self.patients)

    def _rates(self, group: Group, metric: str) -> Floats:
        key = (group.family, group.name, metric)
        if key not in self._known:
            self._known[key] = rates(self.counts, group, metric)
        return self._known[key]

    def _error(self, group: Group, metric: str, sums: Sums) -> float:
        """Squared standard error, never less than that of independent patients who erred once more and once less.

        A bootstrap of patients who all fared alike never moves, and would call 0/n certain.
        """
        n = max(1, int(self._by_cell[metric][group.members].sum()))
        rate = (sums.total / sums.n * n + 1) / (n + 2)
        moved = float(np.nanvar(self._rates(group, metric), ddof=1))
        return max(moved, rate * (1 - rate) / n if min(sums.total, sums.n - sums.total) < 1 else 0.0)

    def reaches(self, pairs: Sequence[Pair], metrics: Sequence[str], rng: np.random.Generator) -> tuple[Floats, float]:
        """Standard errors times the quantile of the largest |t| over all pairs; at least that of one normal pair."""
        largest, errors = np.zeros(self.rules.draws), []
        known: dict[tuple[str, str, str], float] = {}
        for pair in pairs:
            both = []
            for group, sums in ((pair.a, pair.sums_a), (pair.b, pair.sums_b)):
                key = (group.family, group.name, pair.metric)
                if key not in known:
                    known[key] = self._error(group, pair.metric, sums)
                both.append(known[key])
            drawn = self._rates(pair.a, pair.metric) - self._rates(pair.b, pair.metric) - pair.difference
            # Groups of one family share no prediction, but may share patients; what the bootstrap sees wins if larger.
            errors.append(np.sqrt(max(sum(both), float(np.nanvar(drawn, ddof=1)))))
            np.fmax(largest, np.abs(drawn) / errors[-1], out=largest)
        level = self.rules.confidence
        single = NormalDist().inv_cdf(0.5 + level / 2)
        quantile = max(single, float(np.quantile(largest, level, method="higher")))
        return quantile * np.array(errors), quantile

    def interval(self, group: Group, metric: str, sums: Sums) -> tuple[float, float]:
        reach = NormalDist().inv_cdf(0.5 + self.rules.confidence / 2) * np.sqrt(self._error(group, metric, sums))
        mean = sums.total / sums.n
        return max(0.0, mean - float(reach)), min(1.0, mean + float(reach))


def _patients_by_cell(patients: Patients) -> Counts:
    """Patients with at least one prediction that counts; a patient in two cells counts in both."""
    table = patients.counts.reshape(len(patients.counts), len(patients.cells), len(OUTCOMES))
    return {
        metric: ((table @ np.array(defined) > 0) * patients.patients[:, None]).sum(axis=0).astype(np.int64)
        for metric, defined in DEFINED.items()
    }


def _chunks(draws: int) -> Iterator[int]:
    for start in range(0, draws, _CHUNK):
        yield min(_CHUNK, draws - start)
