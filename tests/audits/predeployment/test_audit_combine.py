from __future__ import annotations

import uuid

import pytest

from audits.predeployment import services
from audits.predeployment.models import AuditRun, CheckResult
from core import jobs
from core.errors import ApplicationError, Conflict
from core.models import DomainEvent, Job
from federation import mailbox
from federation.domain.messages import Message, dump_public, new_key, seal
from federation.models import Participant, Round, SiteOrder, SiteUpdate, TrainingRun
from models_registry.models import Evidence, Version
from tests.factories.audits import answer, combine, give_answer, make_audit, tell

DP = {"noise_multiplier": 3.0, "max_grad_norm": 0.5, "delta": 1e-4}


@pytest.fixture
def audit(version, people):
    return services.audit_start(version=version, actor=people.administrator)


def combinations(audit: AuditRun) -> int:
    return Job.objects.filter(kind="audit.combine", payload__audit=str(audit.id)).count()


@pytest.mark.parametrize("outcome", ["pass", "fail", "inconclusive", "not_assessable"])
def test_the_answers_become_a_verdict_with_evidence(version, outcome):
    audit = make_audit(version, outcome)
    assert (audit.state, audit.verdict) == ("finished", outcome)
    evidence = Evidence.objects.get(version=version)
    assert (evidence.kind, evidence.source_id) == ("predeployment_audit", audit.id)
    assert (evidence.verdict, evidence.digest, evidence.summary) == (outcome, audit.digest, audit.summary)
    assert {row["check_id"] for row in audit.summary["checks"]} == set(audit.checks.values_list("check_id", flat=True))


def test_nothing_is_combined_before_the_last_site_has_answered(audit):
    first, second = services.orders_of(audit)
    give_answer(first, answer("north", audit.policy))
    assert combinations(audit) == 0
    give_answer(second, answer("south", audit.policy))
    assert combinations(audit) == 1


def test_an_answer_told_twice_is_combined_once(audit):
    for order in services.orders_of(audit):
        give_answer(order, answer(order.participant.site, audit.policy))
        tell(order)
    assert combinations(audit) == 1
    assert combine(audit)
    tell(services.orders_of(audit)[0])  # and once more, after the end
    assert combinations(audit) == 1 and Evidence.objects.count() == 1


def test_effects_that_come_twice_change_nothing(audit):
    for order in services.orders_of(audit):
        give_answer(order, answer(order.participant.site, audit.policy))
    first = services.audit_combine({"audit": str(audit.id)})
    second = services.audit_combine({"audit": str(audit.id)})
    first()
    second()
    assert Evidence.objects.count() == 1
    assert DomainEvent.objects.filter(kind="audit.finished").count() == 1
    assert CheckResult.objects.filter(audit=audit, check_id="bias_score").count() == 1


def test_a_site_that_fails_fails_the_audit_with_its_message(audit):
    first, second = services.orders_of(audit)
    give_answer(first, error="OrderRefused: the data have changed")
    audit.refresh_from_db()
    assert audit.state == "failed" and audit.verdict == ""
    assert audit.stop_reason == "Hospital north: OrderRefused: the data have changed"
    assert SiteOrder.objects.get(id=second.id).state == SiteOrder.State.CANCELLED
    assert not Evidence.objects.exists()


def test_an_answer_that_comes_after_the_failure_is_left_alone(audit):
    first, second = services.orders_of(audit)
    give_answer(first, error="no data")
    give_answer(second, answer("south", audit.policy))
    assert combinations(audit) == 0 and AuditRun.objects.get(id=audit.id).state == "failed"


def test_an_answer_that_speaks_for_another_site_fails_the_audit_and_leaves_no_result(audit):
    for order in services.orders_of(audit):
        give_answer(order, answer("north", audit.policy))  # south sends north's
    assert combine(audit)
    audit.refresh_from_db()
    assert audit.state == "failed" and "south: a cell speaks for north" in audit.stop_reason
    assert not audit.checks.exists() and not Evidence.objects.exists()


