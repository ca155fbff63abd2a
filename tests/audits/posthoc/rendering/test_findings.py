"""Sentences, figures and control rows follow from the facts."""

from collections.abc import Callable
from typing import Any

import pytest

from audits.posthoc.rendering import complete
from audits.posthoc.rendering.findings import ADVICE

Altered = Callable[[str, Any], dict[str, Any]]


def rules(facts: dict[str, Any], part: str = "findings") -> list[str]:
    return [sentence["rule"] for sentence in complete(facts)["summary"][part]]


def text(facts: dict[str, Any], rule: str) -> str:
    return next(s["text"] for s in complete(facts)["summary"]["findings"] if s["rule"] == rule)


def test_figures_are_counted_from_the_facts(full_facts: dict[str, Any]) -> None:
    figures = {f["label"]: (f["value"], f["note"]) for f in complete(full_facts)["summary"]["figures"]}
    assert figures == {
        "Models under governance": ("2", ""),
        "Audits completed": ("2", "bias: 1 PASS, 1 FAIL"),
        "Decisions": ("2", ""),
        "Predictions served": ("23\u2009632", "18\u2009422 in clinical use"),
        "Halts": ("2", "1 still standing"),
        "Appeals received": ("4", "1 open"),
        "Audit success rate": ("absent", "no external auditor's sample"),
        "Audit-trail entries": ("48\u2009211", "verified"),
    }


def test_findings_are_sorted_by_severity(full_facts: dict[str, Any]) -> None:
    order = [s["severity"] for s in complete(full_facts)["summary"]["findings"]]
    assert order == sorted(order, key=["high", "medium", "information"].index)


def test_a_failed_audit_states_score_interval_limit_and_gap(full_facts: dict[str, Any]) -> None:
    assert text(full_facts, "bias-fail") == (
        "The audit of Heart disease classifier 0.9.3 shows a bias above the limit of 0.1: score 0.164, 95% interval "
        "0.112 to 0.219, n = 918. Widest gap: true positive rate, 0.702 for women over 65, 0.866 for men 40 to 64."
    )


def test_a_wide_interval_is_inconclusive_and_never_reported_as_passed(altered: Altered) -> None:
    bias = {"score": 0.05, "low": 0.01, "high": 0.2, "verdict": "INCONCLUSIVE", "n": 40}
    facts = altered("audits.0.bias", bias)
    assert "bias-inconclusive" in rules(facts)
    assert "bias-pass" not in rules(facts)


def test_clinical_use_without_a_passing_audit_is_the_first_finding(altered: Altered) -> None:
    facts = altered("deployments.1.kind", "clinical")
    facts["deployments"][1]["state"] = "active"
    assert rules(facts)[0] == "clinical-without-pass"
    assert "latest verdict FAIL" in text(facts, "clinical-without-pass")


def test_clinical_use_of_a_model_nobody_audited_is_found(altered: Altered) -> None:
    assert "with no audit in this report" in text(altered("deployments.0.model", "Other 1.0"), "clinical-without-pass")


def test_only_the_latest_audit_of_a_model_counts_for_clinical_use(full_facts: dict[str, Any]) -> None:
    earlier = full_facts["audits"][0] | {
        "id": "AUD-1",
        "completed_at": "2026-01-05T00:00:00Z",
        "bias": {"score": 0.2, "low": 0.15, "high": 0.25, "verdict": "FAIL", "n": 90},
    }
    full_facts["audits"].append(earlier)
    assert "clinical-without-pass" not in rules(full_facts)


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("training_runs.0.privacy", None, "no-differential-privacy"),
        ("training_runs.0.privacy.epsilon", 3.0, "epsilon-above-one"),
        ("audits.0.explanation.score", 0.79, "explanation-below-target"),
        ("audits.0.attacks.0.verdict", "FAIL", "attack-fail"),
        ("audits.0.discrepancy.p_rbf", 0.01, "discrepancy"),
        ("audit_trail.completeness.found", 31000, "incomplete"),
        ("audit_trail.completeness", None, "completeness-not-assessed"),
        ("audit_trail.anchor", None, "not-anchored"),
        ("incidents.1.reinstatement", None, "halt-standing"),
    ],
)
def test_a_rule_fires_and_recommends(altered: Altered, path: str, value: Any, rule: str) -> None:
    facts = altered(path, value)
    assert rule in rules(facts)
    assert rule in rules(facts, "recommendations")


