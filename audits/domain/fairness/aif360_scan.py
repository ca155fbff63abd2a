"""AIF360's own subset scan (`bias_scan`) on the patients behind the cells, beside ours.

It climbs from random starts and so may miss the best subgroup, it knows no smallest size and gives no p-value; its
score is the same log likelihood ratio. Two traps are handled: it seeds numpy's global generator, and its import
writes to the root logger.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audits.domain.fairness.aif360_metrics import quiet_import
from audits.domain.fairness.groups import SITE, attributes_of
from audits.domain.fairness.subgroups import words
from federation.domain.data.dataset import UNKNOWN
from federation.domain.group_rates import Cell

MOST_PATIENTS = 50_000  # its time grows with the rows; beyond, our exact search stands alone
_COUNTS = {"tpr": ("fn", "tp"), "fpr": ("fp", "tn")}  # harmed, not harmed


@dataclass(frozen=True)
class Aif360Scan:
    """The subgroup that AIF360 found for one harm, in words, and its score (>= 0); or why there is none."""

    metric: str
    subgroup: str
    score: float | None
    reason: str = ""


def aif360_scan(cells: Sequence[Cell], metric: str, *, starts: int = 5) -> Aif360Scan:
    """Scan for a subgroup that is harmed more often than everybody.

    Parameters
    ----------
    metric : "tpr" (the harm is to be missed) or "fpr" (to be flagged though healthy)
    starts : int
        Random starts of its climb.
    """
    harmed, spared = _COUNTS[metric]
    counts = np.array([(cell.confusion[harmed], cell.confusion[spared]) for cell in cells], dtype=np.int64)
    counts = counts.reshape(len(cells), 2)
    total = int(counts.sum())
    if not 0 < int(counts[:, 0].sum()) < total:
        return Aif360Scan(metric, "", None, "nobody or everybody is harmed")
    if total > MOST_PATIENTS:
        return Aif360Scan(metric, "", None, f"more than {MOST_PATIENTS:,} patients, too many for AIF360's scan")
    pandas = importlib.import_module("pandas")
    columns = {name: [cell.attributes.get(name, UNKNOWN) for cell in cells] for name in attributes_of(cells)}
    columns[SITE] = [cell.site for cell in cells]
    rows = np.repeat(np.arange(len(cells)), counts.sum(axis=1))
    data = pandas.DataFrame({name: np.array(own, dtype=object)[rows] for name, own in columns.items()}, dtype=object)
    outcome = np.concatenate([np.repeat([1, 0], pair) for pair in counts])
    scan = quiet_import("aif360.detectors.mdss_detector").bias_scan
    before = np.random.get_state()  # noqa: NPY002 - AIF360 seeds the global generator; what it was is put back
    try:
        subset, score = scan(data, pandas.Series(outcome), overpredicted=False, scoring="Bernoulli", num_iters=starts)
    finally:
        np.random.set_state(before)  # noqa: NPY002 - as above
    described = {  # it may name every group of an attribute, which is no condition
        str(name): tuple(sorted(map(str, groups)))
        for name, groups in sorted(subset.items())
        if set(groups) < set(columns[name])
    }
    return Aif360Scan(metric, words(described), max(0.0, float(score)))
