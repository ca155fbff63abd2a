"""Ways to a pass that are none: silence, a softer class of risk, stopping in time, patients that nobody has."""

from __future__ import annotations

import pytest
from django.urls import reverse

from audits.predeployment import policies, results, services
from audits.predeployment.checks.base import Gathered
from audits.predeployment.checks.bias_score import BiasScore
from audits.predeployment.checks.model_inversion import InversionAnswer
from audits.predeployment.checks.reconstruction_evidence import SETTINGS, ReconstructionAnswer, Tally
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import conclude as concluded
from audits.predeployment.checks.running import settings_of
from audits.predeployment.checks.shot_attack import NO_CIRCUIT, ShotAttack
from audits.predeployment.checks.stress import StressAnswer
from core.errors import ApplicationError, Conflict
from federation.models import DataManifest
from models_registry import binding, fails
from models_registry.models import Evidence
from tests.factories.audits import answer, answer_all, conclude, give_answer, make_audit, pending


@pytest.fixture
def audit(version, people):
    return services.audit_start(version=version, actor=people.administrator)


def ended(audit):
    answer_all(audit)
    conclude(audit)
    audit.refresh_from_db()
    return audit.checks.get(check_id="bias_score")


def test_a_hospital_that_keeps_its_patients_back_costs_the_pass_and_is_named(audit):
    order = pending(audit, "south")[0]
    give_answer(order, {"not_measured": "no patient is left for the audit"})
    row = ended(audit)
    assert (row.verdict, audit.verdict) == ("inconclusive", "inconclusive")
    assert "south was not measured: no patient is left for the audit" in row.sentence


def test_a_hospital_too_small_to_be_judged_is_named_and_costs_no_pass(audit, world):
    manifest = DataManifest.objects.get(participant=world.participants["south"])
    DataManifest.objects.filter(id=manifest.id).update(content={**manifest.content, "n_patients": 2})
    give_answer(pending(audit, "south")[0], {"not_measured": "no patient is left for the audit"})
    row = ended(audit)
    assert row.verdict == "pass" and "south was not measured" in row.sentence


def test_a_hospital_cannot_count_more_patients_than_its_manifest_has(audit, world):
    manifest = DataManifest.objects.get(participant=world.participants["south"])
    DataManifest.objects.filter(id=manifest.id).update(content={**manifest.content, "n_patients": 100})
    row = ended(audit)
    assert row.verdict == "inconclusive" and "it counts 3200 patients, and its manifest has 100" in row.sentence


@pytest.mark.parametrize("kept", [(), ("selection_rate",), ("tpr", "fpr", "selection_rate"), ("dice", "tpr", "fpr")])
def test_a_cell_without_a_metric_hides_nobody(audit, kept):
    order = pending(audit, "south")[0]
    given = answer(order, outcome="fail")
    for row in given["cells"]["primary"]:
        metrics = row["metrics"] | {"dice": row["metrics"]["accuracy"]}
        row["metrics"] = {name: metrics[name] for name in kept}
    give_answer(order, given)
    assert ended(audit).verdict == "inconclusive"


@pytest.mark.parametrize("seconds", ["abc", None, [], {}, "inf", -5, 10**400, True])
def test_what_a_hospital_says_that_it_took_stops_no_check(audit, seconds):
    order = pending(audit, "south")[0]
    give_answer(order, answer(order) | {"seconds": seconds})
    row = ended(audit)
    assert row.verdict == "pass" and 0 <= row.seconds["south"] <= 1


def test_stopping_is_no_way_around_a_fail(version, people):
    make_audit(version, "pass")
    audit = services.audit_start(version=version, actor=people.administrator, tier="certification")
    for order in pending(audit):
        give_answer(order, answer(order, outcome="fail"))
    conclude(audit)
    services.audit_stop(audit=audit, reason="It takes too long.", actor=people.administrator)
    audit.refresh_from_db()
    assert (audit.state, audit.verdict) == ("failed", "fail") and results.digest_now(audit) == audit.digest
    assert "verdict is fail" in binding.refusal(version, "clinical")
    with pytest.raises(Conflict, match="certification"):
        services.audit_start(version=version, actor=people.administrator)


def test_an_audit_that_is_stopped_before_any_fail_says_nothing(audit, people):
    services.audit_stop(audit=audit, reason="A site is away.", actor=people.administrator)
    audit.refresh_from_db()
    assert audit.verdict == "" and not audit.version.evidence.exists()


def test_whoever_starts_an_audit_cannot_choose_a_softer_class_of_risk(version, people, settings):
    settings.AUDIT_RISK_CLASS = "high"
    with pytest.raises(Conflict, match="high risk"):
        services.audit_start(version=version, actor=people.administrator, risk_class="limited")
    audit = services.audit_start(version=version, actor=people.administrator)
    answer_all(audit, outcome="fail")
    conclude(audit)
    settings.AUDIT_RISK_CLASS = "limited"
    with pytest.raises(Conflict, match="high risk"):
        services.audit_start(version=version, actor=people.administrator)


