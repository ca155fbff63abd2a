"""The life of a run with real sites, moved by hand: orders are carried out and answers received in this process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from core import jobs
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import DomainEvent, Job
from federation import mailbox, services
from federation.domain import messages
from federation.domain.messages import Message
from federation.keys import coordinator_key
from federation.models import Consent, DataManifest, Federation, Participant, Round, SiteOrder, SiteUpdate, TrainingRun
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from models_registry.models import Version
from tests.factories.people import make_people
from tests.factories.postbox import Recorder, carry_out

pytestmark = pytest.mark.django_db
State = TrainingRun.State
LOCAL = {"epochs": 1, "batch_size": 16, "learning_rate": 0.01, "dp": None}


class Trial:
    """Two phantom hospitals and their workers."""

    def __init__(self, folder) -> None:
        self.people = make_people()
        self.federation = Federation.objects.create(
            name="Trial", purpose="Testing", data_title="Phantom", task="segmentation", synthetic=True
        )
        self.sites: dict[str, Site] = {}
        self.participants: dict[str, Participant] = {}
        for number, institution in enumerate((self.people.north, self.people.south), start=1):
            code = f"phantom-{number}"
            public = messages.dump_public(coordinator_key())
            home = SiteHome.create(folder / code, SiteConfig(code, "phantom:?patients=60&sites=2", public, "unix:///x"))
            self.sites[code] = Site(home)
            self.participants[code] = Participant.objects.create(
                federation=self.federation, institution=institution, site=code,
                public_key=messages.dump_public(home.key),
            )  # fmt: skip

    def operator(self, code: str):
        return self.people.operator_north if code == "phantom-1" else self.people.operator_south

    def officer(self, code: str):
        return self.people.officer_north if code == "phantom-1" else self.people.officer_south

    def carry_out(self, order: SiteOrder) -> str:
        """Let the site do an order; returns the sealed answer."""
        postbox = Recorder()
        carry_out(self.sites[order.participant.site], postbox, sealed(order))
        return postbox.sent[0]

    def answer(self, kind: str, *codes: str) -> list[str]:
        """Carry out and receive the pending orders of a kind (of these sites, or all), then run what follows."""
        found = SiteOrder.objects.filter(kind=kind, state="pending").select_related("participant")
        results = []
        for order in found.filter(participant__site__in=codes) if codes else found:
            results.append(mailbox.message_receive(participant=order.participant, text=self.carry_out(order)))
        run_jobs()
        return results

    def manifests(self) -> None:
        for participant in self.participants.values():
            services.manifest_request(participant=participant, key="first")
        self.answer("manifest")

    def approved_run(self, *, rounds: int = 2) -> TrainingRun:
        self.manifests()
        run = services.run_propose(
            federation=self.federation, name="Run", rounds=rounds, seed=1, actor=self.people.administrator, local=LOCAL
        )
        for code in self.participants:
            self.sign(run, code)
        self.answer("propose")
        run.refresh_from_db()
        return run

    def sign(self, run: TrainingRun, code: str) -> None:
        """Both signers of an institution consent."""
        for actor in (self.operator(code), self.officer(code)):
            services.consent_decide(
                run=run, participant=self.participants[code], decision="given", reason="", actor=actor
            )

    def running(self, *, rounds: int = 2) -> TrainingRun:
        run = services.run_start(run=self.approved_run(rounds=rounds), actor=self.people.administrator)
        run_jobs()
        return run


def sealed(order: SiteOrder) -> str:
    from core import artefacts

    files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
    message = Message(order.kind, "coordinator", order.participant.site, order.key, order.body, files)
    return messages.seal(message, coordinator_key())


def run_jobs() -> None:
    """Every queued job of the federation, also those that jobs make."""
    for _ in range(20):
        queued = Job.objects.filter(state="queued", next_run_at__lte=timezone.now())
        mine = [
            job
            for job in queued
            if job.kind in {"run.begin", "round.aggregate", "round.deadline"}
            or (job.kind == "event" and job.payload["subscriber"] in {"federation", "opt_outs"})
        ]
        if not mine:
            return
        for job in mine:
            assert jobs.run(job.id), Job.objects.get(id=job.id).last_error


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    return Trial(tmp_path)


def test_a_run_goes_from_consent_to_finished_with_every_update_signed(trial):
    run = trial.running(rounds=2)
    for _ in range(2):
        assert trial.answer("train") == ["answer", "answer"]
        assert trial.answer("evaluate") == ["answer", "answer"]
    run.refresh_from_db()
    assert run.state == State.FINISHED
    assert SiteUpdate.objects.filter(round__run=run).count() == 4
    first, second = run.rounds.all()
    assert second.start_weights == first.weights
    assert set(first.metrics["primary"]["overall"]) == {"dice", "tpr", "fpr"}
    told = [
        {metric for order in SiteOrder.objects.filter(kind="evaluate", subject=round_.id)
         for metric in order.answer["cells"]["primary"][0]["metrics"]}
        for round_ in (first, second)
    ]  # fmt: skip
    assert told[1] - told[0] == {"hd95", "calibration_error"}  # after the last round alone
    assert second.metrics["epsilon"] == {"phantom-1": None, "phantom-2": None}
    assert DomainEvent.objects.filter(kind="run.finished").count() == 1


def test_the_average_is_weighted_by_records(trial):
    run = trial.running(rounds=1)
    trial.answer("train")
    from core import artefacts
    from federation.domain.learning import weights

    round_ = run.rounds.get()
    spec = run.config["models"]["primary"]
    updates = list(round_.updates.all())
    states = [weights.from_bytes(artefacts.get(u.weights["primary"]), like=spec) for u in updates]
    averaged = weights.from_bytes(artefacts.get(round_.weights["primary"]), like=spec)
    total = sum(u.n_records for u in updates)
    for name, value in averaged.items():
        expected = sum(s[name].astype(float) * u.n_records for s, u in zip(states, updates, strict=True)) / total
        assert abs(value - expected).max() < 1e-6


def test_an_answer_that_comes_twice_counts_once(trial):
    trial.running()
    order = SiteOrder.objects.filter(kind="train").select_related("participant").first()
    text = trial.carry_out(order)
    assert mailbox.message_receive(participant=order.participant, text=text) == "answer"
    assert mailbox.message_receive(participant=order.participant, text=text) == "duplicate"
    run_jobs()
    assert SiteUpdate.objects.count() == 1


@pytest.mark.parametrize("kind", ["train", "progress"])
@pytest.mark.parametrize("body", [{"note": "a\x00b"}, {"note": "\ud800"}, {"\udc00": 1}])
def test_a_message_that_no_database_can_hold_is_refused_and_does_not_come_back(trial, kind, body):
    trial.running()
    order = SiteOrder.objects.filter(kind="train", participant__site="phantom-1").select_related("participant").get()
    message = Message(kind, "phantom-1", "coordinator", order.key, body)
    text = messages.seal(message, trial.sites["phantom-1"].home.key)
    assert mailbox.message_receive(participant=order.participant, text=text) == "refused"


def test_a_message_signed_by_another_site_is_refused(trial):
    trial.running()
    order = SiteOrder.objects.filter(kind="train", participant__site="phantom-1").select_related("participant").get()
    text = trial.carry_out(order)
    assert mailbox.message_receive(participant=trial.participants["phantom-2"], text=text) == "refused"
    order.refresh_from_db()
    assert order.state == "pending"


def test_a_pause_lets_the_round_finish_and_a_resume_goes_on(trial):
    run = trial.running(rounds=2)
    services.run_pause(run=run, actor=trial.people.administrator)
    trial.answer("train")
    trial.answer("evaluate")
    assert [r.state for r in run.rounds.all()] == [Round.State.DONE]
    services.run_resume(run=run, actor=trial.people.administrator)
    trial.answer("train")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == State.FINISHED


def test_an_abort_needs_a_reason_cancels_the_round_and_ignores_late_answers(trial):
    run = trial.running()
    with pytest.raises(ApplicationError, match="reason"):
        services.run_abort(run=run, reason=" ", actor=trial.people.administrator)
    order = SiteOrder.objects.filter(kind="train").select_related("participant").first()
    late = trial.carry_out(order)
    services.run_abort(run=run, reason="wrong seed", actor=trial.people.administrator)
    assert mailbox.message_receive(participant=order.participant, text=late) == "duplicate"
    run.refresh_from_db()
    assert (run.state, run.stop_reason, run.rounds.get().state) == ("aborted", "wrong seed", "cancelled")
    assert SiteUpdate.objects.count() == 0


def test_a_withdrawn_consent_stops_the_run_at_once(trial):
    run = trial.running()
    services.consent_decide(
        run=run, participant=trial.participants["phantom-1"], decision="withdrawn", reason="a patient objected",
        actor=trial.people.operator_north,
    )  # fmt: skip
    run.refresh_from_db()
    assert run.state == State.ABORTED
    assert "a patient objected" in run.stop_reason


def test_a_site_whose_data_changed_after_the_consent_refuses_and_the_run_says_why(trial):
    run = trial.running()
    order = SiteOrder.objects.filter(kind="train", participant__site="phantom-1").select_related("participant").get()
    site = trial.sites["phantom-1"]
    trial.sites["phantom-1"] = Site(
        SiteHome.create(
            site.home.folder, SiteConfig(**{**site.home.config.__dict__, "data": "phantom:?patients=80&sites=2"})
        )
    )
    text = trial.carry_out(order)
    assert mailbox.message_receive(participant=order.participant, text=text) == "failure"
    run_jobs()
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "consented" in run.stop_reason


def test_a_circuit_that_does_not_fit_ends_the_run_with_the_reason_and_no_version(trial, monkeypatch):
    """After a round that counted: nothing of the next one is left half-written."""
    run = trial.running(rounds=2)
    trial.answer("train")
    trial.answer("evaluate")

    monkeypatch.setattr("federation.domain.quantum.input_checks.SMALL", 0)
    monkeypatch.setattr("federation.domain.quantum.input_checks.free_memory", lambda: 1000)
    trial.answer("train")
    run.refresh_from_db()
    assert run.state == State.FAILED and "Use smaller batches, fewer qubits, or float32" in run.stop_reason
    assert [round_.state for round_ in run.rounds.all()] == ["done", "cancelled"]
    assert not run.rounds.get(number=2).updates.exists() and not run.rounds.get(number=2).weights
    assert not SiteOrder.objects.filter(state="pending").exists()
    assert not Version.objects.exists() and not DomainEvent.objects.filter(kind="run.finished").exists()


def test_consent_is_the_sites_own_and_only_all_of_them_approve(trial):
    trial.manifests()
    run = services.run_propose(
        federation=trial.federation, name="R", rounds=1, seed=1, actor=trial.people.administrator, local=LOCAL
    )
    with pytest.raises(Conflict, match=r"waiting for phantom-1, phantom-2"):
        services.run_start(run=run, actor=trial.people.administrator)
    with pytest.raises(Forbidden):
        services.consent_decide(
            run=run, participant=trial.participants["phantom-2"], decision="given", reason="",
            actor=trial.people.operator_north,
        )  # fmt: skip
    services.consent_decide(
        run=run, participant=trial.participants["phantom-1"], decision="given", reason="",
        actor=trial.people.operator_north,
    )  # fmt: skip
    run.refresh_from_db()
    assert run.state == State.PROPOSED
    with pytest.raises(Conflict, match="already answered"):
        services.consent_decide(
            run=run, participant=trial.participants["phantom-1"], decision="given", reason="",
            actor=trial.people.operator_north,
        )  # fmt: skip
    assert Consent.objects.get().config_hash == run.config_hash


def test_a_run_cannot_be_proposed_before_the_sites_have_said_what_they_hold(trial):
    with pytest.raises(Conflict, match="phantom-1, phantom-2"):
        services.run_propose(federation=trial.federation, name="R", rounds=1, seed=1, actor=trial.people.administrator)
    assert not DataManifest.objects.exists()


@pytest.mark.parametrize("fault", [{"rounds": 0}, {"local": {**LOCAL, "epochs": 0}}, {"epsilon_budget": 1.0}])
def test_a_configuration_that_makes_no_sense_is_refused_in_words(trial, fault):
    trial.manifests()
    arguments = {"name": "R", "rounds": 1, "seed": 1, "local": LOCAL, **fault}
    with pytest.raises(ApplicationError, match="configuration is not valid: expected"):
        services.run_propose(federation=trial.federation, actor=trial.people.administrator, **arguments)


def test_orders_without_sign_of_life_are_sent_again(trial, monkeypatch):
    trial.running()
    sent = []
    monkeypatch.setattr(mailbox, "order_send", lambda order: sent.append(order.key) or True)
    assert mailbox.orders_resend() == 0
    SiteOrder.objects.update(last_contact_at=timezone.now() - timedelta(minutes=5))
    assert mailbox.orders_resend() == 2
