"""What stands with a halt, in its transaction: incident, look-back, the wish for an anchor; and what goes on."""

import json
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone

from audits.runtime import services
from audits.runtime.chain_halts import chain_follow
from audits.runtime.halting import halt_create
from audits.runtime.incident_opening import harmed_group
from audits.runtime.models import Halt, Incident, LookBack, Prediction
from core import jobs
from core.errors import ApplicationError, Conflict
from core.models import DomainEvent, Job, Outbox
from federation.models import TrainingRun
from models_registry.models import Deployment
from provenance.domain.decision import SubjectState, Verdict
from provenance.models import AnchorRequest
from provenance.models_decisions import ChainSubject
from tests.factories.chain import make_chain
from tests.factories.federation import make_run
from tests.factories.registry import make_deployment, make_request, make_version

pytestmark = pytest.mark.django_db
WHY = "Two patients were misread."
ALARM = {"metric": "tpr", "attribute": "sex", "higher": "male", "lower": "female", "gap": 0.3, "position": 9}


def run_jobs() -> None:
    while (
        job := Job.objects.filter(state=Job.State.QUEUED, next_run_at__lte=timezone.now())
        .order_by("created_at")
        .first()
    ):
        assert jobs.run(job.id), Job.objects.get(id=job.id).last_error


@pytest.mark.parametrize("by", ["monitor", "officer", "chain"])
def test_every_halt_opens_an_incident_and_asks_for_an_anchor(world, deployment, by):
    who = {"officer": {"halted_by": world.people.officer_north}, "chain": {"by_chain": True}}.get(by, {})
    halt = halt_create(deployment_id=deployment.id, reason=WHY, position=9, alarm=ALARM, **who)
    assert halt.source == by
    incident = Incident.objects.get(halt=halt)
    assert (incident.state, incident.deployment) == ("open", deployment)
    assert incident.responsible == (world.people.officer_north if by == "officer" else None)
    look_back = LookBack.objects.get(incident=incident)
    assert (look_back.since, look_back.until) == (deployment.created_at, halt.created_at)
    assert (look_back.attribute, look_back.group) == ("sex", "female")
    assert AnchorRequest.objects.get().object_id == str(halt.id)
    actions = Outbox.objects.filter(table__in=["audits_runtime_incident", "audits_runtime_lookback"])
    assert {entry.said.action for entry in actions} == {"deployment.halt"}


def test_a_halt_that_is_rolled_back_leaves_nothing(deployment):
    with transaction.atomic():
        halt_create(deployment_id=deployment.id, reason=WHY, position=0)
        transaction.set_rollback(True)
    assert not Incident.objects.exists() and not AnchorRequest.objects.exists()
    assert not DomainEvent.objects.filter(kind="deployment.halted").exists()


@pytest.mark.parametrize(
    ("alarm", "group"),
    [
        (ALARM, ("sex", "female")),
        ({**ALARM, "metric": "fpr"}, ("sex", "male")),
        ({**ALARM, "metric": "dice"}, ("sex", "female")),
        ({}, ("", "")),
        ({"chain": "halted"}, ("", "")),
    ],
)
def test_the_harmed_group_is_the_one_that_fared_worse(alarm, group):
    assert harmed_group(alarm) == group


def test_after_a_reinstatement_the_period_begins_there(deployment, vote, reviewers):
    first = halt_create(deployment_id=deployment.id, reason=WHY, position=0)
    for reviewer in reviewers:
        vote(first, reviewer)
    second = halt_create(deployment_id=deployment.id, reason=WHY, position=0)
    first.refresh_from_db()
    began = LookBack.objects.get(incident__halt=second)
    assert first.created_at < began.since <= second.created_at
    assert "the last reinstatement" in began.basis


# --- one site --------------------------------------------------------------------------------------------------


def test_a_halt_at_one_site_refuses_that_site_alone(world, deployment, north, caller_class, cases):
    south = caller_class(world.people.south, world.people.administrator)
    halt = services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_south, site="north")
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE
    refused = north.post(deployment, "predictions", {"records": [cases("a")]})
    assert refused.status_code == 423
    assert (refused.json()["site"], refused.json()["halt"]) == ("north", str(halt.id))
    assert south.post(deployment, "predictions", {"records": [cases("b")]}).status_code == 200
    assert [row.site for row in Prediction.objects.all()] == ["south"]
    assert Incident.objects.get().halt == halt


def test_a_halt_at_one_site_is_ended_by_votes_and_the_monitor_goes_on(world, deployment, north, cases, vote, reviewers):
    halt = services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_south, site="north")
    for reviewer in reviewers:
        vote(halt, reviewer)
    assert north.post(deployment, "predictions", {"records": [cases("a")]}).status_code == 200
    deployment.monitor.refresh_from_db()
    assert deployment.monitor.summary == {}  # no new epoch: it watches all sites


