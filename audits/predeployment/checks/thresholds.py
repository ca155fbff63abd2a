"""A threshold for each group: what it would bring. Chosen on validation patients, judged on audit patients.

Sites send counts by group, label and score bin; the platform solves the choice exactly, by annealing and by circuits,
and puts Fairlearn beside it. Nothing is changed by this: it is a proposal, which people may record or leave.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audits.domain.fairness import thresholds as method
from audits.domain.fairness.thresholds import Change, Outcome, Proposal, ScoreCounts
from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    Check,
    Figure,
    Gathered,
    NotMeasured,
    Parameter,
    Principle,
    Result,
    Runtime,
    Table,
)
from audits.predeployment.checks.cells import require, scored
from federation.domain.data.dataset import UNKNOWN
from federation.domain.learning.evaluation import THRESHOLD
from federation.domain.quantum.solvers.comparison import Row

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite

FOLDS = ("validation", "audit")
Counts = dict[str, dict[str, ScoreCounts]]  # attribute, group
_NO_CHANGE = (
    f"Nothing is changed by this: the model decides at {THRESHOLD} for everybody. Thresholds by group treat patients "
    "with the same score differently, which needs clinical and legal approval."
)


@dataclass(frozen=True)
class SiteCounts:
    """One site's counts of both folds."""

    patients: int  # of the audit
    folds: Mapping[str, Counts]


class Thresholds(Check):
    id = "thresholds"
    title = "Thresholds by group"
    principle = Principle.FAIRNESS
    question = "Would a decision threshold of its own for each group treat the groups more alike, and at what price?"
    inputs = ("validation patients, for choosing", "audit patients, for judging", "the quantum model")
    tasks = ("classification",)
    runtime = Runtime.MINUTES
    parameters = (
        Parameter("levels", 7, "How many thresholds a group may choose from; odd.", 3, 15),
        Parameter("step", 0.1, "How far they are apart, around 0.5.", 0.01, 0.2),
        Parameter("weight", 2.0, "What a squared gap costs, in shares of wrong decisions.", 0.1, 100.0),
        Parameter("min_count", 5, "The fewest ill, and healthy, patients of a group in either fold.", 2, 10_000),
        Parameter("epsilon", 0.0, "Privacy of a site's counts by geometric noise; 0: exact counts.", 0.0, 20.0),
        Parameter("seeds", 5, "How often each solver that draws is run.", 1, 20),
    )
    libraries = ("fairlearn", "scipy", "numpy")

    def measure(self, at: AtSite) -> dict[str, Any]:
        if not at.bench.splits.validation.n_patients:
            raise NotMeasured("there are no validation patients here to choose by")
        grid = method.levels(at.settings["levels"], at.settings["step"])
        counts = {}
        for step, fold in enumerate(FOLDS):
            at.tell(f"counting scores of {fold} patients", step, len(FOLDS))
            counts[fold] = _counted(at, fold, grid)
        return {"n_patients": at.audit.n_patients, "counts": counts}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> SiteCounts:
        n, size = raw["n_patients"], settings["levels"] + 1
        require(type(n) is int and n > 0, f"expected a number of patients, got {n!r}")
        folds = {fold: _read_counts(raw["counts"][fold], size) for fold in FOLDS}
        if not settings["epsilon"]:
            for attribute, groups in folds["audit"].items():
                total = sum(counts.n for counts in groups.values())
                require(total <= n, f"expected at most {n} patients by {attribute}, got {total}")
        return SiteCounts(n, folds)

    def conclude(self, gathered: Gathered) -> Result:
        settings = gathered.settings
        grid = method.levels(settings["levels"], settings["step"])
        choosing, judging = (_pooled([answer.folds[fold] for answer in gathered.each]) for fold in FOLDS)
        proposals: list[Proposal] = []
        reasons: list[str] = []
        for attribute in sorted(choosing):
            found = method.propose(
                attribute, choosing[attribute], judging.get(attribute, {}), grid, weight=settings["weight"],
                fewest=settings["min_count"], seeds=range(settings["seeds"]),
                rng=np.random.default_rng([gathered.seed, *attribute.encode()]),
            )  # fmt: skip
            if isinstance(found, Proposal):
                proposals.append(found)
            else:
                reasons.append(f"For {attribute} no thresholds are proposed: {found}.")
        if not proposals:
            return Result(Verdict.NOT_ASSESSABLE, tuple(reasons) or ("No attribute of the patients is recorded.",))
        beside = {p.attribute: _fairlearn(p, choosing, judging) for p in proposals}
        proposals.sort(key=lambda p: -p.before.gap)
        first = proposals[0]
        return Result(
            Verdict.NOT_ASSESSABLE,
            (*map(_sentence, proposals), _solved(proposals), _NO_CHANGE, *reasons),
            first.after_gap.value, first.after_gap.lower, first.after_gap.upper, level=method.LEVEL,
            change="Nothing would: these figures inform.",
            tables=tuple(t for p in proposals for t in (_choices(p), _outcomes(p, beside[p.attribute]), _solvers(p))),
            figures=(_figure(proposals),),
            evidence={
                "proposals": [_told(p, beside[p.attribute]) for p in proposals], "grid": grid, "not_proposed": reasons,
                "counts": f"noised at each site, epsilon {settings['epsilon']:g}" if settings["epsilon"] else "exact",
            },
            seeds={"bootstrap": gathered.seed, "solvers, from 0 to": settings["seeds"] - 1},
        )  # fmt: skip


