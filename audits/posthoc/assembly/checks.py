"""Pre-deployment audits of the period, read from their checks.

What a check measured is shown as it stands. What it could not measure, or what this report's form cannot hold, is named
with its reason: nothing missing becomes a zero or a pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from audits.posthoc.assembly.window import Window, identifier, instant, label, prose
from audits.posthoc.rendering import schema
from audits.predeployment.checks.base import Principle
from audits.predeployment.models import AuditRun, CheckResult
from audits.runtime.streams import metric_words

TITLES = {
    "bias_score": "Bias score",
    "quantum_mmd": "Quantum kernel two-sample test",
    "lime": "LIME interpretability",
    "aif360": "AIF360 metrics",
    "epsilon": "Privacy loss (epsilon)",
}


def audit_id(audit: AuditRun) -> str:
    return identifier("AUD", audit.id)


def finished_audits(window: Window) -> list[AuditRun]:
    """Audits that came to an end in the period, failed ones too."""
    rows = AuditRun.objects.filter(**window.during("finished_at"), **window.of("version__model__federation")).exclude(
        state=AuditRun.State.RUNNING
    )
    return list(rows.select_related("version__model").prefetch_related("checks").order_by("finished_at"))


def audits(window: Window) -> list[dict[str, Any]]:
    return [_audit(audit) for audit in finished_audits(window)]


def _audit(audit: AuditRun) -> dict[str, Any]:
    checks = {check.check_id: check for check in audit.checks.all()}
    gone: list[dict[str, str]] = []
    bias, gap = _bias(checks.get("bias_score"), audit, gone)
    discrepancy = _discrepancy(checks.get("quantum_mmd"), gone)
    explanation = _explanation(checks.get("lime"), gone)
    return {
        "id": audit_id(audit),
        "model": label(audit.version),
        "phase": "pre-deployment",
        "completed_at": instant(audit.finished_at),  # type: ignore[arg-type]
        "bias": _fit("bias_score", bias, schema.Bias, gone),
        "worst_gap": gap,
        "discrepancy": _fit("quantum_mmd", discrepancy, schema.Discrepancy, gone),
        "explanation": _fit("lime", explanation, schema.Explanation, gone),
        "group_metrics": _group_metrics(checks.get("aif360"), gone),
        "not_assessed": [*gone, *_unmet_epsilon(checks.get("epsilon"))],
        "checks": _outcomes(checks),
    }


def _fit(check_id: str, part: dict | None, kind: type[msgspec.Struct], gone: list) -> dict | None:
    """The part, if the report's form can hold it; one odd figure must not cost the whole report."""
    if part is None:
        return None
    try:
        msgspec.convert(part, kind)
    except msgspec.ValidationError as error:
        gone.append(_missing(check_id, f"What the audit recorded does not fit this report: {error}"))
        return None
    return part


def _missing(check_id: str, reason: object) -> dict[str, str]:
    return {"check": TITLES.get(check_id, label(check_id)), "reason": prose(reason)}


def _bias(check: CheckResult | None, audit: AuditRun, gone: list) -> tuple[dict | None, dict | None]:
    """Score and widest gap. Where bounds and verdict do not say the same, neither is shown as a result."""
    if check is None:
        why = f"The audit failed: {audit.stop_reason}" if audit.stop_reason else "The audit has no bias check."
        gone.append(_missing("bias_score", why))
        return None, None
    worst = check.evidence.get("worst") if isinstance(check.evidence, Mapping) else None
    n = _cases(check.evidence)
    score, low, high = _share(check.value), _share(check.lower), _share(check.upper)
    threshold = 0.1 if check.threshold is None else check.threshold
    if score is None or low is None or high is None or n is None:
        gone.append(_missing("bias_score", check.sentence))
        return None, None
    follows = "fail" if low > threshold else "pass" if high <= threshold else "inconclusive"
    if check.verdict != follows:
        figures = f"The score is {score:.3f}, between {low:.3f} and {high:.3f}"
        why = f"{figures}, and the audit's verdict is {check.verdict.replace('_', ' ')}: {check.sentence}"
        gone.append(_missing("bias_score", why))
        return None, _gap(worst)
    level = check.evidence.get("confidence", 0.95)
    found = {"score": score, "low": low, "high": high, "threshold": threshold, "n": n, "level": level}
    return {**found, "verdict": follows.upper()}, _gap(worst)


def _gap(worst: Any) -> dict[str, Any] | None:
    if not isinstance(worst, Mapping):
        return None
    rates = _share(worst.get("rate_lower")), _share(worst.get("rate_higher"))
    if None in rates or not worst.get("metric"):
        return None
    attribute = f"{worst['attribute']} " if worst.get("attribute") else ""
    return {
        "metric": label(metric_words(worst["metric"])),
        "group_low": label(f"{attribute}{worst.get('lower_group', '')}"),
        "group_high": label(f"{attribute}{worst.get('higher', '')}"),
        "rate_low": rates[0],
        "rate_high": rates[1],
    }


