"""Sites that fail, are slow, lie or send what cannot be used: the round goes on without them, and says so."""

from __future__ import annotations

import errno
import queue
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone
from safetensors.numpy import load, save

from core import artefacts, jobs
from core.errors import ApplicationError
from core.models import Job, Outbox
from federation import aggregation, mailbox, services, training
from federation.domain import messages
from federation.domain.learning import states
from federation.domain.messages import Message
from federation.models import Round, RunEvent, SiteOrder, SiteUpdate, TrainingRun
from federation.models_participation import Exclusion, RuleMemory
from tests.federation.test_training_rounds import LOCAL, Trial, run_jobs

pytestmark = pytest.mark.django_db
State = TrainingRun.State
ONE_OF_TWO = {"quorum": 1, "deadline_seconds": 600}


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    return Trial(tmp_path)


def started(trial, *, rounds=1, seed=1, participation=ONE_OF_TWO, **chosen) -> TrainingRun:
    trial.manifests()
    run = services.run_propose(
        federation=trial.federation, name="Run", rounds=rounds, seed=seed, actor=trial.people.administrator,
        local=LOCAL, participation=participation, **chosen,
    )  # fmt: skip
    for code in trial.participants:
        trial.sign(run, code)
    trial.answer("propose")
    run = services.run_start(run=TrainingRun.objects.get(id=run.id), actor=trial.people.administrator)
    run_jobs()
    return run


def pending(kind: str, code: str) -> SiteOrder:
    return SiteOrder.objects.select_related("participant").get(kind=kind, participant__site=code, state="pending")


def answer(trial, order: SiteOrder, body: dict, files: dict[str, bytes] | None = None, *, ok=True, signer="") -> str:
    """Receive an answer that the site's own key signed, whatever it says."""
    message = Message(order.kind, order.participant.site, "coordinator", order.key, body, files or {}, ok)
    text = messages.seal(message, trial.sites[signer or order.participant.site].home.key)
    received = mailbox.message_receive(participant=order.participant, text=text)
    run_jobs()
    return received


def honest(order: SiteOrder) -> tuple[dict, dict[str, bytes]]:
    report = {"loss": 0.5, "steps": 2, "sample_rate": 0.5, "seconds": 1.0}
    files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
    return {"n_records": 10, "models": {"primary": report, "baseline": report}}, files


def pass_deadline(phase: str) -> None:
    job = Job.objects.filter(kind="round.deadline", payload__phase=phase, state="queued").latest("next_run_at")
    Job.objects.filter(id=job.id).update(next_run_at=timezone.now() - timedelta(seconds=1))
    assert jobs.run(job.id), Job.objects.get(id=job.id).last_error
    run_jobs()


def test_a_site_that_fails_is_left_out_on_the_record_and_asked_again_in_the_next_round(trial):
    run = started(trial, rounds=2)
    assert answer(trial, pending("train", "phantom-1"), {"error": "DataError: no space"}, ok=False) == "failure"
    trial.answer("train", "phantom-2")
    trial.answer("evaluate")
    exclusion = Exclusion.objects.get()
    assert (exclusion.phase, exclusion.kind, exclusion.reason) == ("train", "failed", "DataError: no space")
    assert Outbox.objects.filter(table="federation_exclusion").count() == 1  # governed
    assert [r.state for r in run.rounds.all()] == [Round.State.DONE, Round.State.TRAINING]
    assert pending("train", "phantom-1").body["counted"] == 0
    trial.answer("train")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == State.FINISHED
    assert SiteUpdate.objects.filter(round__run=run).count() == 3


def _nan(data: bytes) -> bytes:
    state = load(data)
    next(iter(state.values())).reshape(-1)[0] = np.nan
    return save(state)


