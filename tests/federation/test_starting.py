"""Runs that begin from a version, with real sites: what is taken, what stays, and who may."""

from __future__ import annotations

import pytest

from core import artefacts
from federation import mailbox, services
from federation.domain.learning import states
from federation.domain.learning.starting import frozen_names
from federation.domain.run_config import MODEL_NAMES
from federation.models import TrainingRun
from models_registry.models import Version
from models_registry.services import version_create
from tests.federation.test_training_rounds import LOCAL, Trial, run_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    return Trial(tmp_path)


@pytest.fixture
def version(trial) -> Version:
    """Of one round of training with the seed 1."""
    return version_create(run=through(trial, trial.running(rounds=1)))


def through(trial: Trial, run: TrainingRun) -> TrainingRun:
    """Carry out all rounds of a run."""
    for _ in range(run.rounds_planned):
        trial.answer("train")
        trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == TrainingRun.State.FINISHED, run.stop_reason
    return run


def begun(trial: Trial, version: Version, encoder: str | None, *, rounds: int = 2, **more) -> TrainingRun:
    run = services.run_propose(
        federation=trial.federation, name="Next", rounds=rounds, seed=more.pop("seed", 1),
        actor=trial.people.administrator, local=more.pop("local", LOCAL),
        start={"version": str(version.id), "encoder": encoder}, **more,
    )  # fmt: skip
    for code in trial.participants:
        trial.sign(run, code)
    trial.answer("propose")
    run = services.run_start(run=run, actor=trial.people.administrator)
    run_jobs()
    return run


def weights_of(digest: str) -> states.State:
    return states.from_bytes(artefacts.get(digest))


def changed(before: states.State, after: states.State) -> set[str]:
    return {name for name in before if before[name].tobytes() != after[name].tobytes()}


def test_training_goes_on_from_all_weights_of_a_version(trial, version):
    run = through(trial, begun(trial, version, None, rounds=1))
    first = run.rounds.get()
    assert first.start_weights == {"primary": version.weights_digest, "baseline": version.baseline_digest}
    assert run.config["models"] == version.config["models"] and first.weights != first.start_weights


@pytest.mark.parametrize("encoder", ["frozen", "tuned"])
def test_an_encoder_is_taken_with_a_new_head_and_stays_or_learns_as_agreed(trial, version, encoder):
    run = through(trial, begun(trial, version, encoder))
    source, final = Version.objects.get(id=version.id), run.rounds.last()
    for name, digest in zip(MODEL_NAMES, (source.weights_digest, source.baseline_digest), strict=True):
        had, fresh, end = (weights_of(d) for d in (digest, run.rounds.first().start_weights[name], final.weights[name]))
        kept = frozen_names(run.config["models"][name])
        assert 0 < len(kept) < len(had) and not changed(had, fresh) & kept
        assert changed(had, fresh)  # the head starts anew
        moved = changed(fresh, end)
        assert moved & kept == (kept if encoder == "tuned" else set())
        assert moved - kept == set(fresh) - kept
        for update in (
            u for r in run.rounds.all() for u in r.updates.all()
        ):  # at the sites too, not in the average alone
            start = weights_of(update.round.start_weights[name])
            assert bool(changed(start, weights_of(update.weights[name])) & kept) == (encoder == "tuned")
