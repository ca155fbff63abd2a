"""Who must consent to a run, what a withdrawal does, and what follows when permission for what was learned is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Membership
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import DomainEvent
from core.roles import Role
from federation import consents, mailbox, services
from federation.domain.code_version import code_version
from federation.models import Consent, Participant, Reconsideration, Round, SiteOrder, SiteUpdate, TrainingRun
from federation.site import cli, outbox
from federation.site.worker import Postbox
from tests.factories.hospitals import Hospitals, run_jobs
from tests.factories.people import make_user

pytestmark = pytest.mark.django_db
State = TrainingRun.State


@pytest.fixture
def hospitals(tmp_path, monkeypatch):
    return without_broker(monkeypatch, Hospitals(tmp_path))


@pytest.fixture
def two(tmp_path, monkeypatch):
    return without_broker(monkeypatch, Hospitals(tmp_path, count=2))


def without_broker(monkeypatch, hospitals: Hospitals) -> Hospitals:
    """Orders are carried out by hand, and what a site says waits in its outbox."""

    def away(postbox: Postbox, text: str) -> None:
        raise OSError("the broker is not in this test")

    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    monkeypatch.setattr(Postbox, "deliver_once", away)
    return hospitals


def fresh(run: TrainingRun) -> TrainingRun:
    return TrainingRun.objects.get(id=run.id)


def at_site(hospitals: Hospitals, code: str, *arguments: str) -> int:
    """What somebody types at the site. There is no broker, so what is told waits in the outbox."""
    return cli.main(["--home", str(hospitals.sites[code].home.folder), *arguments])


# --- who signs -----------------------------------------------------------------------------------------------------


def test_a_run_is_proposed_with_terms_that_its_hash_covers(two):
    run = two.proposed()
    assert run.config["terms"]["lawfulness"] == "no_personal_data" and run.config["terms"]["purpose"] == "Testing"
    assert run.config["terms"]["code_version"] == code_version()
    again = two.proposed(terms={"purpose": "Something else"})
    assert again.config_hash != run.config_hash


@pytest.mark.parametrize(
    ("synthetic", "terms", "said"),
    [
        (False, None, "state lawfulness, special_category, hipaa, ethics"),
        (True, {"expires_on": "2001-01-01"}, "an end of the terms from"),
        (True, {"lawfulness": "because"}, "legal basis among"),
        (True, {"code_version": "a" * 64}, "terms among purpose"),
    ],
)
def test_terms_that_cannot_be_are_refused_before_anything_is_frozen(two, synthetic, terms, said):
    two.federation.synthetic = synthetic
    two.federation.save(update_fields=["synthetic"])
    with pytest.raises(ApplicationError, match="not valid: expected") as refused:
        two.proposed(terms=terms)
    assert said in refused.value.message and not TrainingRun.objects.exists()


def test_a_run_starts_only_when_both_signers_and_the_site_of_every_institution_have_said_yes(two):
    run, administrator = two.proposed(), two.people.administrator

    def refusal() -> str:
        with pytest.raises(Conflict) as refused:
            services.run_start(run=run, actor=administrator)
        return refused.value.message

    assert "waiting for phantom-1, phantom-2" in refusal()
    two.sign(run, "phantom-1")
    two.decide(run, "phantom-2", "given")
    assert "phantom-1: the approval at its own site. phantom-2: its ethics officer, the approval" in refusal()
    two.decide(run, "phantom-2", "given", two.signers["phantom-2"][1])
    two.answer("propose", "phantom-1")
    assert "phantom-2: the approval at its own site." in refusal() and fresh(run).state == State.PROPOSED
    two.answer("propose", "phantom-2")
    assert fresh(run).state == State.APPROVED
    assert services.run_start(run=run, actor=administrator).state == State.RUNNING


def test_nobody_signs_twice_for_an_institution_nor_for_another(two):
    run = two.proposed()
    operator, officer = two.signers["phantom-1"]
    both = make_user("both@test.example", Role.SITE_OPERATOR, two.participants["phantom-1"].institution)
    Membership.objects.create(
        user=both, institution=two.participants["phantom-1"].institution, role=Role.ETHICS_OFFICER
    )
    with pytest.raises(ApplicationError, match="say in which capacity"):
        two.decide(run, "phantom-1", "given", both)
    two.decide(run, "phantom-1", "given", both, capacity="operator")
    with pytest.raises(Conflict, match="One person cannot sign as operator and as officer"):
        two.decide(run, "phantom-1", "given", both, capacity="officer")
    with pytest.raises(Forbidden, match="do not hold that role"):
        two.decide(run, "phantom-1", "given", operator, capacity="officer")
    for stranger in (two.signers["phantom-2"][1], two.people.administrator, two.people.clinician):
        with pytest.raises(Forbidden, match="answers for its own data"):
            two.decide(run, "phantom-1", "given", stranger)
    two.decide(run, "phantom-1", "given", officer)
    assert run.consents.count() == 2


def test_the_database_keeps_one_person_from_both_signatures(two):
    run = two.proposed()
    row = {"run": run, "participant": two.participants["phantom-1"], "config_hash": run.config_hash,
           "decision": "given", "decided_by": two.signers["phantom-1"][0]}  # fmt: skip
    Consent.objects.create(**row)
    for wrong in ({"capacity": "officer"}, {"capacity": "site"}, {"capacity": "officer", "decided_by": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Consent.objects.create(**{**row, **wrong})


def test_a_refusal_ends_the_run_and_a_withdrawal_before_the_start_only_makes_it_wait(two):
    run = two.proposed()
    two.sign(run)
    two.answer("propose")
    two.decide(run, "phantom-1", "withdrawn")
    assert fresh(run).state == State.PROPOSED
    two.decide(run, "phantom-1", "given")
    assert fresh(run).state == State.APPROVED
    two.decide(run, "phantom-2", "refused")
    assert fresh(run).state == State.ABORTED and "refused consent: because" in fresh(run).stop_reason


def test_terms_that_have_ended_are_not_signed(two):
    run = two.proposed()
    run.config["terms"]["expires_on"] = "2001-01-01"
    run.save(update_fields=["config"])
    with pytest.raises(Conflict, match="ended on 2001-01-01"):
        two.decide(run, "phantom-1", "given")


# --- the site's own word -------------------------------------------------------------------------------------------


def test_a_worker_refuses_what_was_not_approved_at_its_site_whatever_the_platform_holds(hospitals):
    run = hospitals.proposed()
    hospitals.sign(run)
    for participant in hospitals.participants.values():  # a platform that says that the sites have approved
        Consent.objects.create(
            run=run, participant=participant, config_hash=run.config_hash, decision="given", capacity="site"
        )
    hospitals.approve(run, "phantom-1", "phantom-2")
    TrainingRun.objects.filter(id=run.id).update(state=State.APPROVED)
    services.run_start(run=run, actor=hospitals.people.administrator)
    run_jobs()
    assert hospitals.answer("train", approve=False) == ["answer", "answer", "failure"]
    said = run.consents.filter(participant=hospitals.participants["phantom-3"], capacity="site").last()
    assert said.decision == "refused" and "has not approved" in said.reason
    assert fresh(run).state == State.RUNNING and run.rounds.get().state == Round.State.EVALUATING
    assert SiteUpdate.objects.count() == 2


def test_a_withdrawal_at_the_site_is_told_and_the_run_goes_on_without_it(hospitals):
    run = hospitals.running()
    assert (
        at_site(hospitals, "phantom-3", "consent", "withdraw", run.config_hash[:10], "--by", "Ida", "--reason", "x")
        == 0
    )
    assert hospitals.post("phantom-3") == ["statement"]
    assert hospitals.answer("train", approve=False) == ["answer", "answer"]
    assert consents.left(fresh(run)) == {"phantom-3"}
    said = run.consents.filter(capacity="site").last()
    assert said.decision == "withdrawn" and said.decided_by is None and "Ida" not in str(said.statement)


def test_what_a_site_says_twice_or_of_nothing_known_changes_nothing(hospitals):
    run = hospitals.proposed()
    hospitals.approve(run, "phantom-1")
    said = hospitals.sites["phantom-1"].home.approvals.latest(run.config_hash).public
    home = hospitals.sites["phantom-1"].home
    for change in ({}, {}, {"config_hash": "f" * 64}, {"decision": "maybe"}):
        outbox.put(home, "approval", said | change)
    outbox.put(home, "approval", said | {"until": "x" * 101})
    assert hospitals.post("phantom-1") == ["statement"] * 4 + ["refused"]
    assert [c.capacity for c in run.consents.all()] == ["site"]


# --- going on without ----------------------------------------------------------------------------------------------


def test_a_run_goes_on_without_an_institution_that_withdraws_while_others_train(hospitals):
    run = hospitals.running(rounds=2)
    hospitals.answer("train", "phantom-1", "phantom-2")
    hospitals.decide(run, "phantom-3", "withdrawn", reason="a relative objected")
    run_jobs()
    assert run.rounds.get().state == Round.State.EVALUATING  # nobody waits for it
    hospitals.answer("evaluate")
    second = SiteOrder.objects.filter(kind="train", key__contains=":2:").values_list("participant__site", flat=True)
    assert set(second) == {"phantom-1", "phantom-2"}
    hospitals.answer("train")
    hospitals.answer("evaluate")
    assert fresh(run).state == State.FINISHED
    assert [e.text for e in run.events.filter(kind="withdrawn")] == [
        "Hospital phantom-3 has withdrawn consent; the run goes on without it"
    ]
    assert not Reconsideration.objects.exists()  # it had sent nothing, so nothing was learned
    assert not run.events.filter(text__contains="relative").exists()


def test_what_an_institution_sent_before_it_withdrew_stays_and_opens_a_decision(hospitals):
    run = hospitals.running(rounds=1)
    hospitals.answer("train")
    hospitals.answer("evaluate", "phantom-1", "phantom-2")
    hospitals.decide(run, "phantom-3", "withdrawn")
    assert fresh(run).state == State.FINISHED  # the others' scores complete the round
    assert SiteUpdate.objects.filter(round__run=run).count() == 3
    matter = Reconsideration.objects.get()
    assert (matter.cause, matter.opened_by, matter.is_open) == ("withdrawal", hospitals.signers["phantom-3"][0], True)
    assert matter.due_at - timezone.now() > timedelta(days=29)
    assert DomainEvent.objects.get(kind="reconsideration.opened").payload["run"] == str(run.id)


def test_a_run_ends_when_too_few_are_left(hospitals):
    run = hospitals.running()
    hospitals.decide(run, "phantom-1", "withdrawn")
    assert fresh(run).state == State.RUNNING
    hospitals.decide(run, "phantom-2", "withdrawn", reason="enough")
    assert fresh(run).state == State.ABORTED and fresh(run).stop_reason.endswith("withdrawn consent: enough")
    with pytest.raises(Conflict, match="aborted"):
        hospitals.decide(run, "phantom-3", "withdrawn")


@pytest.mark.parametrize(("chosen", "needed"), [(None, 2), (1, 2), (3, 3)])
def test_the_quorum_is_two_or_what_the_run_asks_for(hospitals, chosen, needed):
    run = hospitals.proposed()
    run.config["participation"] = None if chosen is None else {"quorum": chosen}
    assert consents.quorum(run) == needed


def test_who_left_does_not_come_back_by_signing_again(hospitals):
    run = hospitals.running()
    hospitals.decide(run, "phantom-3", "withdrawn")
    for decision in ("given", "refused"):
        with pytest.raises(Conflict, match="asked only before it starts"):
            hospitals.decide(run, "phantom-3", decision)
    with pytest.raises(Conflict, match="left the run already"):
        hospitals.decide(run, "phantom-3", "withdrawn", hospitals.signers["phantom-3"][1])


# --- after the training --------------------------------------------------------------------------------------------


def test_a_withdrawal_after_the_training_asks_to_retrain_or_retire_and_somebody_else_decides(two):
    run, administrator = two.finished(), two.people.administrator
    operator, officer = two.signers["phantom-1"]
    two.decide(run, "phantom-1", "withdrawn", operator)
    assert fresh(run).state == State.FINISHED
    matter = Reconsideration.objects.open().get()
    decide = services.reconsideration_decide
    with pytest.raises(Forbidden, match="somebody else decides"):
        decide(matter=matter, choice="retire", reason="r", actor=operator)
    for choice, reason in (("keep", "r"), ("retire", " ")):
        with pytest.raises(ApplicationError):
            decide(matter=matter, choice=choice, reason=reason, actor=administrator)
    decide(matter=matter, choice="retrain", reason="without this hospital", actor=officer)
    with pytest.raises(Conflict, match="was decided on"):
        decide(matter=matter, choice="retire", reason="r", actor=administrator)
    matter.refresh_from_db()
    assert (matter.choice, matter.reason, matter.decided_by) == ("retrain", "without this hospital", officer)
    assert not Reconsideration.objects.open().exists()
    assert DomainEvent.objects.get(kind="reconsideration.decided").payload["choice"] == "retrain"


def test_the_database_lets_nobody_decide_on_the_own_withdrawal(two):
    run = two.finished()
    two.decide(run, "phantom-1", "withdrawn")
    whole = {"choice": "retire", "decided_by": two.signers["phantom-1"][0], "decided_at": timezone.now()}
    for wrong in (whole, {"choice": "retire"}, {"decided_at": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Reconsideration.objects.update(**wrong)


# --- patients ------------------------------------------------------------------------------------------------------


def test_a_patient_who_opts_out_after_the_consent_is_left_out_of_the_next_round_and_the_page_says_so(two):
    run = two.running(rounds=2)
    two.answer("train")
    two.answer("evaluate")
    site = two.sites["phantom-1"]
    patient = site.splits(1).train.record_ids[0]
    before = SiteUpdate.objects.get(participant__site="phantom-1").n_records
    assert at_site(two, "phantom-1", "opt-out", "add", patient) == 0
    assert two.post("phantom-1") == ["statement"]
    matter = Reconsideration.objects.get()
    assert (matter.cause, matter.opened_by, matter.run) == ("opt_out", None, run)
    two.answer("train")
    after = SiteUpdate.objects.get(participant__site="phantom-1", round__number=2).n_records
    assert after == before - 1
    words = list(run.events.filter(kind="opt_out", site="phantom-1").values_list("text", flat=True))
    assert "fewer than 10" in words[-1] and patient not in " ".join(words)
    two.answer("evaluate")
    assert fresh(run).state == State.FINISHED


def test_an_opt_out_of_somebody_held_out_or_unknown_opens_nothing(two):
    two.finished()
    held_out = two.sites["phantom-1"].splits(1).audit.record_ids[0]
    at_site(two, "phantom-1", "opt-out", "add", held_out, "nobody we know")
    assert two.post("phantom-1") == [] and not Reconsideration.objects.exists()


def test_a_new_run_is_proposed_on_the_data_without_who_opted_out(two):
    first = two.proposed(name="First")
    patient = two.sites["phantom-1"].data.record_ids[0]
    at_site(two, "phantom-1", "opt-out", "add", patient)
    second = two.proposed(name="Second")
    held = Participant.objects.get(site="phantom-1").manifests.first().content
    assert first.config["data_digests"]["phantom-1"] != second.config["data_digests"]["phantom-1"]
    assert held["n_patients"] == two.sites["phantom-1"].data.n_patients - 1 == held["report"]["used"]
    assert held["opted_out"] == "fewer than 10"
    assert patient not in str(held)
