from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest
from django.conf import settings
from django.utils import timezone

from audits.posthoc.assembly import Window, changing, checks, decisions, gather, incidents, records, trail
from audits.posthoc.assembly.window import history, label, state_of
from audits.posthoc.rendering import complete
from audits.predeployment.models import AuditRun, CheckResult
from audits.runtime.models import Halt
from core.context import governed
from core.fields import Clear
from federation.models import TrainingRun
from models_registry import services as registry
from models_registry.models import CardPublication, Deployment
from provenance.models import Anchor, ChainState, Checkpoint
from tests.factories.registry import make_request, make_version, newest_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def battery() -> tuple[str, ...]:
    """Everything, for what is read from each check."""
    return settings.AUDIT_CHECKS


@pytest.fixture
def window(today) -> Window:
    return Window(today, today)


def test_the_facts_of_a_full_day_make_a_valid_report(report, tomorrow):
    raw = complete(gather(report, generated_at=tomorrow))
    counts = {key: len(raw[key]) for key in ("models", "training_runs", "audits", "deployments", "incidents")}
    assert counts == {"models": 1, "training_runs": 1, "audits": 1, "deployments": 1, "incidents": 2}
    assert len(raw["approvals"]) == 3
    assert raw["synthetic"] is True
    assert raw["audit_trail"]["verdict"] == "VERIFIED"
    assert "clinical-without-pass" not in {finding["rule"] for finding in raw["summary"]["findings"]}


def test_a_day_without_anything_makes_a_valid_report_too(world, tomorrow, today):
    from audits.posthoc.models import Report

    quiet = today - dt.timedelta(days=400)
    report = Report.objects.create(period_start=quiet, period_end=quiet, requested_by=world.people.auditor)
    raw = complete(gather(report, generated_at=tomorrow))
    assert [raw[key] for key in ("models", "training_runs", "audits", "approvals", "deployments", "incidents")] == [
        []
    ] * 6
    assert raw["audit_trail"]["verdict"] == "NOT VERIFIED"


def test_people_appear_by_role_institution_and_pseudonym(report, day, tomorrow):
    facts = json.dumps(gather(report, generated_at=tomorrow))
    for person in vars(day.people).values():
        if hasattr(person, "email"):
            assert person.email not in facts
            assert str(person.id) not in facts
            assert person.name == "Admin" or person.name not in facts  # "Administrator" holds "Admin"
    approvals = json.loads(facts)["approvals"]
    assert {(a["role"], a["institution"]) for a in approvals} == {
        ("Ethics officer", "Hospital north"), ("Ethics officer", "Hospital south"), ("Administrator", "Platform"),
    }  # fmt: skip
    assert all(a["actor"].startswith("psn:") for a in approvals)


# --- halts ---------------------------------------------------------------------------------------------------------


def test_an_automatic_halt_shows_what_the_detector_saw_and_who_ended_it(day, window):
    automatic, manual = incidents.incidents(window)
    assert (automatic["kind"], automatic["metric"], automatic["groups"]) == (
        "automatic halt", "true positive rate", ["sex male", "sex female"],
    )  # fmt: skip
    assert automatic["gap"] == 0.214
    assert automatic["threshold"] == pytest.approx(120, rel=1e-3)  # 2M / alpha, from its logarithm
    assert automatic["reinstatement"]["by"] == ["Ethics officer, Hospital north", "Ethics officer, Hospital south"]
    assert manual["kind"] == "manual halt"
    assert manual["reinstatement"] is None
    assert manual["deployment"] == records.deployments(window)[0]["id"]


def test_a_halt_that_nobody_here_decided_is_the_chains(day, window):
    Halt.objects.filter(id=day.standing.id).update(halted_by=None, reason=Clear("Halted on the chain."))
    assert [halt["kind"] for halt in incidents.incidents(window)] == ["automatic halt", "halt by chain"]