def _counted(at: AtSite, fold: str, grid: Sequence[float]) -> list[list[Any]]:
    data, found = getattr(at.bench.splits, fold), scored(at, "primary", fold)
    rows = []
    for attribute, groups in sorted(data.groups.items()):
        for group, counts in method.count_scores(found.score, found.truth, groups, grid).items():
            if group == UNKNOWN:
                continue
            if at.settings["epsilon"]:  # from the system, not the audit's seed: whoever knows the noise can take it off
                share = at.settings["epsilon"] / len(data.groups)
                counts = method.noised(counts, share, np.random.default_rng(secrets.randbits(128)))
            rows.append([attribute, group, list(counts.ill), list(counts.healthy)])
    return rows


def _read_counts(rows: Sequence[Any], size: int) -> Counts:
    out: Counts = {}
    for attribute, group, ill, healthy in rows:
        require(isinstance(attribute, str) and isinstance(group, str), "expected groups as texts")
        require(group not in out.setdefault(attribute, {}), f"expected {attribute} = {group} once")
        for values in (ill, healthy):
            whole = len(values) == size and all(type(v) is int and v >= 0 for v in values)
            require(whole, f"expected {size} counts of 0 or more, got {values!r}")
        out[attribute][group] = ScoreCounts(tuple(ill), tuple(healthy))
    return out


def _pooled(tables: Sequence[Counts]) -> Counts:
    out: Counts = {}
    for table in tables:
        for attribute, groups in table.items():
            mine = out.setdefault(attribute, {})
            for group, counts in groups.items():
                mine[group] = mine[group] + counts if group in mine else counts
    return out


def _fairlearn(found: Proposal, choosing: Counts, judging: Counts) -> Outcome | None:
    from audits.domain.fairness.fairlearn_thresholds import fairlearn_outcome

    folds = ([table[found.attribute][group] for group in found.groups] for table in (choosing, judging))
    return fairlearn_outcome(*folds)


def _sentence(p: Proposal) -> str:
    named = ", ".join(f"{t:g} for {group}" for group, t in zip(p.groups, p.thresholds, strict=True))
    return (
        f"With thresholds of {named}, the larger of the TPR and FPR gaps by {p.attribute} would be {p.after.gap:.3f} "
        f"instead of {p.before.gap:.3f} (change {_interval(p.gap)}), and accuracy {p.after.accuracy:.3f} instead of "
        f"{p.before.accuracy:.3f} (change {_interval(p.accuracy)}), on {p.n_judged} patients not used for choosing."
    )


def _interval(change: Change) -> str:
    return f"{change.value:+.3f}, {change.lower:+.3f} to {change.upper:+.3f}"


