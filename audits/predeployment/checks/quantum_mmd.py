"""The quantum kernel test of each attribute, adjusted by Holm, with the RBF kernel beside it. Reported, never gating.

The verdict is a flag: FAIL asks a person to look, PASS says only that nothing was found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audits.domain.fairness.quantum_mmd import SiteMMD, combine, holm
from audits.domain.verdict import Verdict
from audits.predeployment.checks.answers import AuditData
from audits.predeployment.checks.result import FAIRNESS, Check

TITLE = "Quantum kernel test of the representation"


def check(data: AuditData) -> Check:
    """Whether groups with the same label look different to the model."""
    alpha = data.policy["mmd"]["alpha"]
    tests = [_test(data, attribute, alpha) for attribute in sorted(data.reference_groups)]
    for kernel in ("quantum", "rbf"):
        adjusted = holm({t["attribute"]: t[f"p_{kernel}"] for t in tests if t[f"p_{kernel}"] is not None})
        for test in tests:
            p = adjusted.get(test["attribute"])
            test[f"p_{kernel}_holm"] = p
            test[f"flagged_{kernel}"] = None if p is None else p <= alpha
    known = [test for test in tests if test["p_quantum_holm"] is not None]
    flagged = [test for test in known if test["flagged_quantum"]]
    verdict = Verdict.FAIL if flagged else Verdict.PASS if known else Verdict.NOT_ASSESSABLE
    evidence = {
        "tests": tests,
        "alpha": alpha,
        "adjustment": "Holm over attributes",
        "policy": dict(data.policy["mmd"]),
    }
    return Check(
        "quantum_mmd", FAIRNESS, TITLE, False, verdict, min((t["p_quantum_holm"] for t in known), default=None), None,
        None, alpha if known else None, _sentence(known, flagged), evidence,
    )  # fmt: skip


def _test(data: AuditData, attribute: str, alpha: float) -> dict[str, Any]:
    sites = [site.tests[attribute] for site in data.sites if attribute in site.tests]
    if not sites:
        reason = f"No site records {attribute} for the patients of the audit."
        return {"attribute": attribute, "p_quantum": None, "p_rbf": None, "sentence": reason}
    found = combine(sites, alpha=alpha)
    plain = {name: value for name, value in found.as_dict().items() if name not in ("verdict", "alpha")}
    return {"attribute": attribute, **plain, "quantum": _sum(sites, "quantum"), "rbf": _sum(sites, "rbf")}


def _sum(sites: list[SiteMMD], kernel: str) -> dict[str, Any]:
    """The statistic and its permutation distribution, over all sites."""
    total = np.sum([getattr(site, kernel) for site in sites], axis=0)
    return {"observed": float(f"{total[0]:.6g}"), "null": [float(f"{value:.6g}") for value in total[1:]]}


def _sentence(known: list[dict[str, Any]], flagged: list[dict[str, Any]]) -> str:
    if not known:
        return "No attribute could be tested: nowhere were there five patients of both groups with the same label."
    beside = [test["attribute"] for test in known if test["flagged_rbf"]]
    classical = f"The RBF kernel, its classical baseline, flags {', '.join(beside) if beside else 'nothing'}."
    magnitude = "A p-value says nothing about the size of a difference, and this does not enter the bias score."
    if flagged:
        names = ", ".join(f"{t['attribute']} (adjusted p = {t['p_quantum_holm']:.3f})" for t in flagged)
        return f"Flagged for a person to look at: {names}. {classical} {magnitude}"
    smallest = min(test["p_quantum_holm"] for test in known)
    return (
        f"Not flagged: no difference was found between groups of patients with the same label (smallest adjusted "
        f"p = {smallest:.3f}). That does not show that there is none. {classical} {magnitude}"
    )