def test_a_combination_that_gives_up_ends_the_audit(audit):
    payload = {"kind": "audit.combine", "payload": {"audit": str(audit.id)}, "error": "MemoryError"}
    effects = services.job_died(payload)
    assert effects is not None
    effects()
    assert AuditRun.objects.get(id=audit.id).stop_reason == "The results could not be computed: MemoryError"
    assert services.job_died({**payload, "kind": "round.aggregate"}) is None


def test_a_version_may_be_audited_again_and_the_newest_evidence_counts(version):
    make_audit(version, "inconclusive")
    make_audit(version, "pass")
    assert version.audits.count() == 2
    assert Evidence.objects.order_by("-created_at").first().verdict == "pass"


def test_the_digest_is_that_of_the_rows_and_shows_a_change(version):
    audit = make_audit(version, "pass")
    assert services.digest_now(audit) == audit.digest
    CheckResult.objects.filter(audit=audit, check_id="bias_score").update(value=0.0001)
    assert services.digest_now(audit) != audit.digest


def test_the_same_answers_give_the_same_results(version):
    first, second = (make_audit(version, "inconclusive") for _ in range(2))
    rows = [list(a.checks.order_by("check_id").values_list("check_id", "value", "lower", "upper")) for a in
            (first, second)]  # fmt: skip
    assert rows[0] == rows[1]
    assert first.digest != second.digest  # it names the audit


def test_an_audit_is_stopped_only_while_it_runs_and_only_with_a_reason(audit, people):
    with pytest.raises(ApplicationError, match="reason"):
        services.audit_stop(audit=audit, reason="  ", actor=people.administrator)
    services.audit_stop(audit=audit, reason="south is closed", actor=people.administrator)
    audit.refresh_from_db()
    assert (audit.state, audit.stop_reason) == ("failed", "Stopped: south is closed")
    assert {order.state for order in services.orders_of(audit)} == {SiteOrder.State.CANCELLED}
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
    assert check.gating and check.verdict == verdict == audit.verdict
    assert (check.value > 2.0) is (verdict == "fail") and check.threshold == 2.0


def test_a_missing_update_makes_epsilon_unknown_and_blocks(version):
    audit = make_audit(private(version, steps=2, sites=("north",)), "pass")
    check = audit.checks.get(check_id="epsilon")
    assert check.verdict == audit.verdict == "not_assessable"
    assert check.value is None and check.evidence["by_site"]["south"] is None


def test_the_work_is_a_job_whose_effects_are_written_with_its_end(audit):
    for order in services.orders_of(audit):
        give_answer(order, answer(order.participant.site, audit.policy))
    job = Job.objects.get(kind="audit.combine")
    assert jobs.run(job.id) and not jobs.run(job.id)  # done: nobody runs it again
    assert AuditRun.objects.get(id=audit.id).finished_at is not None


def test_signed_answers_travel_through_the_mailbox_to_the_evidence(audit):
    """From the bytes that a site sends to the verdict, by the jobs that the events enqueue."""
    for order in services.orders_of(audit):
        key, participant = new_key(), order.participant
        Participant.objects.filter(id=participant.id).update(public_key=dump_public(key))
        participant.refresh_from_db()
        body = answer(participant.site, audit.policy)
        text = seal(Message("audit", participant.site, "coordinator", order.key, body), key)
        assert mailbox.message_receive(participant=participant, text=text) == "answer"
        assert mailbox.message_receive(participant=participant, text=text) == "duplicate"
    told = Job.objects.filter(kind="event", payload__event="order.audit").values_list("id", flat=True)
    assert [jobs.run(job) for job in told] == [True, True]
    assert combine(audit)
    audit.refresh_from_db()
    digests = dict(SiteOrder.objects.filter(subject=audit.id).values_list("participant__site", "answer_digest"))
    assert audit.verdict == "pass" and audit.summary["answers"] == digests
    assert services.digest_now(audit) == audit.digest
