"""Rates by group, defined once. Sites count, the platform adds up: no row of a patient leaves a site.

A `Cell` holds the sufficient statistics of one site and one full combination of attributes. Every marginal group
("sex = female") and every intersection is a union of cells, so audits and charts are sums over cells.

Metrics, all in [0, 1] for each patient, undefined values left out of the count:

classification
    ``tpr`` 1 if a diseased patient was found (defined for y = 1); ``fpr`` 1 if a healthy one was flagged (y = 0);
    ``accuracy`` 1 if right; ``selection_rate`` 1 if flagged. After the last round also ``auc`` share of the site's
    healthy patients whose score is lower, ties half [1]_ (defined for y = 1 where the site has enough of both; its mean
    over a site's ill patients is the area under the site's ROC curve), and ``brier`` the squared error of the
    probability [2]_.
segmentation
    ``dice`` of the patient's volume (1 perfect, 0 no overlap; undefined where neither lesion nor prediction exists);
    ``tpr`` share of the lesion's voxels found (undefined without a lesion); ``fpr`` share of healthy voxels flagged;
    ``selection_rate`` 1 if any voxel was flagged. After the last round also ``hd95`` distance of the outlines as a
    share of the volume's diagonal (0 the same outline; undefined without a lesion or without a prediction), and
    ``calibration_error`` of the probabilities of the patient's pixels (0 they are what they say).

No check is built on what is measured after the last round alone.

References
----------
.. [1] DeLong, DeLong, Clarke-Pearson, "Comparing the areas under two or more correlated ROC curves", Biometrics 1988:
   the placement values.
.. [2] Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 1950.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLASSIFICATION_METRICS = ("tpr", "fpr", "accuracy")
SEGMENTATION_METRICS = ("dice", "tpr", "fpr")
DISTANCE, CALIBRATION = "hd95", "calibration_error"
RANKING, BRIER = "auc", "brier"
OF_THE_LAST_ROUND = {"classification": (RANKING, BRIER), "segmentation": (DISTANCE, CALIBRATION)}  # judged by no check
THRESHOLD = 0.5  # a patient is flagged when the score reaches it; here, as those who only compare do without torch


@dataclass(frozen=True)
class Sums:
    """Count, sum and sum of squares of a metric over the patients for whom it is defined."""

    n: int
    total: float
    total_sq: float

    @property
    def mean(self) -> float | None:
        """Mean in [0, 1]; None when no patient is counted (never 0, never NaN)."""
        return self.total / self.n if self.n else None

    @property
    def variance(self) -> float | None:
        """Unbiased variance; None below two patients."""
        if self.n < 2:
            return None
        return max(0.0, (self.total_sq - self.total**2 / self.n) / (self.n - 1))

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.total + other.total, self.total_sq + other.total_sq)


@dataclass(frozen=True)
class Cell:
    """One site and one combination of attributes, e.g. cleveland, {sex: female, age_band: 60+}."""

    site: str
    attributes: Mapping[str, str]
    n: int  # patients
    metrics: Mapping[str, Sums]
    confusion: Mapping[str, int]  # tp fp tn fn, by patient; segmentation: lesion present / any voxel flagged

    def as_dict(self) -> dict:
        return {
            "site": self.site,
            "attributes": dict(self.attributes),
            "n": self.n,
            "metrics": {k: [v.n, v.total, v.total_sq] for k, v in self.metrics.items()},
            "confusion": dict(self.confusion),
        }

    @classmethod
    def from_dict(cls, raw: Mapping) -> Cell:
        metrics = {k: Sums(int(n), float(total), float(sq)) for k, (n, total, sq) in raw["metrics"].items()}
        return cls(raw["site"], dict(raw["attributes"]), int(raw["n"]), metrics, dict(raw["confusion"]))


def tabulate(
    *,
    site: str,
    groups: Mapping[str, NDArray[np.str_]],
    metrics: Mapping[str, NDArray[np.floating]],
    truth: NDArray[np.bool_],
    flagged: NDArray[np.bool_],
) -> list[Cell]:
    """Count one site's patients into cells.

    Parameters
    ----------
    groups : attribute to group of each patient, arrays of shape (n,)
    metrics : metric to value of each patient in [0, 1], NaN where undefined, arrays of shape (n,)
    truth, flagged : ndarray of bool, shape (n,)
        Whether the patient has the condition, and whether the model said so.
    """
    names = sorted(groups)
    keys = list(zip(*(groups[name].tolist() for name in names), strict=True)) if names else [()] * len(truth)
    cells = []
    for key in sorted(set(keys)):
        rows = np.fromiter((k == key for k in keys), dtype=bool, count=len(keys))
        sums = {}
        for name, values in metrics.items():
            defined = values[rows][~np.isnan(values[rows])].astype(float)
            sums[name] = Sums(int(defined.size), float(defined.sum()), float((defined**2).sum()))
        t, f = truth[rows], flagged[rows]
        confusion = {"tp": t & f, "fp": ~t & f, "tn": ~t & ~f, "fn": t & ~f}
        counts = {k: int(v.sum()) for k, v in confusion.items()}
        cells.append(Cell(site, dict(zip(names, key, strict=True)), int(rows.sum()), sums, counts))
    return cells


def merge(cells: Iterable[Cell], by: Sequence[str], metric: str) -> dict[tuple[str, ...], Sums]:
    """Add cells up to the groups of some attributes; the attribute ``site`` is the cell's site.

    Returns a mapping from the tuple of group names (in the order of `by`) to the sums of `metric`.
    """
    out: dict[tuple[str, ...], Sums] = {}
    for cell in cells:
        key = tuple(cell.site if name == "site" else cell.attributes[name] for name in by)
        out[key] = out.get(key, Sums(0, 0.0, 0.0)) + cell.metrics.get(metric, Sums(0, 0.0, 0.0))
    return out
