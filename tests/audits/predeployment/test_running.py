from __future__ import annotations

import uuid

import pytest

from audits.predeployment import results, running, services
from audits.predeployment.checks import not_installed, registry
from audits.predeployment.checks.base import Check, Gathered, Principle, Result
from audits.predeployment.models import AuditRun, CheckResult
from core import jobs
from core.errors import ApplicationError, Conflict
from core.models import DomainEvent, Job
from federation import mailbox
from federation.domain.messages import Message, digest, dump_public, new_key, seal
from federation.models import Participant, Round, SiteOrder, SiteUpdate, TrainingRun
from models_registry.models import Evidence, Version
from tests.factories.audits import answer, answer_all, conclude, give_answer, make_audit, pending, tell

DP = {"noise_multiplier": 3.0, "max_grad_norm": 0.5, "delta": 1e-4}


@pytest.fixture
def audit(version, people):
    return services.audit_start(version=version, actor=people.administrator)


def asked(audit: AuditRun, site: str) -> list[tuple[str, int]]:
    orders = SiteOrder.objects.filter(subject=audit.id, participant__site=site).order_by("created_at")
    return [(order.body["check"], order.body["shard"]) for order in orders]


def due(audit: AuditRun) -> set[str]:
    found = Job.objects.filter(kind="audit.check", payload__audit=str(audit.id))
    return set(found.values_list("payload__check", flat=True))


@pytest.mark.parametrize("outcome", ["pass", "fail", "inconclusive", "not_assessable"])
def test_the_answers_become_a_verdict_with_evidence(version, outcome):
    audit = make_audit(version, outcome)
    assert (audit.state, audit.verdict) == ("finished", outcome)
    evidence = Evidence.objects.get(version=version)
    assert (evidence.kind, evidence.source_id) == ("predeployment_audit", audit.id)
    assert (evidence.verdict, evidence.digest, evidence.summary) == (outcome, audit.digest, audit.summary)
    assert {row["check_id"] for row in audit.summary["checks"]} == set(audit.policy["checks"])


def test_a_site_is_asked_one_thing_at_a_time(audit):
    for site in ("north", "south"):
        assert len(asked(audit, site)) == 1
    first = pending(audit, "north")[0]
    give_answer(first, answer(first))
    assert len(asked(audit, "north")) == 2 and len(asked(audit, "south")) == 1


def test_a_check_is_concluded_when_every_site_has_answered_it_and_not_before(audit):
    north, south = pending(audit)
    give_answer(north, answer(north))
    assert due(audit) == set()
    give_answer(south, answer(south))
    assert due(audit) == {"bias_score", "bias_score_baseline", "aif360", "representation"}
    conclude(audit)
    audit.refresh_from_db()
    assert audit.state == "running" and audit.checks.count() == 4


def test_what_needs_no_site_is_concluded_last(audit):
    assert "epsilon" not in due(audit)
    answer_all(audit)
    assert "epsilon" in due(audit)


def test_an_answer_told_twice_asks_and_concludes_once(audit):
    for order in pending(audit):
        give_answer(order, answer(order))
        tell(order)
    before = (asked(audit, "north"), Job.objects.filter(kind="audit.check").count())
    tell(SiteOrder.objects.filter(subject=audit.id).first())
    assert (asked(audit, "north"), Job.objects.filter(kind="audit.check").count()) == before


def test_effects_that_come_twice_change_nothing(audit):
    answer_all(audit)
    effects = [running.audit_check({"audit": str(audit.id), "check": name}) for name in sorted(audit.policy["checks"])]
    for effect in (*effects, *effects):
        effect()
    assert Evidence.objects.count() == 1
    assert DomainEvent.objects.filter(kind="audit.finished").count() == 1
    assert CheckResult.objects.filter(audit=audit, check_id="bias_score").count() == 1


def test_a_site_that_fails_at_one_check_costs_that_check_alone(audit):
    failing = pending(audit, "north")[0]
    give_answer(failing, error="MemoryError (details in the site's log)")
    answer_all(audit)
    conclude(audit)
    audit.refresh_from_db()
    found = {row.check_id: row for row in audit.checks.all()}
    assert found["bias_score"].verdict == "inconclusive" and "north: MemoryError" in found["bias_score"].sentence
    assert found["quantum_mmd"].verdict == "pass" and found["lime"].verdict == "pass"
    assert (audit.state, audit.verdict) == ("finished", "inconclusive")