def test_one_site_is_halted_once_and_only_if_it_exists(world, deployment):
    services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_south, site="north")
    with pytest.raises(Conflict, match="at north already"):
        services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north, site="north")
    with pytest.raises(ApplicationError, match="north, south"):
        services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north, site="west")
    services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north, site="south")
    services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north)
    assert Halt.objects.standing().count() == 3 and Halt.objects.open().count() == 1


# --- the chain -------------------------------------------------------------------------------------------------


def test_the_chain_halts_the_platform_too_whatever_the_policy_asks(world, deployment, tmp_path, north, cases):
    """End to end: halted by one officer's key on the embedded chain, mirrored, followed, refused; and once only."""
    people, chain = world.people, make_chain(tmp_path)
    try:
        from provenance import decisions

        chain.enrol(people.administrator, people.officer_north, people.officer_south)

        def decide(verdict, *signers):
            made = decisions.decision_propose(
                object_id=str(deployment.id), verdict=verdict, rationale="Because.", actor=signers[0]
            )
            for signer in signers:
                chain.sign(made, signer)
            chain.settle()

        decide(Verdict.PROPOSE, people.administrator)
        decide(Verdict.APPROVE, people.officer_north, people.officer_south)
        run_jobs()
        assert not Halt.objects.exists()
        decide(Verdict.HALT, people.officer_south)
        run_jobs()
        halt = Halt.objects.get()
        assert (halt.source, halt.halted_by, halt.automatic) == ("chain", None, False)
        assert north.post(deployment, "predictions", {"records": [cases("a")]}).status_code == 423
        assert Incident.objects.get().halt == halt
        chain.relayer.mirror()
        assert DomainEvent.objects.filter(kind="chain.stopped").count() == 1
    finally:
        chain.registry.node.close()


def mirror(monkeypatch, state) -> None:
    view = None if state is None else SimpleNamespace(state=state)
    for module in ("chain_halts", "reinstating"):
        monkeypatch.setattr(f"audits.runtime.{module}.subject_state", lambda *, object_id: view)


def follow(deployment, name=None) -> None:
    effects = chain_follow({"object": name or str(deployment.id), "state": "halted"})
    if effects is not None:
        with transaction.atomic():
            effects()


@pytest.mark.parametrize(
    ("state", "halts"),
    [
        (SubjectState.HALTED, 1),
        (SubjectState.REVOKED, 1),
        (SubjectState.APPROVED, 0),
        (SubjectState.PROPOSED, 0),
        (None, 0),
    ],
)
def test_only_a_stop_that_still_stands_is_followed_and_once(deployment, monkeypatch, state, halts):
    mirror(monkeypatch, state)
    follow(deployment)
    follow(deployment)
    assert Halt.objects.count() == halts


def test_a_stop_of_something_else_or_of_what_is_halted_changes_nothing(deployment, monkeypatch):
    mirror(monkeypatch, SubjectState.HALTED)
    follow(deployment, "00000000-0000-4000-8000-000000000000")
    follow(deployment, "version 3")
    assert not Halt.objects.exists()
    halt_create(deployment_id=deployment.id, reason=WHY, position=0)
    follow(deployment)
    assert Halt.objects.get().source == "monitor"


@pytest.mark.parametrize(("state", "words"), [(SubjectState.HALTED, "resume it first"), (SubjectState.REVOKED, "good")])
def test_what_the_chain_stops_is_not_reinstated_here(deployment, monkeypatch, vote, reviewers, state, words):
    halt = halt_create(deployment_id=deployment.id, reason=WHY, position=0, by_chain=True)
    mirror(monkeypatch, state)
    with pytest.raises(Conflict, match=words):
        vote(halt, reviewers[0])
    mirror(monkeypatch, SubjectState.APPROVED)
    vote(halt, reviewers[0])
    assert ChainSubject.objects.count() == 0


# --- what goes on ----------------------------------------------------------------------------------------------


def test_a_shadow_of_the_same_version_goes_on_and_is_marked(world, deployment, client_of, north, cases):
    from audits.runtime.templatetags.incidents import incidents_of

    shadow = make_deployment(world, version=deployment.version, kind="shadow", name="Board trial")
    halt = halt_create(deployment_id=deployment.id, reason=WHY, position=0)
    answer = north.post(shadow, "predictions", {"records": [cases("a")]})
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["withheld"] is True and "score" not in json.dumps(answer.json())
    assert incidents_of(shadow, world.people.auditor)["elsewhere"] == [halt]
    said = client_of(world.people.auditor).get(f"/deployments/{shadow.id}/").content.decode()
    assert "Its version is halted elsewhere" in said and "This shadow goes on" in said


def test_training_of_the_same_model_goes_on_and_its_result_is_audited_again(world, deployment):
    run = make_run(world, state=TrainingRun.State.RUNNING)
    halt_create(deployment_id=deployment.id, reason=WHY, position=0)
    run.refresh_from_db()
    assert run.state == TrainingRun.State.RUNNING
    version = make_version(world)
    assert version.model == deployment.version.model and not version.evidence.exists()
    with pytest.raises(ApplicationError, match="audit"):
        make_request(world, version=version)
