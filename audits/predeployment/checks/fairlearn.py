"""The same rates by Fairlearn, an independent library. It checks our arithmetic; the bias score judges the model."""

from __future__ import annotations

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Direction, Figure, Gathered, Limit, Parameter, Principle, Result, Table
from audits.predeployment.checks.cells import CellsCheck, cells_of


class Fairlearn(CellsCheck):
    id = "fairlearn"
    title = "Fairlearn's rates and gaps"
    principle = Principle.FAIRNESS
    question = "Does an independent library find the same rates by group?"
    inputs = ("audit patients and their attributes",)
    tasks = ("classification",)
    measured_by = "bias_score"
    limit = Limit("tolerance", Direction.AT_MOST)
    parameters = (
        Parameter("tolerance", 1e-9, "The largest difference between Fairlearn's figures and ours.", 0.0, 1e-6,
                  tightens="down"),
        Parameter("resamples", 100, "Bootstrap resamples by Fairlearn.", 0, 10_000),
        Parameter("confidence", 0.95, "Of Fairlearn's intervals.", 0.8, 0.999),
    )  # fmt: skip
    libraries = ("fairlearn", "scikit-learn")

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.fairness.fairlearn_rates import fairlearn_rates

        settings = gathered.settings
        found = fairlearn_rates(
            cells_of(gathered, "primary"), resamples=settings["resamples"], confidence=settings["confidence"],
            seed=gathered.seed,
        )  # fmt: skip
        if not found:
            return Result(Verdict.NOT_ASSESSABLE, ("No attribute has two groups to compare.",))
        apart = max(row.disagreement for row in found)
        agrees, widest = apart <= settings["tolerance"], max(found, key=lambda row: row.difference)
        said = (
            f"Fairlearn finds {'the same' if agrees else 'other'} rates and gaps: the largest difference from ours is "
            f"{apart:.1e}.",
            f"Its largest gap is {widest.difference:.3f}, in {widest.metric} by {widest.attribute}.",
            "This says that the figures are computed rightly, not that the model is fair; small groups are shown too.",
        )
        return Result(
            Verdict.PASS if agrees else Verdict.FAIL, said, apart, threshold=settings["tolerance"],
            change="It would fail if the two libraries disagreed; mend whichever is wrong.",
            tables=(Table(
                "Gaps by Fairlearn", ("Attribute", "Metric", "Gap", "Interval from", "to", "Differs from ours by"),
                tuple((r.attribute, r.metric, r.difference, r.lower, r.upper, r.disagreement) for r in found),
                "Intervals are Fairlearn's percentile bootstrap over patients, for one gap alone; for a gap between "
                "the best and the worst group they lie too high.",
            ),),
            figures=(Figure(
                "intervals", "Gaps by Fairlearn",
                tuple((f"{r.attribute}: {r.metric}", r.difference, r.lower, r.upper, "plain") for r in found),
                {"threshold": None, "x_label": "Gap, 0 (alike) to 1"},
            ),),
            evidence={"rows": [row.as_dict() for row in found]},
            seeds={"bootstrap": gathered.seed},
        )  # fmt: skip