def test_a_halt_is_reported_as_it_stood_when_the_period_ended(day, window, today):
    Halt.objects.filter(id=day.ended.id).update(closed_at=window.until + dt.timedelta(hours=1))
    assert incidents.incidents(window)[0]["reinstatement"] is None


def test_a_halt_that_outlasts_its_period_is_in_the_next_one_too(day, today):
    later = Window(today + dt.timedelta(days=1), today + dt.timedelta(days=1))
    assert [halt.id for halt in incidents.halts(later)] == [day.standing.id]


def test_an_alarm_without_figures_is_told_as_an_incident_not_left_out(day, window):
    Halt.objects.filter(id=day.ended.id).update(alarm={})
    found = incidents.incidents(window)[0]
    assert found["kind"] == "incident"
    assert "detector figures are not on record" in found["description"]


# --- states --------------------------------------------------------------------------------------------------------


def test_states_come_from_the_ledger_as_they_were(day, window, ledger):
    row = records.deployments(window)[0]
    assert row["state"] == "halted"
    assert dt.datetime.fromisoformat(row["since"]) > day.ended.closed_at  # not since it was deployed
    halted_at = timezone.now()
    with governed(action="test"):
        Deployment.objects.filter(id=day.deployment.id).update(state="revoked")
    ledger()
    assert records.deployments(Window(window.start, window.end))[0]["state"] == "revoked"
    past = history([day.deployment], until=halted_at)
    assert state_of(Deployment.objects.get(id=day.deployment.id), past) == "halted"


def test_every_change_of_state_is_listed_with_before_and_after(day, window):
    told = [(c["subject"], c["before"], c["after"]) for c in changing.changes(window)]
    assert (str(day.version.model), "no version", "version 1") in told
    assert (f"Request: Clinical use of {day.version}", "under review", "approved") in told
    deployment = [(before, after) for subject, before, after in told if subject == "Deployment Ward A"]
    assert deployment == [("active", "halted"), ("halted", "active"), ("active", "halted")]
    assert ("Hospital north in Trial", "no part", "takes part") in told


def test_changes_of_runs_and_public_cards_are_listed_too(day, window, ledger):
    with governed(action="test"):
        TrainingRun.objects.update(state="aborted")
        card = newest_card(day.version)
        CardPublication.objects.create(
            version=day.version, card=card, card_digest=card.digest, published_by=day.people.administrator
        )
    ledger()
    told = [(c["subject"], c["before"], c["after"]) for c in changing.changes(window)]
    assert (f"Card of {day.version}", "not public", "public") in told
    assert [row[1:] for row in told if row[0].startswith("Training run")] == [("finished", "aborted")]


def test_withdrawn_requests_and_revoked_deployments_are_decisions(day, window, ledger):
    version = make_version(day.world)
    from tests.factories.registry import make_evidence

    make_evidence(version)
    request = make_request(day.world, version=version)
    registry.approval_withdraw(request=request, reason="Another data set came.", actor=day.people.administrator)
    with governed(action="deployment.revoke", actor=day.people.administrator.id):
        Deployment.objects.filter(id=day.deployment.id).update(state="revoked")
    ledger()
    found = {a["decision"]: a for a in decisions.approvals(window)}
    assert set(found) == {"approved", "withdrawn", "revoked"}
    assert found["withdrawn"]["role"] == "Administrator"
    assert found["revoked"]["content_sha256"] == day.deployment.approval.content_digest


def test_a_decision_under_a_final_anchor_is_anchored_by_commitment(day, window):
    assert {a["anchored_as"] for a in decisions.approvals(window)} == {"not anchored"}
    Anchor.objects.create(
        checkpoint=Checkpoint.objects.first(), prev_root=b"\0" * 32, nonce=0, raw_tx=b"", tx_hash="0x" + "1" * 64,
        state="final",
    )  # fmt: skip
    assert {a["anchored_as"] for a in decisions.approvals(window)} == {"commitment"}


# --- models and training -------------------------------------------------------------------------------------------


