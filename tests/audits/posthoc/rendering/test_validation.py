"""Faults of a report: each is found and named by its path."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from audits.posthoc.rendering import ReportInvalid, complete, parse, validate
from audits.posthoc.rendering.validation import resolves

Altered = Callable[[str, Any], dict[str, Any]]

FAULTS = [
    ("schema", "other/1", "$.schema"),
    ("report_id", "with space", "$.report_id"),
    ("period.end", "2025-12-31", "$.period.end"),
    ("period.start", "yesterday", "$.period.start"),
    ("generated_at", "2026-07-02T08:30:00", "$.generated_at"),
    ("generated_at", "2026-07-02T10:30:00+02:00", "$.generated_at"),
    ("generated_at", "2026-06-29T23:00:00Z", "$.generated_at"),
    ("institutions", [], "$.institutions"),
    ("synthetic", "no", "$.synthetic"),
    ("models.1.id", "glioma-2.1", "$.models[1].id"),
    ("models.0.weights_sha256", "ABC", "$.models[0].weights_sha256"),
    ("models.0.card_completeness", 1.2, "$.models[0].card_completeness"),
    ("training_runs.0.rounds_completed", 121, "$.training_runs[0].rounds_completed"),
    ("training_runs.0.privacy.epsilon", -1, "$.training_runs[0].privacy.epsilon"),
    ("training_runs.0.started_at", "2026-07-01T00:00:00Z", "$.training_runs[0].started_at"),
    ("audits.0.bias.verdict", "FAIL", "$.audits[0].bias.verdict"),
    ("audits.0.bias.verdict", "PROBABLY", "$.audits[0].bias.verdict"),
    ("audits.0.bias.high", 0.11, "$.audits[0].bias.verdict"),
    ("audits.0.bias.low", 0.09, "$.audits[0].bias"),
    ("audits.0.bias", None, "$.audits[0].bias"),
    ("audits.0.bias.score", float("nan"), "$.audits[0].bias.score"),
    ("audits.0.worst_gap.rate_low", 0.9, "$.audits[0].worst_gap.rate_low"),
    ("audits.0.discrepancy.p_quantum", 1.01, "$.audits[0].discrepancy.p_quantum"),
    ("audits.0.explanation.low", None, "$.audits[0].explanation"),
    ("audits.0.group_metrics.1.high", None, "$.audits[0].group_metrics[1]"),
    ("audits.0.attacks.0.low", 0.9, "$.audits[0].attacks[0]"),
    ("approvals.0.actor", "Jane Doe", "$.approvals[0].actor"),
    ("approvals.0.decision", "nodded", "$.approvals[0].decision"),
    ("deployments.0.kind", "test", "$.deployments[0].kind"),
    ("deployments.0.predictions", -1, "$.deployments[0].predictions"),
    ("incidents.0.deployment", "DEP-99", "$.incidents[0].deployment"),
    ("incidents.0.wealth", None, "$.incidents[0]"),
    ("incidents.1.reinstatement.by", ["Ethics officer, Northern"], "$.incidents[1].reinstatement.by"),
    ("incidents.1.reinstatement.by", ["one", "one"], "$.incidents[1].reinstatement.by"),
    ("incidents.1.reinstatement.at", "2026-04-01T00:00:00Z", "$.incidents[1].reinstatement.at"),
    ("appeals.open", 2, "$.appeals"),
    ("audit_trail.anchor.size", 48212, "$.audit_trail.anchor.size"),
    ("audit_trail.anchor.transaction_hash", "0x12", "$.audit_trail.anchor.transaction_hash"),
    ("audit_trail.completeness.found", 31878, "$.audit_trail.completeness.found"),
    ("audit_trail.verdict", "FAILED", "$.audit_trail.reason"),
    ("evidence.0.sha256", "", "$.evidence[0].sha256"),
    ("evidence.1.id", "EV-1", "$.evidence[1].id"),
    ("sign_off.0.signed_by", "a/b", "$.sign_off[0].signed_by"),
    ("appeals.extra", 1, "$.appeals"),
]


@pytest.mark.parametrize(("path", "value", "where"), FAULTS)
def test_a_fault_is_named_by_its_path(altered: Altered, path: str, value: Any, where: str) -> None:
    with pytest.raises(ReportInvalid) as caught:
        complete(altered(path, value))
    assert where in [fault.path for fault in caught.value.faults]


def test_a_complete_report_has_no_fault(full_facts: dict[str, Any]) -> None:
    assert validate(complete(full_facts)) == ()


def test_an_empty_report_has_no_fault(empty_facts: dict[str, Any]) -> None:
    assert validate(complete(empty_facts)) == ()


def test_completing_leaves_the_facts_as_they_were(full_facts: dict[str, Any]) -> None:
    before = deepcopy(full_facts)
    complete(full_facts)
    assert full_facts == before


def test_parsing_gives_typed_values(full_facts: dict[str, Any]) -> None:
    report = parse(complete(full_facts))
    assert report.audits[1].bias is not None
    assert report.audits[1].bias.verdict == "FAIL"
    assert report.period.end.year == 2026


@pytest.mark.parametrize("name", ["controls", "summary"])
def test_a_missing_derived_part_is_a_fault(full_facts: dict[str, Any], name: str) -> None:
    report = complete(full_facts)
    del report[name]
    assert name in validate(report)[0].message


def test_an_edited_sentence_is_a_fault(full_facts: dict[str, Any]) -> None:
    report = complete(full_facts)
    report["summary"]["findings"][0]["text"] = "Bias is within the limit."
    assert [fault.path for fault in validate(report)] == ["$.summary"]


def test_a_control_claimed_without_evidence_is_a_fault(empty_facts: dict[str, Any]) -> None:
    report = complete(empty_facts)
    report["controls"][1]["status"] = "evidenced"
    assert [fault.path for fault in validate(report)] == ["$.controls"]


def test_every_inconsistency_is_told_at_once(altered: Altered) -> None:
    facts = altered("appeals.open", 2)
    facts["training_runs"][0]["rounds_completed"] = 121
    with pytest.raises(ReportInvalid) as caught:
        complete(facts)
    assert {fault.path for fault in caught.value.faults} == {"$.appeals", "$.training_runs[0].rounds_completed"}


@pytest.mark.parametrize("raw", [None, [], "report", {}])
def test_what_is_no_report_is_refused(raw: Any) -> None:
    assert validate(raw)[0].path == "$"


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("audits", True),
        ("audits/AUD-7", True),
        ("annex/EV-1", True),
        ("trail", True),
        ("audits/AUD-99", False),
        ("audits/", False),
        ("trail/x", False),
        ("weather", False),
    ],
)
def test_a_pointer_resolves_only_to_what_is_there(full_facts: dict[str, Any], pointer: str, expected: bool) -> None:
    assert resolves(parse(complete(full_facts)), pointer) is expected
