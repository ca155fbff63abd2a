"""A threshold for each group: what it would bring. Chosen on validation patients, judged on audit patients.

Sites send counts by group, label and score bin; the platform solves the choice exactly, by annealing and by circuits,
and puts Fairlearn beside it. Nothing is changed by this: it is a proposal, which people may record or leave.

With `epsilon` over 0 an answer is epsilon-differentially private for one patient of either fold, as far as
`threshold_noise` says: every group that the site's manifest names gets a row, whether or not a fold has such patients,
and no exact number goes out. That holds for one answer. A site that is asked again draws fresh noise, and what it spent
is the sum; the ledger of training does not count it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audits.domain.fairness import thresholds as method
from audits.domain.fairness.threshold_bounds import LEVEL
from audits.domain.fairness.threshold_noise import noise_variance, noised
from audits.domain.fairness.thresholds import Outcome, Proposal, ScoreCounts
from audits.domain.verdict import Verdict
from audits.predeployment.checks import thresholds_report as report
from audits.predeployment.checks.base import Check, Gathered, NotMeasured, Parameter, Principle, Result, Runtime
from audits.predeployment.checks.cells import require, scored
from federation.domain.data.dataset import UNKNOWN

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite

FOLDS = ("validation", "audit")
OUTDATED = "expected no exact number of patients with noised counts. Update this site's worker and run the audit again"
Counts = dict[str, dict[str, ScoreCounts]]  # attribute, group


@dataclass(frozen=True)
class SiteCounts:
    """One site's counts of both folds. How many patients the audit has is None where counts are noised."""

    patients: int | None
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
        Parameter("epsilon", 0.0, "Privacy of each answer of a site by geometric noise; 0: exact.", 0.0, 20.0),
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
        return {"counts": counts} | ({} if at.settings["epsilon"] else {"n_patients": at.audit.n_patients})

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> SiteCounts:
        size, epsilon = settings["levels"] + 1, settings["epsilon"]
        folds = {fold: _read_counts(raw["counts"][fold], size, epsilon) for fold in FOLDS}
        if epsilon:
            outdated = "n_patients" in raw
            require(not outdated, OUTDATED)
            return SiteCounts(None, folds)
        n = raw["n_patients"]
        require(type(n) is int and n > 0, f"expected a number of patients, got {n!r}")
        for attribute, groups in folds["audit"].items():
            total = sum(counts.n for counts in groups.values())
            require(total <= n, f"expected at most {n} patients by {attribute}, got {total}")
        return SiteCounts(n, folds)

    def conclude(self, gathered: Gathered) -> Result:
        settings = gathered.settings
        choosing, judging = (_pooled([answer.folds[fold] for answer in gathered.each]) for fold in FOLDS)
        proposals, reasons = _proposed(choosing, judging, settings)
        noise = report.noise(settings["epsilon"])
        if not proposals:
            return Result(Verdict.NOT_ASSESSABLE, (*(reasons or ["No attribute of the patients is recorded."]), *noise))
        beside = {p.attribute: _fairlearn(p, choosing, judging) for p in proposals}
        first = proposals[0]
        return Result(
            Verdict.NOT_ASSESSABLE,
            (*map(report.sentence, proposals), report.looked_at(first, len(choosing), len(proposals)), *noise,
             report.solved(proposals), report.NO_CHANGE, *reasons),
            first.after_gap.value, first.after_gap.lower, first.after_gap.upper, level=LEVEL,
            change="Nothing would: these figures inform.",
            tables=tuple(table for p in proposals for table in report.tables(p, beside[p.attribute])),
            figures=(report.figure(proposals),),
            evidence={
                "proposals": [report.told(p, beside[p.attribute]) for p in proposals], "not_proposed": reasons,
                "grid": method.levels(settings["levels"], settings["step"]), "attributes": sorted(choosing),
                "counts": " ".join(noise) or "exact",
            },
            seeds={"solvers, from 0 to": settings["seeds"] - 1},
        )  # fmt: skip


def _proposed(choosing: Counts, judging: Counts, settings: Mapping[str, Any]) -> tuple[list[Proposal], list[str]]:
    """Proposals and reasons for none. The proposal for the attribute with the largest gap at 0.5 comes first.

    That gap is of the patients used for choosing: picked on those who judge it, the largest would shrink by itself.
    """
    proposals: list[Proposal] = []
    reasons: list[str] = []
    for attribute in sorted(choosing):
        found = method.propose(
            attribute, choosing[attribute], judging.get(attribute, {}),
            method.levels(settings["levels"], settings["step"]), weight=settings["weight"],
            fewest=settings["min_count"], seeds=range(settings["seeds"]),
        )  # fmt: skip
        if isinstance(found, Proposal):
            proposals.append(found)
        else:
            reasons.append(f"For {attribute} no thresholds are proposed: {found}.")
    return sorted(proposals, key=lambda p: -p.chosen_before.gap), reasons


def _counted(at: AtSite, fold: str, grid: Sequence[float]) -> list[list[Any]]:
    data, scores, named = getattr(at.bench.splits, fold), scored(at, "primary", fold), _named(at)
    rows = []
    for attribute, groups in named.items():
        found = method.count_scores(scores.score, scores.truth, data.groups[attribute], grid)
        for group in groups:
            counts = found.get(group, ScoreCounts.none(len(grid)))
            if at.settings["epsilon"]:  # from the system, not the audit's seed: whoever knows the noise can take it off
                share = at.settings["epsilon"] / len(named)
                counts = noised(counts, share, np.random.default_rng(secrets.randbits(128)))
            rows.append([attribute, group, list(counts.ill), list(counts.healthy)])
    return rows


def _named(at: AtSite) -> dict[str, list[str]]:
    """Attributes and groups of all the site's patients, in training too: its manifest names the same.

    The names among the patients of a fold alone would tell that somebody is in it.
    """
    splits = at.bench.splits
    found: dict[str, set[str]] = {}
    for data in (splits.train, splits.validation, splits.audit):
        for attribute, groups in data.groups.items():
            found.setdefault(attribute, set()).update(groups.tolist())
    return {attribute: sorted(groups - {UNKNOWN}) for attribute, groups in sorted(found.items()) if groups - {UNKNOWN}}


def _read_counts(rows: Sequence[Any], size: int, epsilon: float) -> Counts:
    """One fold. Counts below 0 are noise, and are kept: they cancel what noise adds at other sites and scores."""
    lowest = "whole numbers" if epsilon else "counts of 0 or more"
    out: Counts = {}
    for attribute, group, ill, healthy in rows:
        require(isinstance(attribute, str) and isinstance(group, str), "expected groups as texts")
        require(group not in out.setdefault(attribute, {}), f"expected {attribute} = {group} once")
        for values in (ill, healthy):
            whole = len(values) == size and all(type(v) is int and (v >= 0 or epsilon) for v in values)
            require(whole, f"expected {size} {lowest}, got {values!r}")
        out[attribute][group] = ScoreCounts(tuple(ill), tuple(healthy))
    if not epsilon or not out:
        return out
    noise = noise_variance(epsilon / len(out))  # a site shares epsilon over its attributes
    return {
        attribute: {group: replace(counts, noise=noise) for group, counts in groups.items()}
        for attribute, groups in out.items()
    }


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

    folds = ([table[found.attribute][group].clipped() for group in found.groups] for table in (choosing, judging))
    return fairlearn_outcome(*folds)
