import json
import uuid

import pytest

from audits.domain.monitor.betting import begin
from audits.domain.monitor.betting import fold_all as fold_all_of
from audits.runtime import feeds, monitoring
from audits.runtime.halting import deployment_prepare
from audits.runtime.management.commands.run_monitor import Command
from audits.runtime.models import AmberDecision, DeploymentCounter, Halt, MonitorState
from audits.runtime.summary import KEPT_POINTS
from core.models import DomainEvent, Job, Outbox
from federation.models import DataManifest
from models_registry.models import Deployment

pytestmark = pytest.mark.django_db

FAIR = {"female": 0.85, "male": 0.85}
BIASED = {"female": 0.3, "male": 0.9}


def fold_all(deployment) -> None:
    while monitoring.fold_deployment(deployment.id):
        pass


def test_the_streams_are_declared_before_the_first_patient(deployment):
    policy = monitoring.policy_of(deployment)
    assert policy.metrics == ("tpr", "fpr", "accuracy", "selection_rate", "calibration")
    assert policy.advisory == ("selection_rate", "calibration")
    assert policy.groups == {"sex": ("female", "male")}
    assert len(policy.streams) == 5
    assert policy.threshold == deployment.policy["threshold"]


def test_a_fair_model_goes_on(deployment, tell, stream):
    tell(deployment, stream(1500, FAIR))
    fold_all(deployment)
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE
    assert not Halt.objects.exists()
    assert MonitorState.objects.get().position == 1500


def test_an_unfair_model_is_halted_with_its_evidence_in_plain_words(deployment, tell, stream):
    tell(deployment, stream(1500, BIASED))
    fold_all(deployment)
    deployment.refresh_from_db()
    halt = Halt.objects.get()
    assert deployment.state == Deployment.State.HALTED
    assert halt.automatic
    assert halt.halted_by is None
    assert "sex = male and female" in halt.reason
    assert halt.alarm["higher"] == "male"
    assert halt.alarm["log_evidence"] >= halt.alarm["log_limit"]
    assert halt.alarm["position"] <= halt.position == MonitorState.objects.get().position


def test_the_halt_is_in_the_ledger_and_told_to_the_rest_of_the_platform(deployment, tell, stream):
    tell(deployment, stream(1500, BIASED))
    fold_all(deployment)
    halt = Halt.objects.get()
    entry = Outbox.objects.get(table="audits_runtime_halt")
    assert (entry.said.action, entry.said.reason, entry.said.actor) == ("deployment.halt", halt.reason, None)
    changed = Outbox.objects.filter(table="models_registry_deployment", operation="UPDATE").get()
    assert changed.body["state"] == "halted"
    event = DomainEvent.objects.get(kind="deployment.halted")
    assert event.payload == {"deployment": str(deployment.id), "halt": str(halt.id), "automatic": True}


def test_a_halted_deployment_is_folded_on_and_not_halted_again(deployment, tell, stream):
    tell(deployment, stream(1500, BIASED))
    fold_all(deployment)
    tell(deployment, stream(100, BIASED, seed=2))
    fold_all(deployment)
    assert Halt.objects.count() == 1
    assert MonitorState.objects.get().position == 1600


@pytest.mark.parametrize("sizes", [(400,), (1, 399), (137, 200, 63), (25,) * 16])
def test_the_state_is_the_same_bytes_however_the_outcomes_are_split(deployment, tell, stream, sizes):
    cases = stream(400, {"female": 0.7, "male": 0.9}, seed=5)
    start = 0
    for size in sizes:
        tell(deployment, cases[start : start + size])
        start += size
        fold_all(deployment)
    policy = monitoring.policy_of(deployment)
    events = feeds.outcomes_after(deployment.id, 0, 400, policy)
    whole = fold_all_of(begin(policy), events, policy)
    stored = MonitorState.objects.get().state["fold"]
    assert json.dumps(stored, sort_keys=True, separators=(",", ":")) == whole.to_json()
    replayed = monitoring.replay(deployment)
    assert replayed.equal
    assert replayed.position == 400


def test_a_replay_finds_a_changed_state(deployment, tell, stream):
    tell(deployment, stream(100, FAIR))
    fold_all(deployment)
    row = MonitorState.objects.get()
    row.state["fold"]["streams"][0]["pairs"] += 1
    row.save()
    assert not monitoring.replay(deployment).equal


def test_a_large_backlog_is_folded_in_slices_that_give_the_same_state(deployment, tell, stream, monkeypatch):
    monkeypatch.setattr(monitoring, "AT_ONCE", 64)
    tell(deployment, stream(300, FAIR))
    assert monitoring.fold_deployment(deployment.id) is True
    assert MonitorState.objects.get().position == 64
    fold_all(deployment)
    assert MonitorState.objects.get().position == 300
    assert monitoring.replay(deployment).equal