def _shape(data: bytes) -> bytes:
    return save({name: np.zeros((2, *value.shape), np.float32)[:, :1] if value.ndim else value
                 for name, value in load(data).items()})  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda body, files: files.update(primary=_nan(files["primary"])), "expected finite values"),
        (lambda body, files: files.update(primary=_shape(files["primary"])), "expected float32 of shape"),
        (lambda body, files: files.update(baseline=b"no weights"), "unreadable bytes"),
        (lambda body, files: files.pop("baseline"), "expected weights of"),
        (lambda body, files: files.update(primary=files["primary"] + b"0" * 10**6), "expected an update of at most"),
        (lambda body, files: body.update(n_records=10**6), "as many as the site's manifest has"),
        (lambda body, files: body.update(n_records=-1), "expected 0 to"),
        (lambda body, files: body.pop("models"), "got a malformed one"),
        (lambda body, files: body.update(models={"primary": 1, "baseline": 2}), "got a malformed one"),
        (lambda body, files: body["models"]["primary"].update(sample_rate=2), "a sample rate in"),
    ],
)
def test_an_update_that_cannot_be_used_is_refused_by_reason_and_the_run_finishes_without_it(trial, change, reason):
    run = started(trial)
    order = pending("train", "phantom-1")
    body, files = honest(order)
    change(body, files)
    answer(trial, order, body, files)
    exclusion = Exclusion.objects.get()
    assert exclusion.kind == "refused" and reason in exclusion.reason and len(exclusion.message_digest) == 64
    trial.answer("train", "phantom-2")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == State.FINISHED
    assert [u.participant.site for u in SiteUpdate.objects.select_related("participant")] == ["phantom-2"]


def test_an_oversized_update_is_not_even_stored(trial, settings):
    started(trial)
    order = pending("train", "phantom-1")
    body, files = honest(order)
    big = files["primary"] + b"\1" * 10**6
    answer(trial, order, body, {**files, "primary": big})
    with pytest.raises(artefacts.ArtefactError):
        artefacts.get(states.digest(big))


def test_a_slow_site_is_left_behind_at_the_deadline_its_late_answer_is_recorded_once_and_it_is_asked_anew(
    trial, client
):
    run = started(trial, rounds=2)
    slow = pending("train", "phantom-1")
    text = trial.carry_out(slow)
    trial.answer("train", "phantom-2")
    assert run.rounds.get().state == Round.State.TRAINING
    pass_deadline("train")
    assert run.rounds.get().state == Round.State.EVALUATING
    for _ in range(2):
        assert mailbox.message_receive(participant=slow.participant, text=text) == "duplicate"
    run_jobs()
    assert list(Exclusion.objects.values_list("kind", flat=True)) == ["late", "late_answer"]
    assert "no answer within 600 s" in Exclusion.objects.first().reason
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == State.RUNNING and SiteUpdate.objects.count() == 1
    assert mailbox.message_receive(participant=slow.participant, text=text) == "duplicate"  # stale in round 2 as well
    trial.answer("train")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == State.FINISHED
    assert [round_.updates.count() for round_ in run.rounds.order_by("number")] == [1, 2]
    client.force_login(trial.people.auditor)
    said = client.get(f"/runs/{run.id}/").content.decode()
    assert "its answer came after the deadline and was not counted" in said


def test_a_deadline_that_everybody_kept_changes_nothing(trial):
    run = started(trial, rounds=2)
    trial.answer("train")
    before = list(Job.objects.values_list("idempotency_key", flat=True))
    pass_deadline("train")
    assert run.rounds.get().state == Round.State.EVALUATING and not Exclusion.objects.exists()
    assert list(Job.objects.values_list("idempotency_key", flat=True)) == before


def test_without_a_quorum_the_run_ends_and_says_who_was_missing(trial):
    run = started(trial, participation={"quorum": 2, "deadline_seconds": 600})
    trial.answer("train", "phantom-2")
    pass_deadline("train")
    run.refresh_from_db()
    assert run.state == State.FAILED and run.rounds.get().state == Round.State.CANCELLED
    assert "Round 1 has no quorum: it needs 2 sites" in run.stop_reason and "no answer within 600 s" in run.stop_reason