def _solved(proposals: Sequence[Proposal]) -> str:
    """Who was needed: never the quantum computer, where listing all choices is exact."""
    said = []
    for p in proposals:
        rows = {row.solver: row for row in p.solvers.rows}
        qaoa = rows["QAOA"]
        if qaoa.p_optimum.mean is not None and qaoa.p_uniform is not None:
            said.append(f"{qaoa.p_optimum.mean:.3f} by {p.attribute} ({qaoa.p_uniform:.3f} at random)")
    listed = "Listing every choice gives the exact optimum at once, so no quantum computer is needed here."
    return f"{listed} A shot of QAOA is an optimum with probability {'; '.join(said)}." if said else listed


def _choices(p: Proposal) -> Table:
    rows = [
        (group, threshold, *values)
        for group, threshold, *values in zip(
            p.groups, p.thresholds, p.before.tpr, p.after.tpr, p.before.fpr, p.after.fpr, strict=True
        )
    ]
    rows += [(group, THRESHOLD, None, None, None, None) for group in p.left_alone]
    note = "Rates on audit patients. Groups without rates have too few patients and would keep the usual threshold."
    columns = ("Group", "Threshold", "TPR at 0.5", "TPR proposed", "FPR at 0.5", "FPR proposed")
    return Table(f"Proposed thresholds by {p.attribute}", columns, tuple(rows), note)


def _outcomes(p: Proposal, beside: Outcome | None) -> Table:
    named = [("0.5 for everybody", p.before), ("As proposed", p.after), ("As proposed, where it was chosen", p.chosen)]
    if beside is not None:
        named.append(("Fairlearn's equalised odds, partly by lot", beside))
    rows = tuple((name, o.tpr_gap, o.fpr_gap, o.accuracy) for name, o in named)
    note = "On audit patients but for the third row. Fairlearn may flag one of two equal patients of a group by lot."
    return Table(f"What it would bring by {p.attribute}", ("Decisions", "TPR gap", "FPR gap", "Accuracy"), rows, note)


def _solvers(p: Proposal) -> Table:
    table = p.solvers
    rows = tuple(_solver(row) for row in table.rows)
    columns = ("Solver", "Lowest cost", "P(optimum)", "from", "to", "P at random", "Approximation ratio", "Found",
               "Evaluations", "Shots", "Layers", "Backend")  # fmt: skip
    note = (
        f"{table.n_bits} bits, {table.n_states} allowed choices, seeds {table.seeds[0]} to {table.seeds[-1]}. "
        "P(optimum) is that of one draw, with its interval over seeds; Found, the share of seeds whose best draw is "
        "the optimum."
    )
    return Table(f"Solvers for {p.attribute}", columns, rows, note)


def _solver(row: Row) -> tuple[Any, ...]:
    best = row.best
    figures = (row.p_optimum.mean, row.p_optimum.lower, row.p_optimum.upper, row.p_uniform, row.ratio.mean, row.found)
    if best is None:
        return (row.solver, None, *figures, row.evaluations, None, None, row.refused)
    return (row.solver, best.energy, *figures, row.evaluations, best.shots, best.depth, best.backend)


def _told(p: Proposal, beside: Outcome | None) -> dict[str, Any]:
    """Without wall times, so that the same answers give the same digest."""
    told = p.as_dict()
    for row in told["solvers"]["rows"]:
        row.pop("seconds")
        if row["best"]:
            row["best"].pop("seconds")
    return told | {"fairlearn": None if beside is None else {
        "tpr_gap": beside.tpr_gap, "fpr_gap": beside.fpr_gap, "accuracy": beside.accuracy}}  # fmt: skip


def _figure(proposals: Sequence[Proposal]) -> Figure:
    rows = []
    for p in proposals:
        before = p.before.gap
        rows += [(f"{p.attribute}, at 0.5", before, before, before, "plain")]
        rows += [(f"{p.attribute}, proposed", p.after_gap.value, p.after_gap.lower, p.after_gap.upper, "plain")]
    return Figure("intervals", "Larger of TPR and FPR gap", tuple(rows), {"threshold": None, "x_label": "Gap, 0 to 1"})