def test_the_history_is_bounded_and_keeps_its_ends(deployment, tell, stream, monkeypatch):
    monkeypatch.setattr(monitoring, "STEP", 1)
    tell(deployment, stream(600, FAIR))
    fold_all(deployment)
    history = MonitorState.objects.get().summary["history"]
    assert len(history) <= KEPT_POINTS
    assert history[-1]["position"] == 600
    assert history[0]["position"] == 1


def test_warnings_turn_the_monitor_amber_and_halt_nothing(deployment, tell, stream):
    tell(deployment, stream(600, {"female": 0.8, "male": 0.9}))
    fold_all(deployment)
    row = MonitorState.objects.get()
    assert row.amber
    assert any(alarm["level"] == "amber" for alarm in row.summary["alarms"])
    assert not Halt.objects.exists()


def test_without_two_groups_the_monitor_says_that_it_watches_nothing(deployment, tell, stream):
    Deployment.objects.filter(id=deployment.id).update(policy={**deployment.policy, "groups": {}})
    tell(deployment, stream(30, FAIR))
    fold_all(deployment)
    row = MonitorState.objects.get()
    assert (row.position, row.amber) == (30, True)
    assert "cannot halt" in row.summary["note"]
    asked = AmberDecision.objects.get(deployment=deployment)  # amber, and so a person must decide
    assert list(asked.warnings.values()) == [row.summary["note"]]


def test_unknown_is_no_group(world, deployment):
    policy = {key: value for key, value in deployment.policy.items() if key != "groups"}
    manifest = DataManifest.objects.first()
    assert "unknown" not in str(manifest.content["groups"])
    Deployment.objects.filter(id=deployment.id).update(policy=policy)
    deployment.refresh_from_db()
    assert monitoring.policy_of(deployment).groups == {"sex": ("female", "male")}


def test_the_command_folds_what_waits_and_leaves_the_rest(deployment, tell, stream):
    deployment_prepare(deployment.id)
    assert monitoring.waiting() == []
    tell(deployment, stream(50, FAIR))
    assert monitoring.waiting() == [deployment.id]
    Command().step()
    assert MonitorState.objects.get().position == 50
    assert monitoring.waiting() == []


def test_outcomes_never_wait_for_the_predictions_of_others(monkeypatch):
    a, b, c, told = (uuid.UUID(int=number) for number in (1, 2, 3, 9))
    folded, outcomes = [], []

    def fold(deployment_id):
        folded.append(deployment_id)
        outcomes[:] = [told] if folded == [a] else []  # they come while the first is folded
        return False

    monkeypatch.setattr(monitoring, "outcomes_waiting", lambda: list(outcomes))
    monkeypatch.setattr(monitoring, "predictions_waiting", lambda: [a, b, c])
    monkeypatch.setattr(monitoring, "fold_deployment", fold)
    command = Command()
    assert command.step() is True and folded == [a]
    assert command.step() is False
    assert folded == [a, told, b, c, a]  # the outcomes, then from the one after the last


def test_one_deployment_that_cannot_be_folded_does_not_stop_the_others(world, deployment, tell, stream, monkeypatch):
    from tests.factories.registry import make_deployment

    other = make_deployment(world, name="Second ward")
    for each in (deployment, other):
        tell(each, stream(20, FAIR))
    real = monitoring.policy_of

    def broken(found):
        if found.id == deployment.id:
            raise ValueError("damaged")
        return real(found)

    monkeypatch.setattr(monitoring, "policy_of", broken)
    Command().step()
    assert MonitorState.objects.get(deployment=other).position == 20
    assert MonitorState.objects.get(deployment=deployment).position == 0


def test_a_new_deployment_gets_its_counter_and_monitor_by_the_registrys_event(deployment):
    from core import jobs

    jobs.run(Job.objects.get(payload__subscriber="runtime.prepare").id)
    assert DeploymentCounter.objects.get(deployment=deployment).outcomes == 0
    assert MonitorState.objects.get(deployment=deployment).position == 0


def test_a_reinstated_deployment_is_judged_by_new_outcomes_alone(deployment, tell, stream, vote, reviewers):
    tell(deployment, stream(1500, BIASED))
    fold_all(deployment)
    tell(deployment, stream(40, BIASED, seed=3))  # told, not folded: still of the old epoch
    halt = Halt.objects.get()
    for reviewer in reviewers:
        vote(halt, reviewer)
    row = MonitorState.objects.get()
    assert row.position == 1540
    assert [epoch["start"] for epoch in row.summary["epochs"]] == [0, 1540]
    assert row.summary["streams"][0]["pairs"] == 0
    tell(deployment, stream(300, FAIR, seed=4))
    fold_all(deployment)
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE
    assert monitoring.replay(deployment).equal
    tell(deployment, stream(1500, BIASED, seed=6))
    fold_all(deployment)
    assert Halt.objects.filter(closed_at=None).count() == 1