@pytest.mark.parametrize("body", [{"cells": {"primary": [{"n": 1}], "baseline": []}}, {"cells": 3}, {}])
def test_scores_that_cannot_be_read_are_left_out_also_when_they_come_last(trial, body):
    run = started(trial)
    trial.answer("train")
    first, last = pending("evaluate", "phantom-1"), pending("evaluate", "phantom-2")
    message = Message("evaluate", "phantom-1", "coordinator", first.key, body)
    text = messages.seal(message, trial.sites["phantom-1"].home.key)
    mailbox.message_receive(participant=first.participant, text=text)
    mailbox.message_receive(participant=last.participant, text=trial.carry_out(last))  # both before any is looked at
    run_jobs()
    run.refresh_from_db()
    assert run.state == State.FINISHED and set(run.rounds.get().metrics["primary"]["site"]) == {"phantom-2"}
    assert Exclusion.objects.get().phase == "evaluate"


def test_a_message_with_a_wrong_signature_is_on_the_record_and_the_site_is_still_awaited(trial):
    run = started(trial)
    order = pending("train", "phantom-1")
    for _ in range(3):  # a flood of them makes one row
        assert answer(trial, order, *honest(order), signer="phantom-2") == "refused"
    assert Exclusion.objects.get().kind == "message" and "signature" in Exclusion.objects.get().reason
    trial.answer("train")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == State.FINISHED and SiteUpdate.objects.count() == 2


def test_an_answer_to_a_round_that_is_over_counts_no_second_time(trial):
    run = started(trial, rounds=2)
    order = pending("train", "phantom-1")
    text = trial.carry_out(order)
    mailbox.message_receive(participant=order.participant, text=text)
    trial.answer("train", "phantom-2")
    trial.answer("evaluate")
    assert mailbox.message_receive(participant=order.participant, text=text) == "duplicate"
    run_jobs()
    assert [r.updates.count() for r in run.rounds.order_by("number")] == [2, 0]


def test_a_server_that_dies_while_averaging_averages_again_to_the_same_weights_and_once(trial):
    run = started(trial)
    for code in trial.sites:
        order = pending("train", code)
        mailbox.message_receive(participant=order.participant, text=trial.carry_out(order))
    for job in Job.objects.filter(state="queued", kind="event"):
        jobs.run(job.id)
    round_ = run.rounds.get()
    aggregation.aggregate({"round": str(round_.id)})  # computed, and killed before its effects
    first = aggregation.combine(round_, list(round_.updates.select_related("participant"))).weights
    run_jobs()
    aggregation.aggregate({"round": str(round_.id)})()  # a second worker that came too late
    round_.refresh_from_db()
    assert round_.weights == first and round_.state == Round.State.EVALUATING
    assert SiteOrder.objects.filter(kind="evaluate").count() == 2
    assert RunEvent.objects.filter(run=run, kind="aggregate").count() == 1


def _full(data: bytes) -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


def _answered(trial) -> Job:
    for code in trial.sites:
        order = pending("train", code)
        mailbox.message_receive(participant=order.participant, text=trial.carry_out(order))
    for job in Job.objects.filter(state="queued", kind="event"):
        jobs.run(job.id)
    return Job.objects.get(kind="round.aggregate")


def test_a_full_disk_while_averaging_is_waited_for(trial, monkeypatch):
    run = started(trial)
    job = _answered(trial)
    with monkeypatch.context() as full:
        full.setattr(artefacts, "put", _full)
        assert not jobs.run(job.id)
    assert run.rounds.get().state == Round.State.TRAINING
    Job.objects.filter(id=job.id).update(next_run_at=timezone.now())
    run_jobs()
    assert run.rounds.get().state == Round.State.EVALUATING


def test_a_disk_that_stays_full_ends_the_run_with_that_reason(trial, monkeypatch):
    run = started(trial)
    job = _answered(trial)
    monkeypatch.setattr(artefacts, "put", _full)
    for _ in range(job.max_attempts):
        Job.objects.filter(id=job.id).update(next_run_at=timezone.now())
        jobs.run(job.id)
    run_jobs()
    run.refresh_from_db()
    assert run.state == State.FAILED and "No space left on device" in run.stop_reason