def test_an_answer_that_speaks_for_another_site_costs_that_check_alone(audit):
    for order in pending(audit):
        give_answer(order, answer(order, site="north"))  # south sends north's
    answer_all(audit)
    conclude(audit)
    bias = audit.checks.get(check_id="bias_score")
    assert bias.verdict == "inconclusive" and bias.value is None and "south" in bias.sentence


@pytest.mark.parametrize("body", [None, [], {}, {"n_patients": "many"}, {"n_patients": 1e9, "cells": {}}])
def test_an_answer_that_makes_no_sense_is_no_pass(audit, body):
    for order in pending(audit):
        give_answer(order, body)
    answer_all(audit)
    conclude(audit)
    assert audit.checks.get(check_id="bias_score").verdict == "inconclusive"


def test_a_check_that_gives_up_is_inconclusive_and_the_audit_ends(audit):
    answer_all(audit)
    payload = {"kind": "audit.check", "payload": {"audit": str(audit.id), "check": "lime"}, "error": "MemoryError"}
    effects = running.job_died(payload)
    assert effects is not None
    effects()
    conclude(audit)
    row = audit.checks.get(check_id="lime")
    assert row.verdict == "inconclusive" and "MemoryError" in row.sentence
    assert AuditRun.objects.get(id=audit.id).state == "finished"
    assert running.job_died({**payload, "kind": "round.aggregate"}) is None


class Raises(Check):
    id = "lime"
    title = "A check with a mistake"
    principle = Principle.TRANSPARENCY
    question = "Does a mistake stay where it is?"

    def conclude(self, gathered: Gathered) -> Result:
        raise ZeroDivisionError("a mistake")


def test_a_check_that_raises_stops_no_other(audit, monkeypatch):
    answer_all(audit)
    known = registry.check_of
    monkeypatch.setattr(not_installed, "check_of", lambda name: Raises() if name == "lime" else known(name))
    conclude(audit)
    audit.refresh_from_db()
    row = audit.checks.get(check_id="lime")
    assert row.verdict == "inconclusive" and "ZeroDivisionError: a mistake" in row.sentence
    assert (audit.state, audit.verdict) == ("finished", "pass")


def test_a_version_may_be_audited_again_and_the_newest_evidence_counts(version):
    make_audit(version, "inconclusive")
    make_audit(version, "pass")
    assert version.audits.count() == 2
    assert Evidence.objects.order_by("-created_at").first().verdict == "pass"


def test_each_result_has_the_digest_of_its_content_and_a_change_shows(version):
    audit = make_audit(version, "pass")
    assert all(row.digest == digest(results.content_of(row)) for row in audit.checks.all())
    assert results.digest_now(audit) == audit.digest
    CheckResult.objects.filter(audit=audit, check_id="bias_score").update(value=0.0001)
    assert results.digest_now(audit) != audit.digest


def test_the_same_answers_give_the_same_results(version):
    first, second = (make_audit(version, "inconclusive") for _ in range(2))
    rows = [list(a.checks.order_by("check_id").values_list("check_id", "digest")) for a in (first, second)]
    assert rows[0] == rows[1]
    assert first.digest != second.digest  # it names the audit


def test_a_result_says_on_which_signed_answers_with_which_settings_and_at_what_cost(version):
    row = make_audit(version).checks.get(check_id="bias_score_baseline")
    assert row.provenance["answers"] == {"north/bias_score/0": "a" * 64, "south/bias_score/0": "a" * 64}
    assert row.provenance["settings"]["threshold"] == 0.1 and row.provenance["seeds"]["audit"]
    assert row.provenance["versions"]["python"] and set(row.seconds) == {"north", "south", "platform"}


def test_an_audit_is_stopped_only_while_it_runs_and_only_with_a_reason(audit, people):
    with pytest.raises(ApplicationError, match="reason"):
        services.audit_stop(audit=audit, reason="  ", actor=people.administrator)
    order = pending(audit, "north")[0]
    services.audit_stop(audit=audit, reason="south is closed", actor=people.administrator)
    audit.refresh_from_db()
    assert (audit.state, audit.stop_reason) == ("failed", "Stopped: south is closed")
    assert {found.state for found in running.orders_of(audit)} == {SiteOrder.State.CANCELLED}
    give_answer(order, answer(order))  # too late
    assert not pending(audit) and not due(audit)
    with pytest.raises(Conflict, match="failed"):
        services.audit_stop(audit=audit, reason="again", actor=people.administrator)


