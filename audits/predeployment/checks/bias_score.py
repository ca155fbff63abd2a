"""The bias score of the model under audit. It gates."""

from __future__ import annotations

from typing import Literal

from audits.domain.fairness.bias_result import BiasScore as Found
from audits.domain.fairness.bias_result import words
from audits.domain.fairness.bias_score import bias_score
from audits.domain.verdict import Verdict
from audits.predeployment.checks import base
from audits.predeployment.checks.base import Direction, Gathered, Limit, Parameter, Principle, Result, Runtime
from audits.predeployment.checks.cells import CellsCheck, cells_of

ModelName = Literal["primary", "baseline"]
PARAMETERS = (
    Parameter("threshold", 0.1, "The largest gap between two groups that is tolerated.", 0.001, 0.5, tightens="down"),
    Parameter("confidence", 0.95, "How sure all bounds together are.", 0.9, 0.999, tightens="up"),
    Parameter("min_count", 30, "The fewest patients of a group, for each metric, to be compared.", 10, 10_000),
    Parameter("min_patients_site", 20, "The fewest patients of a site to be compared with others.", 10, 10_000),
    Parameter("draws", 2000, "Simulated repetitions that the bounds come from.", 500, 100_000),
)


class BiasScore(CellsCheck):
    id = "bias_score"
    title = "Bias score"
    principle = Principle.FAIRNESS
    question = "Does the model fare equally well for all groups of patients, also where several attributes meet?"
    inputs = ("audit patients and their attributes", "both models")
    runtime = Runtime.SECONDS
    limit = Limit("threshold", Direction.AT_MOST)
    parameters = PARAMETERS
    libraries = ("numpy",)
    model: ModelName = "primary"
    other: ModelName = "baseline"

    def conclude(self, gathered: Gathered) -> Result:
        found, twin = (
            bias_score(cells_of(gathered, model), task=gathered.task, seed=gathered.seed, **gathered.settings)
            for model in (self.model, self.other)
        )
        facts = {answer.site: answer.facts.get(self.model) for answer in gathered.each}
        beside = {name: getattr(twin, name) for name in ("verdict", "score", "lower", "upper")}
        return Result(
            found.verdict,
            (*found.sentences[: 3 if found.worst else 1], _beside(found, twin, self.model)),
            found.score, found.lower, found.upper, found.threshold, found.confidence,
            tables=(_by_attribute(found), _rates(found), *_too_small(found)),
            figures=_figures(found),
            evidence={"model": self.model, **found.as_dict(), "other_model": beside, "model_facts": facts},
            seeds={"simulation": gathered.seed},
        )  # fmt: skip


def _beside(found: Found, twin: Found, model: ModelName) -> str:
    """Both models in one sentence; nobody should read the quantum model's figure alone."""
    quantum, classical = (found, twin) if model == "primary" else (twin, found)
    if quantum.score is None or classical.score is None:
        return "Quantum model and classical twin cannot be compared: one of them has no score."
    figures = [f"{row.score:.3f} ({row.lower:.3f} to {row.upper:.3f})" for row in (quantum, classical)]
    said = (
        f"On the same patients the score is {figures[0]} for the quantum model and {figures[1]} for its classical twin"
    )
    if quantum.upper is not None and classical.lower is not None and quantum.upper < classical.lower:
        return f"{said}: the quantum model is fairer."
    if classical.upper is not None and quantum.lower is not None and classical.upper < quantum.lower:
        return f"{said}: the quantum model is less fair."
    return f"{said}: the intervals overlap, so the quantum model is not shown to be fairer."


def _by_attribute(found: Found) -> base.Table:
    rows = tuple((a.attribute, a.verdict.value, a.score, a.lower, a.upper, ", ".join(a.untested_metrics) or "nothing")
                 for a in found.attributes)  # fmt: skip
    columns = ("Compared by", "Verdict", "Largest gap", "At least", "At most", "Not tested")
    return base.Table("The largest gap by attribute", columns, rows, "All bounds hold together.")


def _rates(found: Found) -> base.Table:
    """Single attributes only; the crossed ones are in the evidence."""
    rows = tuple(
        (r.attribute, r.group, words(found.task, r.metric), r.n, r.mean, r.lower, r.upper)
        for r in found.groups
        if " × " not in r.attribute
    )
    columns = ("Attribute", "Group", "What", "Patients", "Rate", "At least", "At most")
    return base.Table("Each group by itself", columns, rows, "Each interval holds for one group alone.")


def _too_small(found: Found) -> tuple[base.Table, ...]:
    listed = [(s.attribute, s.group, words(found.task, s.metric), s.n, s.needed, s.pooled) for s in found.untestable]
    listed += [("site", s.site, "any", s.n, s.needed, False) for s in found.sites_not_assessable]
    if not listed:
        return ()
    columns = ("Attribute", "Group", "What", "Patients", "Needed", "Compared in a pool")
    note = "Nothing is known about gaps of these groups by themselves."
    return (base.Table("Too small to be compared", columns, tuple(listed), note),)


def _figures(found: Found) -> tuple[base.Figure, ...]:
    """The largest gap of each attribute and metric, with bounds that hold together."""
    worst = {}
    for gap in sorted(found.gaps, key=lambda gap: gap.value):
        worst[gap.attribute, gap.metric] = gap
    if not worst:
        return ()
    rows = tuple(
        (f"{gap.attribute}: {words(found.task, gap.metric)}", gap.value, gap.lower, gap.upper,
         _outcome(gap.lower, gap.upper, found.threshold).value)
        for gap in sorted(worst.values(), key=lambda gap: (gap.attribute, gap.metric))
    )  # fmt: skip
    options = {
        "threshold": found.threshold, "x_label": "Gap, 0 (alike) to 1",
        "level": f"{found.confidence:.0%}".replace("%", " %"),
    }  # fmt: skip
    return (base.Figure("intervals", "Largest gap between groups", rows, options),)


def _outcome(lower: float, upper: float, threshold: float) -> Verdict:
    if lower > threshold:
        return Verdict.FAIL
    return Verdict.PASS if upper <= threshold else Verdict.INCONCLUSIVE