def test_served_predictions_are_counted_from_the_batches_of_the_period(day, window, today):
    row = records.deployments(window)[0]
    assert (row["predictions"], row["outcomes"]) == (321, 300)
    later = Window(today + dt.timedelta(days=1), today + dt.timedelta(days=9))
    assert records.deployments(later)[0]["predictions"] == 0


def test_a_model_carries_its_card_and_how_complete_that_is(day, window):
    (model,) = records.models(window)
    assert model["weights_sha256"] == day.version.weights_digest
    assert len(model["card_sha256"]) == 64
    assert 0 < model["card_completeness"] < 1
    assert model["state"] == "halted"


def test_a_run_without_differential_privacy_says_none(day, window):
    (run,) = records.training_runs(window)
    assert (run["privacy"], run["rounds_completed"], run["state"]) == (None, 1, "finished")
    assert run["sites"] == ["Hospital north", "Hospital south"]


@pytest.mark.parametrize(("spent", "epsilon", "words"), [({"north": 0.4, "south": 0.7}, 0.7, ""), ({}, 3.0, "budget")])
def test_the_privacy_of_a_run_is_what_the_most_exposed_site_spent(day, window, spent, epsilon, words):
    run = TrainingRun.objects.get()
    run.config["local"]["dp"] = {"noise_multiplier": 1.1, "max_grad_norm": 1.0, "delta": 1e-5}
    run.config["epsilon_budget"] = 3.0
    run.save(update_fields=["config"])
    run.rounds.update(metrics={"epsilon": spent})
    privacy = records.training_runs(window)[0]["privacy"]
    assert (privacy["epsilon"], privacy["delta"]) == (epsilon, 1e-5)
    assert words in privacy["mechanism"]


# --- audits --------------------------------------------------------------------------------------------------------


def test_an_audit_is_read_from_its_checks(day, window):
    (audit,) = checks.audits(window)
    check = day.audit.checks.get(check_id="bias_score")
    assert (audit["bias"]["score"], audit["bias"]["verdict"]) == (check.value, "PASS")
    assert audit["bias"]["n"] > 0
    assert audit["worst_gap"]["rate_low"] <= audit["worst_gap"]["rate_high"]
    assert audit["explanation"]["score"] == pytest.approx(0.9)
    assert audit["discrepancy"]["permutations"] == day.audit.policy["checks"]["quantum_mmd"]["settings"]["permutations"]
    assert audit["group_metrics"]
    assert [row["check"] for row in audit["not_assessed"]] == ["Privacy loss (epsilon)"]


def make_row(day, **fields) -> AuditRun:
    """An audit whose only check is made by hand."""
    audit = AuditRun.objects.create(
        version=day.version, policy={}, state="finished", verdict="inconclusive", finished_at=timezone.now()
    )
    if fields:
        CheckResult.objects.create(
            **{
                "audit": audit, "check_id": "bias_score", "principle": "fairness", "title": "Bias score",
                "decides": "certifies", "verdict": "inconclusive", "value": 0.09, "lower": 0.02, "upper": 0.16,
                "threshold": 0.1, "sentence": "It may be more.", "evidence": {"n": 80}, **fields,
            }
        )  # fmt: skip
    return audit


def last(window) -> dict:
    return checks.audits(window)[-1]


def test_a_failed_audit_is_told_with_its_reason(day, window):
    audit = make_row(day)
    AuditRun.objects.filter(id=audit.id).update(state="failed", stop_reason=Clear("Site south did not answer."))
    assert last(window)["not_assessed"][0] == {
        "check": "Bias score", "reason": "The audit failed: Site south did not answer.",
    }  # fmt: skip


