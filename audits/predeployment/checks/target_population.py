"""The audited patients beside the population that the model is meant for, as the policy declares it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Direction, Figure, Gathered, Limit, Parameter, Principle, Result, Table
from audits.predeployment.checks.cells import CellsCheck, cells_of, group_counts

if TYPE_CHECKING:
    from audits.domain.fairness.target_population import Distance


class TargetPopulation(CellsCheck):
    id = "target_population"
    title = "Audited patients and target population"
    principle = Principle.FAIRNESS
    question = "Do the audited patients resemble those for whom the model is meant?"
    inputs = ("audit patients and their attributes", "a declared target population")
    measured_by = "bias_score"
    limit = Limit("threshold", Direction.AT_MOST)
    parameters = (
        Parameter("target", "", 'Shares by attribute, as "sex: female 0.51, male 0.49; race: asian 0.2, black 0.8".'),
        Parameter("threshold", 0.1, "The largest share of patients that may be of other groups than declared.", 0.01,
                  0.5, tightens="down"),
        Parameter("confidence", 0.95, "How sure all bounds together are.", 0.9, 0.999, tightens="up"),
        Parameter("draws", 2000, "Simulated audits that the bounds come from.", 500, 100_000),
    )  # fmt: skip
    libraries = ("numpy", "scipy")

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.fairness.target_population import TargetError, compare, parse_target, verdict_of

        settings = gathered.settings
        limit, counts = settings["threshold"], group_counts(cells_of(gathered, "primary"))
        try:
            target = parse_target(settings["target"]) if settings["target"].strip() else {}
        except TargetError as error:
            reason = f"The declared target population cannot be read: {error}."
            return Result(Verdict.NOT_ASSESSABLE, (reason,), threshold=limit, evidence={"counts": counts})
        if not target:
            reason = "The policy declares no target population, so nobody can say whom the audited patients stand for."
            return Result(Verdict.NOT_ASSESSABLE, (reason,), threshold=limit, evidence={"counts": counts},
                          change="It can be measured once the policy declares a target population.")  # fmt: skip
        found = compare(counts, target, confidence=settings["confidence"], draws=settings["draws"], seed=gathered.seed)
        verdict, known = verdict_of(found, limit), [row for row in found if row.distance is not None]
        return Result(
            verdict, _said(found, known, verdict),
            max((row.distance or 0.0 for row in known), default=None), max((row.lower for row in known), default=None),
            max((row.upper for row in found), default=None) if known else None, limit, settings["confidence"],
            tables=(_shares(found),),
            figures=(Figure(
                "intervals", "Distance from the target population",
                tuple((row.attribute, row.distance, row.lower, row.upper, "plain") for row in known),
                {"threshold": limit, "x_label": "Share of patients, 0 to 1"},
            ),),
            evidence={"target": target, "counts": counts, "attributes": list(found)},
            seeds={"bounds": gathered.seed},
        )  # fmt: skip


def _said(found: Sequence[Distance], known: Sequence[Distance], verdict: Verdict) -> tuple[str, ...]:
    """How far the audited patients are from the target by each attribute, the farthest first."""
    said = [
        f"By {row.attribute}, {row.distance:.1%} of the audited patients would have to be of another group to "
        f"match the target (between {row.lower:.1%} and {row.upper:.1%}; {row.n} patients, {row.unknown} unknown)."
        for row in sorted(known, key=lambda row: -(row.distance or 0))
    ]
    said += [f"Nobody's {row.attribute} is recorded." for row in found if row.distance is None]
    if verdict is not Verdict.PASS:
        said.append("Figures of this audit hold for the patients audited, and may not for those declared.")
    return tuple(said)


def _shares(found: Sequence[Distance]) -> Table:
    return Table(
        "Shares by group", ("Attribute", "Group", "Patients", "Share", "At least", "At most", "Declared"),
        tuple((row.attribute, s.group, s.n, s.share, s.lower, s.upper, s.target) for row in found for s in row.shares),
        "Of the patients whose group is known. Bounds hold for all groups at once.",
    )  # fmt: skip
