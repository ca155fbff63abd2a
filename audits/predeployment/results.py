"""What is kept of each check, and the digests that hold it together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from audits.domain.verdict import Verdict, combine
from audits.predeployment.checks.base import Result
from audits.predeployment.checks.not_installed import check_or_stand_in
from audits.predeployment.checks.plain import plain
from audits.predeployment.checks.wording import named
from audits.predeployment.models import AuditRun, CheckResult, ResultRow
from audits.predeployment.policy import Decides
from federation.domain.messages import digest

_CONTENT = (
    "check_id", "principle", "title", "decides", "verdict", "value", "lower", "upper", "level", "threshold",
    "sentence", "change", "tables", "figures", "evidence", "provenance",
)  # fmt: skip


# What a certification audit runs in place of a quick check: its pass answers for a fail of the quick one.
_THOROUGH = {"membership_certified": "membership", "reconstruction_certified": "reconstruction"}


class UnderPolicy(Protocol):
    """An audit, or a run of an outside board: both follow a resolved policy."""

    @property
    def policy(self) -> Any: ...


def result_row(
    audit: UnderPolicy, check_id: str, found: Result, answers: Mapping[str, str],
    patients: Mapping[str, int] | None = None, *, config: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The columns of a result. `digest` covers all of them but what it cost, which differs from run to run.

    Parameters
    ----------
    patients : mapping of site to the number of patients that its answers are about
    config : mapping
        Of the run whose model is audited: what its quantum model is measured beside.
    """
    check = check_or_stand_in(check_id)
    part = audit.policy["checks"][check_id]
    row = {
        "check_id": check_id, "principle": check.principle.value, "title": named(check.title, config),
        "decides": part["decides"], "verdict": found.verdict.value, "value": found.value, "lower": found.lower,
        "upper": found.upper, "level": found.level, "threshold": found.threshold, "sentence": " ".join(found.sentences),
        "change": found.change, "tables": plain(list(found.tables)), "figures": plain(list(found.figures)),
        "evidence": found.evidence,
        "provenance": {
            "question": named(check.question, config), "inputs": list(check.inputs), "settings": part["settings"],
            "seeds": {"audit": audit.policy["seed"], **found.seeds}, "versions": found.versions,
            "answers": dict(answers), "patients": dict(patients or {}),
        },
    }  # fmt: skip
    return row | {"digest": digest(row)}


def overall(results: Iterable[CheckResult]) -> Verdict:
    """The audit's verdict: the worst of what must pass, and a FAIL of anything that can refute."""
    rows = [(Decides(row.decides), Verdict(row.verdict)) for row in results]
    refuted = any(decides is not Decides.INFORMS and found is Verdict.FAIL for decides, found in rows)
    if refuted:
        return Verdict.FAIL
    return combine(found for decides, found in rows if decides is Decides.CERTIFIES)


def canonical_results(audit: AuditRun, results: Iterable[CheckResult]) -> dict[str, Any]:
    """What the audit's digest covers: the model, the policy, and each result with the signed answers it rests on."""
    version = audit.version
    return {
        "format": 2, "audit": str(audit.id), "version": str(version.id), "weights": version.weights_digest,
        "baseline": version.baseline_digest, "config": version.config_hash, "policy": audit.policy,
        "checks": {row.check_id: content_digest(row) for row in results},
    }  # fmt: skip


def content_of(row: ResultRow) -> dict[str, Any]:
    """What a result's digest covers, as plain JSON."""
    return {name: getattr(row, name) for name in _CONTENT}


def content_digest(row: ResultRow) -> str:
    """The digest over the row as it stands; it differs from `row.digest` if somebody changed it."""
    return digest(content_of(row))


def digest_now(audit: AuditRun) -> str:
    """The digest over the rows as they stand: equal to `audit.digest`, or somebody changed them."""
    return digest(canonical_results(audit, audit.checks.all()))


def summary(audit: AuditRun, results: Iterable[CheckResult]) -> dict[str, Any]:
    """What the registry keeps and the model card shows."""
    names = ("check_id", "principle", "title", "decides", "verdict", "value", "lower", "upper", "threshold", "sentence",
             "digest")  # fmt: skip
    rows = list(results)
    kept: dict[str, Any] = {
        "checks": [
            {name: getattr(row, name) for name in names}
            | {"patients": sum(row.provenance["patients"].values()), "instead_of": _THOROUGH.get(row.check_id, "")}
            for row in rows
        ]
    }
    kept |= {"tier": audit.tier, "risk_class": audit.approved_policy.risk_class if audit.approved_policy else ""}
    tested = next((row for row in rows if row.check_id == "boundaries" and "cells" in row.evidence), None)
    if tested is not None:
        passed = {name: tested.evidence.get(name) for name in ("cells", "ranges", "not_measured")}
        kept["boundaries"] = {**passed, "sentence": tested.sentence, "digest": tested.digest}
    return kept