def test_an_answer_that_cannot_be_stored_waits_on_the_queue(trial, monkeypatch):
    started(trial)
    order = pending("train", "phantom-1")
    waiting = Waiting(trial.carry_out(order))
    inbox = mailbox.Inbox()
    inbox._queues[order.participant.channel] = waiting
    with monkeypatch.context() as full:
        full.setattr(artefacts, "put", _full)
        assert inbox.poll([order.participant]) == 0
    assert SiteOrder.objects.get(id=order.id).state == "pending" and len(waiting.held) == 1
    assert inbox.poll([order.participant]) == 1
    assert SiteOrder.objects.get(id=order.id).state == "answered" and not waiting.held


class Waiting:
    """A queue of the broker that keeps what is not acknowledged."""

    Empty = queue.Empty

    def __init__(self, *texts: str) -> None:
        self.held = list(texts)

    def get(self, block: bool) -> Waiting:
        if not self.held:
            raise queue.Empty
        self.payload = self.held[0]
        return self

    def ack(self) -> None:
        self.held.pop(0)

    def requeue(self) -> None:
        pass


def test_half_a_file_is_not_left_on_a_full_disk(settings, tmp_path, monkeypatch):
    settings.VAR = tmp_path
    monkeypatch.setattr("os.fsync", lambda handle: _full(b""))
    with pytest.raises(OSError, match="No space"):
        artefacts.put(b"weights")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_a_rule_remembers_goes_from_round_to_round(trial):
    run = started(trial, rounds=2, strategy="fedadam", strategy_options={"server_rate": 0.1})
    for _ in range(2):
        trial.answer("train")
        trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == State.FINISHED and run.config["strategy_options"] == {"server_rate": 0.1}
    first, second = RuleMemory.objects.order_by("round__number")
    assert first.weights != second.weights and set(first.weights) == {"primary", "baseline"}
    last = run.rounds.get(number=2)
    assert (
        aggregation.before(last, _config(run), "primary").memory.keys()
        == states.from_bytes(artefacts.get(first.weights["primary"])).keys()
    )


def _config(run):
    from federation.domain.run_config import RunConfig

    return RunConfig.from_dict(run.config)


def test_a_site_forgets_what_it_pulled_in_a_round_that_did_not_count(trial):
    run = started(trial, rounds=3, strategy="feddyn")
    trial.answer("train")
    trial.answer("evaluate")
    late = pending("train", "phantom-1")
    trial.carry_out(late)  # it trained and remembered, but its answer never comes
    trial.answer("train", "phantom-2")
    pass_deadline("train")
    trial.answer("evaluate")
    assert (pending("train", "phantom-1").body["counted"], pending("train", "phantom-2").body["counted"]) == (1, 2)
    trial.answer("train")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == State.FINISHED
    assert run.rounds.get(number=3).updates.count() == 2


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"strategy": "best"}, "expected a strategy among fedavg"),
        ({"strategy": "krum"}, "needs 5 sites in every round, the quorum is 1"),
        ({"strategy": "fedprox", "strategy_options": {"mu": -1}}, "expected mu to be a number from 0"),
        ({"participation": {"quorum": 3, "deadline_seconds": None}}, "a quorum of at most the run's 2 sites, got 3"),
        ({"participation": {"quorum": 1, "deadline_seconds": 1}}, "deadline_seconds to be a whole number from 10"),
        ({"participation": {"quorum": 1}}, "expected a participation with"),
    ],
)
def test_a_proposal_that_no_round_could_follow_is_refused(trial, chosen, message):
    trial.manifests()
    arguments = {"participation": ONE_OF_TWO, **chosen}
    with pytest.raises(ApplicationError, match=message):
        services.run_propose(
            federation=trial.federation, name="R", rounds=1, seed=1, actor=trial.people.administrator, local=LOCAL,
            **arguments,
        )  # fmt: skip


def test_an_update_that_left_the_site_without_counting_has_spent_its_privacy(trial):
    run = started(trial, rounds=2)
    run.config["local"]["dp"] = {"noise_multiplier": 2.0, "max_grad_norm": 1.0, "delta": 1e-4}
    trial.answer("train")
    once = training.epsilon_by_site(run)["phantom-1"]
    Exclusion.objects.create(
        round=run.rounds.get(), participant=trial.participants["phantom-1"], phase="train", kind="late", reason="x"
    )
    assert training.epsilon_by_site(run)["phantom-1"] > once
