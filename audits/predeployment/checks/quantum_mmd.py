"""The quantum kernel test of each attribute, adjusted by Holm, with the RBF kernel beside it. Reported, never gating.

The verdict is a flag: FAIL asks a person to look, PASS says only that nothing was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audits.domain.fairness.quantum_kernel import KernelOrder
from audits.domain.fairness.quantum_mmd import SiteMMD, combine, holm, site_statistics
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
    Runtime,
    Table,
)
from audits.predeployment.checks.cells import require, scored
from federation.domain.data.dataset import UNKNOWN

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite

_STANDARDISED = "training patients of each site"
_NO_SIZE = "A p-value says nothing about the size of a difference, and this does not enter the bias score."


class QuantumMMD(Check):
    id = "quantum_mmd"
    title = "Quantum kernel test of the representation"
    principle = Principle.FAIRNESS
    question = "Do patients of different groups but the same label look different to the model?"
    inputs = ("audit patients and their attributes", "training patients, for the units", "the quantum model")
    runtime = Runtime.SECONDS
    limit = Limit("alpha", Direction.AT_LEAST)
    parameters = (
        Parameter("alpha", 0.05, "The chance of flagging any attribute of a fair model.", 0.001, 0.2, tightens="up"),
        Parameter("permutations", 499, "Random namings of the groups.", 99, 9_999, tightens="up"),
        Parameter("max_records", 400, "The most patients of a site that are compared.", 50, 4_000, tightens="up"),
        Parameter("bandwidth", 0.45, "Radians in the circuit for each standard deviation.", 0.01, 4.0),
        Parameter("limit", 4.0, "Standard deviations at which a patient is cut off.", 1.0, 10.0),
        Parameter("shots", 0, "Simulated measurements of each fidelity; 0 for the exact fidelity.", 0, 1_000_000),
    )
    libraries = ("numpy", "scipy", "pennylane")

    def measure(self, at: AtSite) -> dict[str, Any]:
        from audits.domain.quantum.representation import in_spread_of

        found = scored(at, "primary")
        known = scored(at, "primary", "train").representation if at.train.n_patients else found.representation[:0]
        seen = in_spread_of(known, found.representation)
        tests: dict[str, Any] = {}
        recorded = recorded_attributes(at)
        for step, (attribute, reference) in enumerate(recorded.items()):
            at.tell(f"kernel test of {attribute}", step, len(recorded))
            tests[attribute] = site_statistics(
                seen, found.stratum, at.audit.groups[attribute], site=at.site, reference_group=reference,
                order=_order(at.settings), permutations=at.settings["permutations"], seed=at.seed,
                max_records=at.settings["max_records"],
            ).as_dict()  # fmt: skip
        return {"tests": tests, "not_recorded": sorted(at.reference_groups.keys() - tests.keys())}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, SiteMMD | None]:
        tests = {attribute: SiteMMD.from_dict(row) for attribute, row in raw["tests"].items()}
        for attribute, test in tests.items():
            statistics = (*test.quantum, *test.rbf)
            require(test.site == site, f"expected a test of {site}, got one of {test.site!r}")
            require(test.order == _order(settings), f"{attribute}: expected kernels as ordered, got {test.order}")
            want = settings["permutations"] + 1
            got = len(test.quantum), len(test.rbf)
            require(got == (want, want), f"{attribute}: expected {want} statistics of each kernel, got {got}")
            require(bool(np.isfinite(statistics).all()), f"{attribute}: expected finite statistics, got others")
        return {**dict.fromkeys(raw["not_recorded"]), **tests}

    def conclude(self, gathered: Gathered) -> Result:
        alpha, tests = gathered.settings["alpha"], []
        for attribute in sorted({name for answer in gathered.each for name in answer}):
            shares = [answer[attribute] for answer in gathered.each if answer.get(attribute)]
            require(
                all(s.seed == gathered.seed for s in shares), f"expected the audit's seed {gathered.seed} everywhere"
            )
            tests.append(_of_attribute(attribute, shares, alpha))
        _adjust(tests, alpha)
        known = [test for test in tests if test["p_quantum_holm"] is not None]
        missing = [test["attribute"] for test in tests if test["p_quantum_holm"] is None]
        flagged = [test for test in known if test["flagged_quantum"]]
        passed = Verdict.INCONCLUSIVE if missing else Verdict.PASS
        verdict = Verdict.FAIL if flagged else passed if known else Verdict.NOT_ASSESSABLE
        untested = f"Could not be tested: {', '.join(missing)}." if missing and known else ""
        return Result(
            verdict,
            (_sentence(known, flagged), *([untested] if untested else [])),
            value=min((t["p_quantum_holm"] for t in known), default=None),
            threshold=alpha if known else None,
            change=_change(verdict, alpha),
            tables=(_table(tests),),
            figures=tuple(figure for test in known for figure in _nulls(test)),
            evidence={
                "tests": tests, "alpha": alpha, "adjustment": "Holm over attributes",
                "policy": {**gathered.settings, "standardised": _STANDARDISED},
            },
            seeds={"permutations": gathered.seed},
        )  # fmt: skip


def recorded_attributes(at: AtSite) -> dict[str, str]:
    """Attributes to be tested that this site records for somebody, with their reference group.

    Raises
    ------
    NotMeasured
        If there is none.
    """
    wanted = sorted(at.reference_groups.items())
    nobody = np.array([], dtype=str)
    found = {name: group for name, group in wanted if (at.audit.groups.get(name, nobody) != UNKNOWN).any()}
    if not found:
        raise NotMeasured(f"Of the attributes {', '.join(at.reference_groups) or '(none named)'} it records none.")
    return found


def _order(settings: Mapping[str, Any]) -> KernelOrder:
    return KernelOrder(settings["bandwidth"], limit=settings["limit"], shots=settings["shots"] or None)


def _adjust(tests: Sequence[dict[str, Any]], alpha: float) -> None:
    """Add the p-values adjusted over attributes, for each kernel apart."""
    for kernel in ("quantum", "rbf"):
        adjusted = holm({t["attribute"]: t[f"p_{kernel}"] for t in tests if t[f"p_{kernel}"] is not None})
        for test in tests:
            p = adjusted.get(test["attribute"])
            test[f"p_{kernel}_holm"] = p
            test[f"flagged_{kernel}"] = None if p is None else p <= alpha


def _change(verdict: Verdict, alpha: float) -> str:
    if verdict is Verdict.FAIL:
        return f"It would not be flagged if every adjusted p-value were over {alpha:g}: that takes another model."
    if verdict is Verdict.NOT_ASSESSABLE:
        return "It can be tested once five patients of two groups have the same label at some site."
    more = (
        " Attributes that could not be tested need patients of two groups." if verdict is Verdict.INCONCLUSIVE else ""
    )
    return f"It would be flagged if an adjusted p-value were at most {alpha:g}.{more}"


def _table(tests: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (t["attribute"], t.get("reference_group"), t.get("n"), t["p_quantum"], t["p_quantum_holm"], t["p_rbf"],
         t["p_rbf_holm"], t["flagged_quantum"], t["flagged_rbf"])
        for t in tests
    )  # fmt: skip
    columns = (
        "Attribute", "Group held against the others", "Patients", "Quantum p", "Quantum p (Holm)", "RBF p",
        "RBF p (Holm)", "Flagged by quantum", "Flagged by RBF",
    )  # fmt: skip
    note = "Neither kernel was the better one in all our simulations: see docs/design/audit-quantum.md."
    return Table("Kernel tests by attribute", columns, rows, note)


def _nulls(test: Mapping[str, Any]) -> list[Figure]:
    return [
        Figure(
            "histogram", f"{title}: {test['attribute']}", test[kernel]["null"],
            {"marker": test[kernel]["observed"], "tail": "upper", "x_label": "Statistic, if groups were alike",
             "y_label": "Permutations"},
        )
        for kernel, title in (("quantum", "Quantum kernel"), ("rbf", "RBF kernel"))
    ]  # fmt: skip


def _of_attribute(attribute: str, sites: list[SiteMMD], alpha: float) -> dict[str, Any]:
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
    if flagged:
        names = ", ".join(f"{t['attribute']} (adjusted p = {t['p_quantum_holm']:.3f})" for t in flagged)
        return f"Flagged for a person to look at: {names}. {classical} {_NO_SIZE}"
    smallest = min(test["p_quantum_holm"] for test in known)
    return (
        f"Not flagged: no difference was found between groups of patients with the same label (smallest adjusted "
        f"p = {smallest:.3f}). That does not show that there is none. {classical} {_NO_SIZE}"
    )
