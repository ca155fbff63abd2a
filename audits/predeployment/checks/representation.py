"""Who is in the audit, and which sites brought too few patients to be judged. Reported."""

from __future__ import annotations

from audits.domain.verdict import Verdict
from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.result import FAIRNESS, Check


def check(data: AuditData) -> Check:
    """Patients by site and group. `value` is the share of sites that can be assessed."""
    needed = data.policy["bias"]["min_patients_site"]
    sites = [
        {"site": site.site, "n": site.n_patients, "needed": needed, "assessable": site.n_patients >= needed}
        for site in data.sites
    ]
    small = [row for row in sites if not row["assessable"]]
    share = (len(sites) - len(small)) / len(sites) if sites else None
    total = sum(site.n_patients for site in data.sites)
    sentence = f"{total} patients of {len(sites)} sites are in the audit; none of them took part in training."
    if small:
        listed = ", ".join(f"{row['site']} (n = {row['n']})" for row in small)
        sentence += (
            f" Not assessable, {needed} patients are needed to compare a site: {listed}. Their patients count in the "
            "other groups."
        )
    return Check(
        "representation", FAIRNESS, "Who was audited", False, Verdict.NOT_ASSESSABLE if small or not sites else
        Verdict.PASS, share, None, None, None, sentence, {"sites": sites, "patients": total, "groups": _groups(data)},
    )  # fmt: skip


def _groups(data: AuditData) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for cell in data.cells("primary"):
        for attribute, group in cell.attributes.items():
            mine = counts.setdefault(attribute, {})
            mine[group] = mine.get(group, 0) + cell.n
    return counts
