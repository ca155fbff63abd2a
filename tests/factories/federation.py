"""A federation of two sites, and a run that has finished with real (untrained, but valid) weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from core import artefacts
from federation.domain.learning import weights
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import digest, dump_public, new_key
from federation.domain.models.registry import build, default_specs
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.models import DataManifest, Federation, Participant, Round, TrainingRun
from tests.factories.people import People


@dataclass
class World:
    people: People
    federation: Federation
    participants: dict[str, Participant]


def make_federation(
    people: People, task: str = "classification", shape: list[int] | None = None, *, name: str = "Trial"
) -> World:
    federation = Federation.objects.create(
        name=name, purpose="Testing", data_title="Test data", task=task, synthetic=True
    )
    participants = {}
    for institution in (people.north, people.south):
        participant = Participant.objects.create(
            federation=federation, institution=institution, site=institution.slug, public_key=dump_public(new_key())
        )
        content = {
            "format": 1, "source": "test", "title": "Test data", "synthetic": True, "site": institution.slug,
            "task": task, "n_patients": 10_000, "n_rows": 10_000,
            "shape": shape or ([4] if task == "classification" else [1, 32, 32]),
            "groups": {"sex": {"female": 5000, "male": 5000}}, "feature_names": ["a", "b", "c", "d"],
            "report": {"found": 10_000, "used": 10_000, "imputed": {}, "refused": {}, "notes": []},
            "sha256": digest(institution.slug),
        }  # fmt: skip
        DataManifest.objects.create(participant=participant, digest=digest(content), content=content)
        participants[institution.slug] = participant
    return World(people, federation, participants)


def make_run(
    world: World, *, state: str = TrainingRun.State.PROPOSED, rounds: int = 1, models: dict[str, Any] | None = None
) -> TrainingRun:
    """A run of the recommended models, or of those given."""
    task = world.federation.task
    shape = next(iter(world.participants.values())).manifests.get().content["shape"]
    primary, baseline = default_specs(task, shape[0], min(shape[1:], default=None))
    config = RunConfig(
        task=task, models=models or {"primary": primary, "baseline": baseline}, rounds=rounds, seed=1,
        local=LocalConfig(epochs=1, batch_size=16, learning_rate=0.01), epsilon_budget=None,
        data_digests={site: p.manifests.get().digest for site, p in world.participants.items()},
    )  # fmt: skip
    return TrainingRun.objects.create(
        federation=world.federation, name="Run", config=config.as_dict(), config_hash=config.hash, state=state,
        requested_by=world.people.administrator,
    )  # fmt: skip


def make_finished_run(world: World, *, models: dict[str, Any] | None = None) -> TrainingRun:
    """A run in state FINISHED with one round; its weights are the initial ones."""
    run = make_run(world, state=TrainingRun.State.FINISHED, models=models)
    TrainingRun.objects.filter(id=run.id).update(started_at=timezone.now(), finished_at=timezone.now())
    stored = {}
    for name in MODEL_NAMES:
        model = build(run.config["models"][name], seed=1)
        stored[name] = artefacts.put(weights.to_bytes(weights.state_of(model)))
    figure = {"n": 30, "mean": 0.8}
    metric = "dice" if world.federation.task == "segmentation" else "accuracy"
    summary = {
        "overall": {metric: figure},
        "site": {site: {metric: figure} for site in world.participants},
        "groups": {"sex": {"female": {metric: figure}, "male": {metric: figure}}},
    }
    Round.objects.create(
        run=run, number=1, state=Round.State.DONE, start_weights=stored, weights=stored, finished_at=timezone.now(),
        metrics={"primary": summary, "baseline": summary, "epsilon": dict.fromkeys(world.participants), "loss": {}},
    )  # fmt: skip
    run.refresh_from_db()
    return run
