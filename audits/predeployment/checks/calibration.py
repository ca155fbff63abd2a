"""Calibration by group, before and after a recalibration of each group. Sites send sums of bins only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from audits.domain.fairness import calibration as method
from audits.domain.fairness.groups import SITE
from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    Check,
    Direction,
    Figure,
    Gathered,
    Limit,
    NotMeasured,
    Parameter,
    Principle,
    Result,
    Table,
)  # fmt: skip
from audits.predeployment.checks.cells import require, scored
from federation.domain.data.dataset import UNKNOWN
from federation.domain.run_config import MODEL_NAMES

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite

EVERYBODY = "everybody"
FEWEST_FOR_FIT = 10  # validation patients of a group; with fewer the fit of the whole site serves
Key = tuple[str, str]  # attribute and group


@dataclass(frozen=True)
class GroupSums:
    """One group at one site, before and after; `change` of the squared error is (n, sum, sum of squares)."""

    before: method.Reliability
    after: method.Reliability
    change: tuple[int, float, float]
    fitted_on: int


class Calibration(Check):
    id = "calibration"
    title = "Calibration by group"
    principle = Principle.FAIRNESS
    question = "Does a score mean the same for every group, and would recalibrating each group help?"
    inputs = ("audit patients and their attributes", "validation patients", "both models")
    tasks = ("classification",)
    limit = Limit("threshold", Direction.AT_MOST)
    parameters = (
        Parameter("threshold", 0.1, "The largest calibration error of a group that is tolerated.", 0.01, 0.5,
                  tightens="down"),
        Parameter("confidence", 0.95, "How sure all bounds together are.", 0.9, 0.999, tightens="up"),
        Parameter("min_count", 30, "The fewest patients of a group to be judged.", 10, 10_000),
        Parameter("draws", 2000, "Simulated repetitions that the bounds come from.", 500, 100_000),
    )  # fmt: skip
    libraries = ("numpy",)

    def measure(self, at: AtSite) -> dict[str, Any]:
        if at.task != "classification":
            raise NotMeasured("the model outlines lesions and gives no score of a patient")
        found = {}
        for step, name in enumerate(MODEL_NAMES):
            at.tell(f"calibration of the {name} model", step, len(MODEL_NAMES))
            found[name] = _at_site(at, name)
        return {"n_patients": at.audit.n_patients, "models": found}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, dict[Key, GroupSums]]:
        out: dict[str, dict[Key, GroupSums]] = {}
        for name in MODEL_NAMES:
            out[name] = {}
            for attribute, group, row in raw["models"][name]:
                require(isinstance(attribute, str) and isinstance(group, str), "expected groups as texts")
                require((attribute, group) not in out[name], f"expected {attribute} = {group} once")
                out[name][attribute, group] = _group(row, raw["n_patients"])
        return out

    def conclude(self, gathered: Gathered) -> Result:
        found, twin = (_judged(gathered, model) for model in MODEL_NAMES)
        limit = gathered.settings["threshold"]
        if not found:
            few = f"No group has {gathered.settings['min_count']} patients, so no calibration could be judged."
            return Result(Verdict.NOT_ASSESSABLE, (few,), threshold=limit)
        worst = max(found, key=lambda row: row["before"])
        lower, upper = max(row["lower"] for row in found), max(row["upper"] for row in found)
        judged = [row["attribute"] for row in found if row["attribute"] not in (EVERYBODY, SITE)]
        compared = any(judged.count(name) > 1 for name in judged)  # a pass needs groups of patients that were looked at
        verdict = Verdict.PASS if upper <= limit and compared else Verdict.INCONCLUSIVE
        return Result(
            Verdict.FAIL if lower > limit else verdict, _sentences(found, twin, worst, lower, upper),
            worst["before"], lower, upper, limit,
            gathered.settings["confidence"],
            tables=(_table("Quantum model", found), _table("Classical twin", twin)),
            figures=(_figure(found, limit),),
            evidence={"groups": found, "twin": twin, "tenths": method.TENTHS, "fewest_in_bin": method.FEWEST_IN_BIN},
            seeds={"bounds": gathered.seed},
        )  # fmt: skip


def _at_site(at: AtSite, model: str) -> list[list[Any]]:
    audit, validation = scored(at, model), at.bench.splits.validation
    learn = scored(at, model, "validation") if validation.n_patients else None
    whole = method.fit_platt(learn.score, learn.truth) if learn is not None else method.Platt()
    rows = []
    everybody = np.full(at.audit.n_patients, EVERYBODY)
    for attribute, groups in {EVERYBODY: everybody, **at.audit.groups}.items():
        for group in sorted(set(groups.tolist()) - {UNKNOWN}):
            mine, line, used = groups == group, whole, 0
            if learn is not None:
                theirs = validation.groups.get(attribute, np.full(validation.n_patients, EVERYBODY)) == group
                used = int(theirs.sum())
                if attribute != EVERYBODY and used >= FEWEST_FOR_FIT:
                    line = method.fit_platt(learn.score[theirs], learn.truth[theirs], towards=whole)
            rows.append([attribute, group, _sums(audit.score[mine], audit.truth[mine], line, used)])
    return rows


def _sums(score: Any, ill: Any, line: method.Platt, used: int) -> dict[str, Any]:
    after = line.apply(score)
    if len(score) < method.FEWEST_IN_BIN:  # the sums of a few patients would say too much of each
        score, ill, after = score[:0], ill[:0], after[:0]
    change = (after - ill) ** 2 - (score - ill) ** 2
    return {
        "before": method.reliability(score, ill).as_dict(), "after": method.reliability(after, ill).as_dict(),
        "change": [len(change), float(change.sum()), float((change**2).sum())], "fitted_on": used,
    }  # fmt: skip


def _group(raw: Mapping[str, Any], n_patients: int) -> GroupSums:
    n, total, squares = raw["change"]
    found = GroupSums(
        method.Reliability.from_dict(raw["before"]), method.Reliability.from_dict(raw["after"]),
        (int(n), float(total), float(squares)), int(raw["fitted_on"]),
    )  # fmt: skip
    require(0 <= n <= n_patients and found.fitted_on >= 0, f"expected 0 to {n_patients} patients in a group, got {n}")
    require(abs(total) <= n and 0 <= squares <= n, "expected changes of the squared error within [-1, 1]")
    for part in (found.before, found.after):
        counted = sum(b.n for b in part.bins)
        require(counted == n, f"expected the bins to hold {n} patients, got {counted}")
        require(len(part.bins) <= method.MOST_BINS, f"expected at most {method.MOST_BINS} bins, got {len(part.bins)}")
        require(0 <= part.squared <= n, "expected squared errors within [0, 1]")
        for b in part.bins:
            possible = b.n >= method.FEWEST_IN_BIN and 0 <= b.score <= b.n + 1e-6 and 0 <= b.ill <= b.n
            require(possible and math.isfinite(b.logit), "expected scores and labels of a bin within [0, 1]")
    require(sum(b.ill for b in found.before.bins) == sum(b.ill for b in found.after.bins), "expected the same labels")
    return found


def _judged(gathered: Gathered, model: str) -> list[dict[str, Any]]:
    """Each group with enough patients, over all sites: figures before and after, with bounds."""
    by_group: dict[Key, list[GroupSums]] = {}
    for site in sorted(gathered.answers):
        for answer in gathered.answers[site]:
            for (attribute, group), sums in answer[model].items():
                by_group.setdefault((attribute, group), []).append(sums)
                if attribute == EVERYBODY and len(gathered.answers) > 1:
                    by_group.setdefault((SITE, site), []).append(sums)
    enough = {
        key: rows for key, rows in by_group.items()
        if sum(row.change[0] for row in rows) >= gathered.settings["min_count"]
    }  # fmt: skip
    if not enough:
        return []
    level, draws = gathered.settings["confidence"], gathered.settings["draws"]
    rng = np.random.default_rng([gathered.seed, MODEL_NAMES.index(model)])
    bounds = {}
    for when in ("before", "after"):
        pooled = [method.pooled([b for row in rows for b in getattr(row, when).bins]) for rows in enough.values()]
        held = method.simultaneous_bounds(pooled, confidence=level, draws=draws, rng=rng)
        bounds[when] = dict(zip(enough, zip(pooled, held, strict=True), strict=True))
    return [_row(key, rows, bounds["before"][key], bounds["after"][key], level) for key, rows in sorted(enough.items())]


def _row(key: Key, rows: list[GroupSums], before: Any, after: Any, level: float) -> dict[str, Any]:
    (bins, (lower, upper)), (bins_after, (after_lower, after_upper)) = before, after
    n, total, squares = (sum(row.change[i] for row in rows) for i in range(3))
    z = NormalDist().inv_cdf(0.5 + level / 2)
    mean = total / n
    reach = z * math.sqrt(max(squares / n - mean**2, 0.0) / max(n - 1, 1))
    line = method.recalibration_line([b for row in rows for b in row.before.bins])
    slope, error = (None, 0.0) if line is None else line[1]
    return {
        "attribute": key[0], "group": key[1], "n": n, "fitted_on": sum(row.fitted_on for row in rows),
        "observed": sum(b.ill for b in bins) / n, "predicted": sum(b.score for b in bins) / n,
        "before": method.expected_calibration_error(bins), "lower": lower, "upper": upper,
        "after": method.expected_calibration_error(bins_after), "after_lower": after_lower, "after_upper": after_upper,
        "intercept": None if line is None else line[0][0],
        "slope": slope, "slope_lower": None if slope is None else slope - z * error,
        "slope_upper": None if slope is None else slope + z * error,
        "brier": sum(row.before.squared for row in rows) / n,
        "brier_change": mean, "brier_change_lower": mean - reach, "brier_change_upper": mean + reach,
        "reliability": [[b.score / b.n, b.ill / b.n, b.n] for b in bins],
    }  # fmt: skip


def _named(row: Mapping[str, Any]) -> str:
    return EVERYBODY if row["attribute"] == EVERYBODY else f"{row['attribute']} = {row['group']}"


def _sentences(
    found: list[dict[str, Any]], twin: list[dict[str, Any]], worst: Mapping[str, Any], lower: float, upper: float
) -> tuple[str, ...]:
    said = [
        f"Scores and observed disease differ most for {_named(worst)}: by {worst['before']:.3f} on average over "
        f"{worst['n']} patients. The largest error of any group lies between {lower:.3f} and {upper:.3f}.",
        f"For that group {worst['predicted']:.1%} were predicted ill and {worst['observed']:.1%} were.",
    ]
    groups = [row for row in found if row["attribute"] != EVERYBODY]
    better = [_named(row) for row in groups if row["brier_change_upper"] < 0]
    poorer = [_named(row) for row in groups if row["brier_change_lower"] > 0]
    said.append(
        f"Recalibrating each group on validation patients takes the error of that group to {worst['after']:.3f} "
        f"({worst['after_lower']:.3f} to {worst['after_upper']:.3f})."
    )
    said.append(f"It makes scores more accurate for {', '.join(better)}." if better else
                "It is not shown to make scores more accurate for any group.")  # fmt: skip
    if poorer:
        said.append(f"It makes them less accurate for {', '.join(poorer)}.")
    if twin:
        other = max(row["before"] for row in twin)
        less = other > worst["before"]
        apart = max(row["lower"] for row in twin) > upper if less else lower > max(row["upper"] for row in twin)
        said.append(
            f"The largest error of the classical twin is {other:.3f}: {'more' if less else 'no more'} than that of the "
            f"quantum model{'' if apart else ', within the uncertainty of both'}."
        )
    return tuple(said)


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    names = ("n", "predicted", "observed", "before", "lower", "upper", "slope", "slope_lower", "slope_upper", "after",
             "after_lower", "after_upper", "brier_change", "brier_change_lower", "brier_change_upper",
             "fitted_on")  # fmt: skip
    columns = ("Group", "Patients", "Predicted ill", "Ill", "Error", "At least", "At most", "Slope", "from", "to",
               "Error after", "At least", "At most", "Brier change", "from", "to", "Fitted on")  # fmt: skip
    cells = tuple((_named(row), *(row[name] for name in names)) for row in rows)
    note = "Bounds of errors hold together; those of slope and Brier change for one group alone. Slope 1 is calibrated."
    return Table(title, columns, cells, note)


def _figure(found: list[dict[str, Any]], limit: float) -> Figure:
    rows = []
    for row in found:
        for when, name in (("before", "as it is"), ("after", "recalibrated")):
            low, high = ("lower", "upper") if when == "before" else ("after_lower", "after_upper")
            rows.append((f"{_named(row)}, {name}", row[when], row[low], row[high], "plain"))
    return Figure(
        "intervals", "Calibration error by group", tuple(rows), {"threshold": limit, "x_label": "Error, 0 to 1"}
    )