def private(version: Version, *, steps: int, sites: tuple[str, ...] = ("north", "south")) -> Version:
    """The version of a differentially private run whose sites took so many steps."""
    config = {**version.config, "epsilon_budget": 2.0, "local": {**version.config["local"], "dp": DP}}
    run = TrainingRun.objects.get(id=version.run_id)
    rounds = list(run.rounds.all())
    run.id, run.config, run._state.adding = uuid.uuid4(), config, True
    run.save()
    for round_ in rounds:
        round_.id, round_.run, round_._state.adding = uuid.uuid4(), run, True
        round_.save()
    version.id, version.run, version.config, version._state.adding = uuid.uuid4(), run, config, True
    version.number += 1
    version.save()
    for participant in version.model.federation.participants.filter(site__in=sites):
        spent = {name: {"loss": None, "steps": steps, "sample_rate": 0.2} for name in ("primary", "baseline")}
        SiteUpdate.objects.create(
            round=Round.objects.get(run=run), participant=participant, weights={}, n_records=10,
            metrics=spent, message_digest="b" * 64, signature="",
        )  # fmt: skip
    return Version.objects.select_related("model", "run").get(id=version.id)


@pytest.mark.parametrize(("steps", "verdict"), [(2, "pass"), (400, "fail")])
def test_epsilon_decides_where_differential_privacy_was_declared(version, steps, verdict):
    audit = make_audit(private(version, steps=steps), "pass")
    check = audit.checks.get(check_id="epsilon")
    assert check.decides == "certifies" and check.verdict == verdict == audit.verdict
    assert (check.value > 2.0) is (verdict == "fail") and check.threshold == 2.0


def test_a_missing_update_makes_epsilon_unknown_and_blocks(version):
    audit = make_audit(private(version, steps=2, sites=("north",)), "pass")
    check = audit.checks.get(check_id="epsilon")
    assert check.verdict == audit.verdict == "not_assessable"
    assert check.value is None and check.evidence["by_site"]["south"] is None


def test_a_privacy_budget_that_was_never_promised_decides_nothing(version):
    check = make_audit(version, "pass").checks.get(check_id="epsilon")
    assert check.decides == "informs" and check.verdict == "not_assessable"


def test_the_work_is_a_job_whose_effects_are_written_with_its_end(audit):
    answer_all(audit)
    job = Job.objects.filter(kind="audit.check").first()
    assert jobs.run(job.id) and not jobs.run(job.id)  # done: nobody runs it again
    assert audit.checks.filter(check_id=job.payload["check"]).count() == 1


def test_signed_answers_travel_through_the_mailbox_to_the_evidence(audit):
    """From the bytes that a site sends to the verdict, by the jobs that the events enqueue."""
    keys = {}
    for participant in Participant.objects.filter(site__in=("north", "south")):
        keys[participant.site] = new_key()
        Participant.objects.filter(id=participant.id).update(public_key=dump_public(keys[participant.site]))
    while waiting := pending(audit):
        for order in waiting:
            site = order.participant.site
            text = seal(Message("audit", site, "coordinator", order.key, answer(order)), keys[site])
            participant = Participant.objects.get(id=order.participant_id)
            assert mailbox.message_receive(participant=participant, text=text) == "answer"
            assert mailbox.message_receive(participant=participant, text=text) == "duplicate"
        told = Job.objects.filter(kind="event", payload__event="order.audit", state=Job.State.QUEUED)
        assert all(jobs.run(job) for job in list(told.values_list("id", flat=True)))
    conclude(audit)
    audit.refresh_from_db()
    rests_on = {name: value for row in audit.checks.all() for name, value in row.provenance["answers"].items()}
    orders = SiteOrder.objects.filter(subject=audit.id).select_related("participant")
    assert rests_on == {
        f"{o.participant.site}/{o.body['check']}/{o.body['shard']}": o.answer_digest for o in orders
    }  # fmt: skip
    assert audit.verdict == "pass" and results.digest_now(audit) == audit.digest