def test_sparse_evidence_gives_the_score_and_no_gap(day, window):
    make_row(day)
    make_row(day, evidence={"n": 80})
    audit = last(window)
    assert (audit["bias"]["verdict"], audit["bias"]["n"], audit["worst_gap"]) == ("INCONCLUSIVE", 80, None)
    assert {row["check"] for row in audit["not_assessed"]} == {
        "Quantum kernel two-sample test", "LIME interpretability", "AIF360 metrics",
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"value": None, "lower": None, "upper": None, "verdict": "not_assessable"},
        {"evidence": {}},
        {"verdict": "inconclusive", "upper": 0.05},  # e.g. a group too small to test, though the bounds are narrow
        {"verdict": "pass"},
    ],
    ids=["not measured", "no count", "stricter than its bounds", "kinder than its bounds"],
)
def test_what_does_not_fit_together_is_not_shown_as_a_result(day, window, fields):
    make_row(day, **fields)
    audit = last(window)
    assert audit["bias"] is None
    assert "It may be more." in audit["not_assessed"][0]["reason"]


def test_every_check_stands_with_its_verdict_by_principle(day, window):
    audit = make_row(day, evidence={"n": 80})
    for check_id, principle, verdict in (("reconstruction", "privacy", "pass"), ("lineage", "accountability", "fail")):
        CheckResult.objects.create(
            audit=audit, check_id=check_id, principle=principle, title=check_id.capitalize(), decides="refutes",
            verdict=verdict, sentence="It was looked at.", value=0.25, threshold=0.5, evidence={},
        )  # fmt: skip
    found = last(window)["checks"]
    assert [(row["principle"], row["name"], row["verdict"]) for row in found[1:]] == [
        ("Privacy", "Reconstruction", "PASS"), ("Accountability", "Lineage", "FAIL"),
    ]  # fmt: skip
    assert found[1] | {"weight": ""} == {
        "principle": "Privacy", "name": "Reconstruction", "weight": "", "verdict": "PASS", "value": 0.25, "low": None,
        "high": None, "limit": 0.5, "said": "It was looked at.",
    }  # fmt: skip


# --- the trail -----------------------------------------------------------------------------------------------------


def test_the_trail_is_verified_and_complete(report, tomorrow):
    found = trail.audit_trail(tomorrow)
    newest = Checkpoint.objects.first()
    assert (found["verdict"], found["entries"]) == ("VERIFIED", newest.size)
    assert found["root_sha256"] == bytes(newest.root).hex()
    assert found["checkpoint"] == newest.note.strip()
    invented = 321 + 300  # rows that the two batches of the fixture claim and nobody stored
    assert found["completeness"]["expected"] - invented == found["completeness"]["found"] > 30
    assert found["anchor"] is None


def test_a_changed_ledger_makes_a_report_that_says_so(report, tomorrow, monkeypatch):
    monkeypatch.setattr("provenance.verification.hash_leaf", lambda leaf: b"x" * 32)
    raw = complete(gather(report, generated_at=tomorrow))
    assert raw["audit_trail"]["verdict"] == "FAILED"
    assert raw["summary"]["findings"][0]["rule"] == "trail-failed"


def test_an_anchor_says_who_runs_the_chain(report, tomorrow):
    checkpoint = Checkpoint.objects.first()
    ChainState.objects.create(
        chain_id=88_117, contract="0x" + "c" * 40, log_id="0x" + "d" * 64, head_size=checkpoint.size,
        head_root=checkpoint.root, embedded=True,
    )  # fmt: skip
    Anchor.objects.create(
        checkpoint=checkpoint, prev_root=b"\0" * 32, nonce=0, raw_tx=b"", tx_hash="0x" + "e" * 64, state="final"
    )
    anchor = trail.audit_trail(tomorrow)["anchor"]
    assert (anchor["size"], anchor["chain_id"]) == (checkpoint.size, 88_117)
    assert "adds no independent trust" in anchor["operated_by"]


def test_texts_fit_the_form_of_the_report():
    assert label("") == "not stated"
    assert label(None) == "not stated"
    assert len(label("x" * 1000)) == 300
    assert label(uuid.UUID(int=0)) == "00000000-0000-0000-0000-000000000000"
