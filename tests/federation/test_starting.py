"""Runs that begin from a version, with real sites: what is taken, what stays, and who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audits.domain.verdict import Verdict
from audits.predeployment import facts
from audits.predeployment.checks.registry import check_of
from core import artefacts
from core.errors import Conflict
from federation import mailbox, services
from federation.domain.learning import states
from federation.domain.learning.starting import frozen_names
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.models import Reconsideration, SiteOrder, SiteUpdate, TrainingRun
from models_registry.models import Version
from models_registry.services import version_create
from tests.factories.checks import run_check
from tests.federation import test_secure_rounds
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


def begun(trial: Trial, version: Version, encoder: str | None, **more) -> TrainingRun:
    run = services.run_start(run=agreed(trial, version, encoder, **more), actor=trial.people.administrator)
    run_jobs()
    return run


def agreed(trial: Trial, version: Version, encoder: str | None, *, rounds: int = 2, **more) -> TrainingRun:
    """Proposed, and consented to by everybody."""
    run = services.run_propose(
        federation=trial.federation, name="Next", rounds=rounds, seed=more.pop("seed", 1),
        actor=trial.people.administrator, local=more.pop("local", LOCAL),
        start={"version": str(version.id), "encoder": encoder}, **more,
    )  # fmt: skip
    for code in trial.participants:
        trial.sign(run, code)
    trial.answer("propose")
    run.refresh_from_db()
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
        for update in SiteUpdate.objects.filter(round__run=run):  # at the sites too, not in the average alone
            start = weights_of(update.round.start_weights[name])
            assert bool(changed(start, weights_of(update.weights[name])) & kept) == (encoder == "tuned")


DP = {"noise_multiplier": 1.0, "max_grad_norm": 0.5, "delta": 1e-4}


def test_a_private_run_leaves_a_frozen_encoder_alone_and_says_what_its_bound_does_not_cover(trial, version, client):
    run = begun(trial, version, "frozen", rounds=1, local={**LOCAL, "dp": DP}, epsilon_budget=900.0)
    made = version_create(run=through(trial, run))
    round_ = run.rounds.get()
    for name in MODEL_NAMES:
        kept = frozen_names(run.config["models"][name])
        moved = changed(weights_of(round_.start_weights[name]), weights_of(round_.weights[name]))
        assert moved and not moved & kept
    client.force_login(trial.people.administrator)
    told = "trained without differential privacy"
    assert told in client.get(f"/runs/{run.id}/").content.decode()
    card = made.cards.get().content
    assert told in card["privacy"] and "is not bounded" in card["privacy"]


def test_a_run_does_not_start_once_its_version_may_not_be_taken_any_more(trial, version):
    run = agreed(trial, version, None)
    Reconsideration.objects.create(
        run=version.run, participant=trial.participants["phantom-1"], cause="withdrawal",
        opened_by=trial.people.operator_north, due_at=timezone.now() + timedelta(days=30),
    )  # fmt: skip
    with pytest.raises(Conflict, match="No run can begin from Trial model v1: .*lent no more"):
        services.run_start(run=run, actor=trial.people.administrator)


class SmallTrial(test_secure_rounds.Trial):
    patients = 24


TOGETHER = {"regime": "distributed", "epsilon": 2.0}


@pytest.mark.parametrize("privacy", [None, TOGETHER], ids=["masked", "noised together"])
def test_masks_and_noise_made_together_leave_a_frozen_encoder_alone(tmp_path, monkeypatch, privacy):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    trial = SmallTrial(tmp_path)
    first = trial.running()
    test_secure_rounds.finish(trial)
    first.refresh_from_db()
    start = {"version": str(version_create(run=first).id), "encoder": "frozen"}
    run = trial.running(start=start, **({"privacy": privacy} if privacy else {}))
    test_secure_rounds.finish(trial)
    run.refresh_from_db()
    assert run.state == TrainingRun.State.FINISHED, run.stop_reason
    round_ = run.rounds.get()
    for name in MODEL_NAMES:
        kept = frozen_names(run.config["models"][name])
        moved = changed(weights_of(round_.start_weights[name]), weights_of(round_.weights[name]))
        assert moved and not moved & kept


@pytest.mark.parametrize("encoder", [None, "frozen"])
def test_a_site_refuses_weights_that_do_not_begin_as_it_agreed(trial, version, encoder):
    run = begun(trial, version, encoder)
    order = SiteOrder.objects.filter(kind="train", state="pending").first()
    moved = {name: value + 1 for name, value in weights_of(order.attachments["primary"]).items()}
    order.attachments = {**order.attachments, "primary": artefacts.put(states.to_bytes(moved))}
    order.save(update_fields=["attachments"])
    assert mailbox.message_receive(participant=order.participant, text=trial.carry_out(order)) == "failure"
    order.refresh_from_db()
    assert f"beginning from {version}" in order.error and RunConfig.from_dict(run.config).start


def test_the_lineage_of_a_version_goes_back_to_where_it_began(trial, version, client):
    run = through(trial, begun(trial, version, "tuned", rounds=1))
    made = version_create(run=run)

    def lineage():
        return run_check(check_of("lineage"), {}, facts={"lineage": facts.FACTS["lineage"](made)}, settings={})

    links = facts.FACTS["lineage"](made)["links"]
    assert lineage().verdict is Verdict.PASS
    assert ["round 1, primary: begins with what was taken", "holds", run.rounds.get().start_weights["primary"]] in links
    assert any("patients of Hospital north, Hospital south influenced" in said for _, _, said in links)
    card = made.cards.get().content
    found = str(card)
    assert f"{version} (version {version.id})" in found and f"Before that, {version} had learned from patients" in found
    client.force_login(trial.people.administrator)
    page = client.get(f"/versions/{made.id}/").content.decode()
    assert "goes on learning; the rest starts anew" in page and f"/versions/{version.id}/" in page
    assert f"/versions/{made.id}/" in client.get(f"/versions/{version.id}/").content.decode()

    run.rounds.update(start_weights={"primary": version.weights_digest, "baseline": version.baseline_digest})
    assert lineage().verdict is Verdict.FAIL