def test_a_number_beyond_all_measure_is_refused(version, people):
    with pytest.raises(ApplicationError, match="too large"):
        services.audit_start(version=version, actor=people.administrator, chosen={"bias_score.threshold": 10**400})


@pytest.mark.parametrize("text", ["sex: a\0", "sex: \ud800"])
def test_a_policy_holds_no_character_that_the_database_does_not(people, text):
    content = {"checks": {"target_population": {"decides": "certifies", "settings": {"target": text}}}}
    with pytest.raises(ApplicationError, match="printable"):
        policies.policy_propose(risk_class="high", content=content, justification="why", actor=people.administrator)


def test_one_hospital_cannot_say_that_the_model_has_no_circuit():
    check = ShotAttack()
    for config in ({}, {"models": {"primary": {"qubits": 4}}}):
        answers = {"north": (None,), "south": (None,)} if config else {"north": (object(),), "south": (None,)}
        found = concluded(check, Gathered("classification", settings_of(check), 1, answers, config=config))
        assert found.verdict == "inconclusive"
    assert check.read("north", NO_CIRCUIT, {}) is None


def test_an_answer_about_nobody_is_no_answer(audit, monkeypatch):
    monkeypatch.setattr(BiasScore, "counted", lambda _, answer: 0 if answer.site == "south" else answer.n_patients)
    row = ended(audit)
    assert row.verdict == "inconclusive" and "south was not measured: it counted no patient" in row.sentence


def test_the_patients_that_an_attack_counts_are_held_against_the_manifest():
    tally = Tally(7, {"analytic": 0, "cosine": 0, "tail": 0, "any": 0})
    found = {name: dict.fromkeys(SETTINGS, tally) for name in ("primary", "baseline")}
    assert check_of("reconstruction").counted(ReconstructionAnswer(found, 0.5, 0.1, 9, True, True)) == 7
    counts = {(name, cohort): (4, 0) for name in ("primary", "baseline") for cohort in ("train", "audit")}
    assert check_of("model_inversion").counted(InversionAnswer(counts, False)) == 8
    assert check_of("adversarial").counted(StressAnswer(30, {}, {})) == 30


@pytest.mark.parametrize(("risk_class", "tier", "refused"), [
    ("high", "quick", True), ("high", "certification", False), ("limited", "quick", False),
])  # fmt: skip
def test_a_quick_pass_opens_no_clinical_use_of_high_risk(version, risk_class, tier, refused, monkeypatch):
    audit = make_audit(version, "pass")
    evidence = Evidence.objects.get(source_id=audit.id)
    assert (evidence.summary["risk_class"], evidence.summary["tier"]) == ("limited", "quick")
    evidence.summary |= {"risk_class": risk_class, "tier": tier}
    monkeypatch.setattr(binding, "latest_audit", lambda version: evidence)
    assert ("certification audit" in binding.refusal(version, "clinical")) is refused


def test_repeating_an_audit_is_no_way_around_a_fail(version, people, signed_in):
    """Not by withholding answers until it is inconclusive; a real pass answers it, and it is shown even then."""
    failed = make_audit(version, "fail")
    evidence = Evidence.objects.get(source_id=failed.id)
    rows = {row["check_id"]: row for row in evidence.summary["checks"]}
    assert rows["bias_score"]["patients"] == 3200 and rows["bias_score"]["verdict"] == "fail"
    withheld = services.audit_start(version=version, actor=people.administrator)
    give_answer(pending(withheld, "south")[0], error="MemoryError")
    answer_all(withheld)
    conclude(withheld)
    withheld.refresh_from_db()
    assert withheld.verdict == "inconclusive"
    assert "A fail stands: Bias score" in binding.refusal(version, "shadow")
    page = signed_in(people.officer_north).get(reverse("audit", args=[withheld.id])).content.decode()
    assert "An earlier fail stands" in page
    passed = make_audit(version, "pass")
    assert not binding.refusal(version, "clinical")
    (shown,) = fails.fails_of(version)
    assert (shown.evidence, shown.answered_by.source_id) == (evidence, passed.id)


def test_a_pass_about_fewer_patients_answers_no_fail(version, monkeypatch):
    make_audit(version, "fail")
    monkeypatch.setattr(BiasScore, "counted", lambda _, answer: answer.n_patients // 4)
    assert make_audit(version, "pass").verdict == "pass"
    assert "A fail stands" in binding.refusal(version, "clinical")


def test_the_thorough_form_of_a_check_says_whose_place_it_takes():
    for thorough, quick in results._THOROUGH.items():
        assert isinstance(check_of(thorough), type(check_of(quick)))