@pytest.mark.parametrize(("verdict", "rule"), [("FAILED", "trail-failed"), ("NOT VERIFIED", "trail-not-verified")])
def test_an_unverified_trail_says_why(altered: Altered, verdict: str, rule: str) -> None:
    facts = altered("audit_trail.verdict", verdict)
    facts["audit_trail"]["reason"] = "tile 3 is missing."
    assert text(facts, rule).endswith("tile 3 is missing.")
    assert rule in rules(facts, "recommendations")


def test_a_recommendation_rests_on_all_that_its_rule_found(altered: Altered) -> None:
    recommendations = complete(altered("training_runs.0.privacy", None))["summary"]["recommendations"]
    private = next(r for r in recommendations if r["rule"] == "no-differential-privacy")
    assert private["evidence"] == ["training/RUN-31", "training/RUN-32"]


def test_nothing_is_recommended_where_nothing_was_found(empty_facts: dict[str, Any]) -> None:
    empty_facts["audit_trail"] |= {
        "entries": 1,
        "completeness": {"expected": 0, "found": 0},
        "anchor": {"size": 1, "transaction_hash": "0x" + "0" * 64, "chain_id": 1, "operated_by": "a consortium"},
    }
    assert rules(empty_facts) == ["nothing-happened", "trail-verified"]
    assert rules(empty_facts, "recommendations") == []


def test_every_recommendation_belongs_to_a_rule_with_advice(full_facts: dict[str, Any]) -> None:
    assert set(rules(full_facts, "recommendations")) <= set(ADVICE)


def test_controls_point_at_the_items_that_are_their_evidence(full_facts: dict[str, Any]) -> None:
    rows = {row["clause"]: row for row in complete(full_facts)["controls"]}
    assert rows["MEASURE 2.11"]["evidence"] == ["audits/AUD-7", "audits/AUD-9"]
    assert rows["MEASURE 2.7"]["evidence"] == ["audits/AUD-7"]
    assert rows["MEASURE 2.9"]["evidence"] == ["audits/AUD-7", "models/glioma-2.1"]
    assert rows["MANAGE 2.4"]["evidence"] == ["incidents/INC-1", "incidents/INC-2"]
    assert rows["45 CFR 164.312(b)"]["evidence"] == ["trail"]


def test_a_control_without_evidence_says_so(empty_facts: dict[str, Any]) -> None:
    rows = {row["clause"]: row for row in complete(empty_facts)["controls"]}
    assert rows["Art. 22(3)"] == {
        "framework": "GDPR",
        "clause": "Art. 22(3)",
        "requirement": "Human intervention, expressing a view, contesting",
        "status": "no evidence in this period",
        "evidence": [],
    }


def test_iso_31700_is_only_ever_aligned_to(full_facts: dict[str, Any]) -> None:
    frameworks = {row["framework"] for row in complete(full_facts)["controls"] if "31700" in row["framework"]}
    assert frameworks == {"ISO 31700-1:2023 (aligned to)"}


def test_what_is_not_recorded_is_not_shown_as_zero(full_facts: dict[str, Any]) -> None:
    report = complete({**full_facts, "appeals": None})
    shown = {figure["label"]: figure["value"] for figure in report["summary"]["figures"]}
    assert shown["Appeals received"] == "not recorded"
    contesting = [row for row in report["controls"] if row["clause"] == "Art. 22(3)"]
    assert contesting
    assert not contesting[0]["evidence"]