def _cases(evidence: Any) -> int | None:
    """Cases behind a score: said so, else the largest count of any attribute's groups."""
    if not isinstance(evidence, Mapping):
        return None
    if isinstance(evidence.get("n"), int):
        return evidence["n"]
    counts: dict[tuple[str, str], int] = {}
    for row in evidence.get("groups") or []:
        if isinstance(row, Mapping) and isinstance(row.get("n"), int):
            key = (str(row.get("attribute")), str(row.get("metric")))
            counts[key] = counts.get(key, 0) + row["n"]
    worst = evidence.get("worst") or {}
    if not counts and isinstance(worst.get("n_higher"), int) and isinstance(worst.get("n_lower"), int):
        return worst["n_higher"] + worst["n_lower"]
    return max(counts.values(), default=None)


def _discrepancy(check: CheckResult | None, gone: list) -> dict[str, Any] | None:
    """The attribute with the smallest p-value: that is the one a reader must see. The others are in the audit."""
    tests = [
        test for test in (check.evidence.get("tests") or [] if check else [])
        if _share(test.get("p_quantum")) is not None and _share(test.get("p_rbf")) is not None
    ]  # fmt: skip
    if check is None or not tests:
        gone.append(_missing("quantum_mmd", check.sentence if check else "This audit did not run it."))
        return None
    test = min(tests, key=lambda test: test["p_quantum"])
    facts = test.get("facts") or {}
    needed = ("seed" in facts, isinstance(test.get("permutations"), int), isinstance(test.get("n"), int))
    if not all(needed):
        gone.append(_missing("quantum_mmd", f"Its circuit's facts are incomplete. {check.sentence}"))
        return None
    noise = facts.get("noise")  # "none" and "exact" are said in words there
    return {
        "p_quantum": test["p_quantum"],
        "p_rbf": test["p_rbf"],
        "backend": label(f"{facts.get('backend', 'backend not stated')}; {test.get('attribute', '')}"),
        "shots": facts["shots"] if isinstance(facts.get("shots"), int) else None,
        "seed": facts["seed"],
        "depth": facts.get("depth"),
        "noise_model": label(noise) if noise and noise != "none" else None,
        "permutations": test["permutations"],
        "n": test["n"],
    }


def _explanation(check: CheckResult | None, gone: list) -> dict[str, Any] | None:
    """The score is measured in per cent; the report counts from 0 to 1."""
    if check is None or check.value is None:
        gone.append(_missing("lime", check.sentence if check else "This audit did not run it."))
        return None
    records = check.evidence.get("records")
    n = sum(records.values()) if isinstance(records, Mapping) else None
    if n is None:
        gone.append(_missing("lime", f"The number of explained records is not on record. {check.sentence}"))
        return None
    return {
        "score": _percent(check.value),
        "low": _percent(check.lower),
        "high": _percent(check.upper),
        "target": _percent(check.threshold) or 0.8,
        "n": n,
    }


def _group_metrics(check: CheckResult | None, gone: list) -> list[dict[str, Any]]:
    rows = [row for row in (check.evidence.get("rows") or [] if check else []) if _finite(row.get("value")) is not None]
    if not rows:
        gone.append(_missing("aif360", check.sentence if check else "This audit did not run them."))
    return [
        {
            "name": label(str(row.get("metric", "")).replace("_", " ")),
            "attribute": label(
                f"{row['attribute']}: {row.get('group')} to {row.get('compared_with')}"
                if row.get("attribute")
                else "all patients"
            ),
            "value": float(row["value"]),
            "ideal": 1.0 if row.get("metric") == "disparate_impact" else 0.0,
        }
        for row in rows
    ]


def _unmet_epsilon(check: CheckResult | None) -> list[dict[str, str]]:
    return [] if check is None or check.verdict == "pass" else [_missing("epsilon", check.sentence)]


def _outcomes(checks: Mapping[str, CheckResult]) -> list[dict[str, Any]]:
    """Every check by principle, those that decide first, so that none is passed over."""
    order = {principle.value: place for place, principle in enumerate(Principle)}
    rows = sorted(checks.values(), key=lambda row: (order.get(row.principle, len(order)), not row.gating, row.check_id))
    return [
        {
            "principle": label(row.principle.capitalize()), "name": label(row.title),
            "weight": label(row.get_decides_display()),
            "verdict": row.verdict.replace("_", " ").upper(), "value": _finite(row.value), "low": _finite(row.lower),
            "high": _finite(row.upper), "limit": _finite(row.threshold), "said": prose(row.sentence),
        }
        for row in rows
    ]  # fmt: skip


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _share(value: Any) -> float | None:
    number = _finite(value)
    return None if number is None or not 0 <= number <= 1 else number


def _percent(value: Any) -> float | None:
    number = _finite(value)
    return None if number is None else min(max(number / 100, 0.0), 1.0)
