"""A search for harmed subgroups that nobody named, from the sites' counts. AIF360's own scan stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Direction, Figure, Gathered, Limit, Parameter, Principle, Result, Table
from audits.predeployment.checks.cells import CellsCheck, cells_of

if TYPE_CHECKING:
    from audits.domain.fairness.aif360_scan import Aif360Scan
    from audits.domain.fairness.subgroup_scan import Finding, Scan

_COLUMNS = (
    "Harm", "Subgroup", "Patients", "Harmed", "Of all others", "Excess", "At least", "At most", "Score", "p",
)  # fmt: skip


class SubgroupSearch(CellsCheck):
    id = "mdss"
    title = "Subgroups that nobody named"
    principle = Principle.FAIRNESS
    question = (
        "Is there any subgroup of patients, however it is described, that the model harms more often than others?"
    )
    inputs = ("audit patients and their attributes", "both models")
    measured_by = "bias_score"
    limit = Limit("threshold", Direction.AT_MOST)
    parameters = (
        Parameter("threshold", 0.1, "The largest excess of harm that is tolerated.", 0.001, 0.5, tightens="down"),
        Parameter("confidence", 0.95, "How sure all bounds together are.", 0.9, 0.999, tightens="up"),
        Parameter("min_count", 30, "The fewest patients of a subgroup, for each harm, to be searched.", 10, 10_000),
        Parameter("replicates", 499, "Searches over harm dealt out at random, for the p-value.", 199, 9_999),
        Parameter("draws", 1000, "Simulated repetitions that the bounds come from.", 500, 20_000),
    )
    libraries = ("aif360", "numpy")

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.fairness.aif360_scan import aif360_scan
        from audits.domain.fairness.subgroup_scan import subgroup_scan

        found, twin = (
            subgroup_scan(cells_of(gathered, model), task=gathered.task, seed=gathered.seed, **gathered.settings)
            for model in ("primary", "baseline")
        )
        if not found.findings:
            fewest = gathered.settings["min_count"]
            few = f"No subgroup has {fewest} patients and as many outside it; none was searched."
            return Result(found.verdict, (few,), threshold=gathered.settings["threshold"], evidence=found.as_dict())
        metrics = ("tpr", "fpr") if gathered.task == "classification" else ()
        theirs = [aif360_scan(cells_of(gathered, "primary"), metric) for metric in metrics]
        return Result(
            found.verdict, _sentences(found, twin, gathered), found.excess, found.lower, found.upper,
            gathered.settings["threshold"], gathered.settings["confidence"],
            tables=(
                _table("Most harmed, quantum model", found.findings, "p is corrected for the search: the best of all "
                       "subgroups is compared with the best of all subgroups when harm falls at random."),
                _table("Most harmed, classical twin", twin.findings),
                _table("Least certain: where the excess may be largest", found.widest),
            ),
            figures=(_figure(found, gathered),),
            evidence={**found.as_dict(), "twin": twin.as_dict(), "aif360": [_plain(row) for row in theirs]},
            seeds={"search": gathered.seed},
        )  # fmt: skip


def _sentences(found: Scan, twin: Scan, gathered: Gathered) -> tuple[str, ...]:
    searched, limit = max(found.searched.values()), gathered.settings["threshold"]
    said = [f"{searched:,} subgroups were searched, of {found.distinct:,} that conditions on the attributes and the "
            "site can describe; the others have too few patients."]  # fmt: skip
    said += [_sentence(row) for row in found.findings]
    if found.verdict is Verdict.FAIL:
        said.append(f"Some subgroup is harmed more often by over {limit:g}, with chance and search allowed for.")
    elif found.verdict is Verdict.PASS:
        said.append(f"No subgroup of this size is harmed more often than the others by over {limit:g}.")
    else:
        said.append(
            f"The excess of the subgroup known least may be as large as {found.upper:.3f}, so it is not shown that "
            f"none is over {limit:g}."
        )
    if twin.upper is not None:
        said.append(
            f"For the classical twin the largest excess seen is {twin.excess:.3f} and for the quantum model "
            f"{found.excess:.3f}; neither is certain beyond its bounds."
        )
    return tuple(said)


def _sentence(row: Finding) -> str:
    if not row.subgroup:
        return f"{row.harm.capitalize()}: no subgroup fares worse than everybody."
    sure = "more than chance explains" if row.p <= 0.05 else "no more than a search finds by chance"
    return (
        f"{row.harm.capitalize()}: most often where {row.subgroup} ({row.rate:.3f} of {row.n}; all others "
        f"{row.rate_rest:.3f} of {row.n_rest}); this is {sure} (p = {row.p:.3f}), and the excess lies between "
        f"{row.lower:.3f} and {row.upper:.3f}."
    )


def _table(title: str, rows: Sequence[Finding], note: str = "") -> Table:
    cells = tuple(
        (r.harm, r.subgroup or "none", r.n, r.rate, r.rate_rest, r.excess, r.lower, r.upper, r.score, r.p) for r in rows
    )
    return Table(title, _COLUMNS, cells, note)


def _figure(found: Scan, gathered: Gathered) -> Figure:
    rows = tuple((f"{r.harm}: {r.subgroup}", r.excess, r.lower, r.upper, "plain") for r in found.findings if r.subgroup)
    options = {"threshold": gathered.settings["threshold"], "x_label": "Excess of harm over all others"}
    return Figure("intervals", "The most harmed subgroups", rows, options)


def _plain(row: Aif360Scan) -> dict[str, Any]:
    return {"metric": row.metric, "subgroup": row.subgroup, "score": row.score, "reason": row.reason}
