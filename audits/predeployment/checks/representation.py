"""Who is in the audit, and which sites brought too few patients to be judged. Reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Direction, Figure, Gathered, Limit, Parameter, Principle, Result, Table
from audits.predeployment.checks.cells import CellsCheck, cells_of, group_counts


class Representation(CellsCheck):
    id = "representation"
    title = "Who was audited"
    principle = Principle.FAIRNESS
    question = "Who is in the audit, and did every site bring enough patients to be judged?"
    inputs = ("audit patients and their attributes",)
    measured_by = "bias_score"
    limit = Limit("assessable_share", Direction.AT_LEAST)
    parameters = (
        Parameter("min_patients_site", 20, "The fewest patients of a site to be compared with others.", 10, 10_000),
        Parameter("assessable_share", 1.0, "The share of sites that must bring so many.", 0.0, 1.0, tightens="up"),
    )

    def conclude(self, gathered: Gathered) -> Result:
        needed, required = gathered.settings["min_patients_site"], gathered.settings["assessable_share"]
        counted = {answer.site: answer.n_patients for answer in gathered.each}
        counted |= dict.fromkeys(gathered.absent, 0)
        sites = [
            {"site": site, "n": n, "needed": needed, "assessable": n >= needed} for site, n in sorted(counted.items())
        ]
        small = [row for row in sites if not row["assessable"]]
        share, total = (len(sites) - len(small)) / len(sites), sum(counted.values())
        said = [f"{total} patients of {len(sites)} sites are in the audit; none of them took part in training."]
        if small:
            listed = ", ".join(f"{row['site']} (n = {row['n']})" for row in small)
            said.append(
                f"Not assessable, {needed} patients are needed to compare a site: {listed}. Their patients count in "
                "the other groups."
            )
        groups = group_counts(cells_of(gathered, "primary"))
        return Result(
            Verdict.PASS if share >= required else Verdict.NOT_ASSESSABLE, tuple(said), share, share, share, required,
            change=f"It passes when at least {required:.0%} of the sites bring {needed} audit patients or more.",
            tables=(_site_table(sites), _group_table(groups, total)),
            figures=tuple(_bars(name, counts) for name, counts in sorted(groups.items())),
            evidence={"sites": sites, "patients": total, "groups": groups, "absent": dict(gathered.absent)},
        )  # fmt: skip


def _site_table(sites: list[dict[str, Any]]) -> Table:
    rows = tuple((row["site"], row["n"], row["needed"], row["assessable"]) for row in sites)
    return Table("Patients by site", ("Site", "Patients", "Needed", "Enough"), rows)


def _group_table(groups: Mapping[str, Mapping[str, int]], total: int) -> Table:
    rows = tuple(
        (attribute, group, n, n / total) for attribute, counts in sorted(groups.items())
        for group, n in sorted(counts.items())
    )  # fmt: skip
    return Table("Patients by group", ("Attribute", "Group", "Patients", "Share"), rows)


def _bars(attribute: str, counts: Mapping[str, int]) -> Figure:
    return Figure("bars", f"Patients by {attribute}", tuple(sorted(counts.items())), {"x_label": "Patients"})
