from __future__ import annotations

import pytest
from django.db import transaction

from core import artefacts, events, jobs
from core.errors import Conflict
from core.models import DomainEvent, Job
from federation.models import Round, TrainingRun
from models_registry import services, subscriptions
from models_registry.models import Version
from tests.factories.federation import World, make_finished_run, make_run


def test_a_finished_run_becomes_a_version_with_the_digests_of_its_last_round(world: World) -> None:
    run = make_finished_run(world)

    version = services.version_create(run=run)

    weights = run.rounds.get().weights
    assert (version.weights_digest, version.baseline_digest) == (weights["primary"], weights["baseline"])
    assert version.config == run.config and version.config_hash == run.config_hash
    assert version.manifests == run.config["data_digests"]
    assert version.metrics == run.rounds.get().metrics
    assert str(version) == "Trial model v1"
    assert version.model.intended_use == "Testing"


def test_the_circuit_is_described_by_the_built_model(world: World) -> None:
    circuit = services.version_create(run=make_finished_run(world)).circuit

    assert circuit["kind"] == "vqc_classifier"
    assert circuit["quantum"]["n_qubits"] == 4
    assert circuit["quantum"]["shots"] is None


def test_calling_again_finds_the_same_version(world: World) -> None:
    run = make_finished_run(world)

    first, second = services.version_create(run=run), services.version_create(run=run)

    assert first == second
    assert DomainEvent.objects.filter(kind="version.created").count() == 1


def test_versions_of_one_federation_are_numbered_in_one_line(world: World) -> None:
    first, second = (services.version_create(run=make_finished_run(world)) for _ in range(2))

    assert (first.number, second.number) == (1, 2)
    assert first.model == second.model


def test_the_first_edition_of_the_card_is_written_with_the_version(world: World) -> None:
    card = services.version_create(run=make_finished_run(world)).cards.get()

    assert card.edition == 1 and card.written_by is None


def test_a_run_that_is_not_finished_gives_no_version(world: World) -> None:
    with pytest.raises(Conflict, match="this one is running"):
        services.version_create(run=make_run(world, state=TrainingRun.State.RUNNING))


def test_what_fails_on_the_way_leaves_no_version_and_the_job_makes_it_later(world, monkeypatch) -> None:
    run = make_finished_run(world)
    with monkeypatch.context() as patch:
        patch.setattr(services, "write_card", lambda *told, **more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            subscriptions.run_finished({"run": str(run.id)})()
    assert not Version.objects.exists() and not DomainEvent.objects.filter(kind="version.created").exists()
    subscriptions.run_finished({"run": str(run.id)})()
    assert Version.objects.get().cards.count() == 1


@pytest.mark.parametrize("name", ["primary", "baseline"])
@pytest.mark.parametrize("how", ["lost", "cut off"])
def test_weights_that_are_not_whole_become_no_version(world, name, how) -> None:
    run = make_finished_run(world)
    path = artefacts.checked_file(run.rounds.get().weights[name])
    whole = path.read_bytes()
    path.unlink() if how == "lost" else path.write_bytes(whole[:-1])
    with pytest.raises(artefacts.ArtefactError, match="restore it" if how == "lost" else "has changed"):
        services.version_create(run=run)
    assert not Version.objects.exists()
    path.write_bytes(whole)
    assert services.version_create(run=run).number == 1


def test_a_cancelled_last_round_is_not_taken(world: World) -> None:
    run = make_finished_run(world)
    Round.objects.create(run=run, number=2, state=Round.State.CANCELLED, start_weights={})

    assert services.version_create(run=run).weights_digest == run.rounds.get(number=1).weights["primary"]


def test_a_run_without_a_finished_round_gives_no_version(world: World) -> None:
    with pytest.raises(Conflict, match="no finished round"):
        services.version_create(run=make_run(world, state=TrainingRun.State.FINISHED))


@pytest.mark.django_db(transaction=True)
def test_the_event_of_a_finished_run_makes_the_version_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda job_id: None)
    run = make_finished_run(world)
    with transaction.atomic():
        events.emit("run.finished", {"run": str(run.id)})
    job = Job.objects.get(kind="event", payload__subscriber="models_registry")

    assert jobs.run(job.id)
    assert not jobs.run(job.id)

    version = Version.objects.get(run=run)
    assert DomainEvent.objects.get(kind="version.created").payload == {"version": str(version.id)}
