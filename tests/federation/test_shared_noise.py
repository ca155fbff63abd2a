"""Runs whose sites make the noise together: what is released holds it, and below the quorum nothing is released."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

from core import artefacts
from core.models import Outbox
from federation import consents, mailbox
from federation.budgets import charged_by_site
from federation.domain.learning.gradients import Rows, drawn_sum
from federation.domain.learning.weights import from_bytes, load_state
from federation.domain.models.registry import build
from federation.domain.privacy.accountant import composed_epsilon
from federation.domain.privacy.config import PrivacyConfig
from federation.domain.privacy.stream import KeyedStream
from federation.domain.run_config import RunConfig
from federation.models import Exclusion, PrivacyCharge, Round, SiteOrder, TrainingRun
from federation.presentation.attendance import attendance
from models_registry.card_facts import privacy_words
from tests.federation.test_secure_rounds import KINDS, Trial, opened

pytestmark = pytest.mark.django_db
State = TrainingRun.State
SITES = 4


class SmallTrial(Trial):
    """A gradient of each patient of a U-Net takes its time."""

    patients = 24


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    return SmallTrial(tmp_path)


def started(trial: Trial, *, rounds: int = 1, **privacy) -> TrainingRun:
    return trial.running(rounds=rounds, privacy={"regime": "distributed", "epsilon": 2.0, **privacy})


def pass_stages(trial: Trial, kinds, *, without: str = "") -> None:
    for kind in kinds:
        trial.answer(kind, without=without)


def flat(digests: dict[str, str], run: TrainingRun) -> np.ndarray:
    states = [from_bytes(artefacts.get(digests[name]), like=spec) for name, spec in run.config["models"].items()]
    return np.concatenate([state[name].ravel() for state in states for name in sorted(state)]).astype(float)


def clipped_gradients(trial: Trial, run: TrainingRun, round_: Round) -> np.ndarray:
    """The sum over all training patients of all sites, computed in the open."""
    config = RunConfig.from_dict(run.config)
    rows = [Rows.of(site.patients(config).train) for site in trial.sites.values()]
    found = []
    for name, spec in run.config["models"].items():
        model = build(spec)
        load_state(model, from_bytes(artefacts.get(round_.start_weights[name]), like=model))
        sums = [drawn_sum(model, own, sample_rate=1.0, max_grad_norm=0.5, stream=KeyedStream(1)) for own in rows]
        found += [sum(one[weight] for one in sums).numpy().ravel() for weight in sorted(sums[0])]
    return np.concatenate(found)


def test_what_a_round_releases_holds_the_noise_that_the_accountant_counted(trial, client):
    run = started(trial)
    noise = PrivacyConfig.from_dict(run.config["privacy"])
    pass_stages(trial, KINDS)
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == (State.FINISHED, "")
    round_ = run.rounds.get()

    # Plain averaging makes of the gradient one step, so the release shows the gradient itself. Patients move each of
    # its numbers by a hundredth of the noise, and four sites made it of shares that are enough with three of which one
    # colludes.
    gradient = (flat(round_.start_weights, run) - flat(round_.weights, run)) / run.config["local"]["learning_rate"]
    patients = sum(update.n_records for update in round_.updates.all())
    accounted = (noise.noise_multiplier * noise.clip / (noise.sample_rate * patients)) ** 2
    assert gradient.size > 40_000
    assert gradient.var() == pytest.approx(accounted * SITES / (noise.quorum - noise.colluding), rel=0.04)
    assert gradient.var() > accounted

    for update in round_.updates.all():
        assert set(update.weights) == {"masked"}
        assert [update.metrics[name]["steps"] for name in ("primary", "baseline")] == [1, 1]
    planned = [spend for charge in PrivacyCharge.objects.all()[:1] for spend in charge.reservation.of_rounds(1)]
    assert [(s.noise_multiplier, s.sample_rate, s.levels) for s in planned] == [
        (noise.noise_multiplier, noise.sample_rate, noise.levels)
    ]
    spent = composed_epsilon(planned, noise.delta)
    assert 1.9 < spent <= 2.0
    assert round_.metrics["epsilon"] == pytest.approx(dict.fromkeys(trial.sites, spent))
    assert charged_by_site(run) == round_.metrics["epsilon"]
    assert PrivacyCharge.objects.filter(reported=True).count() == SITES

    told = privacy_words(SimpleNamespace(config=run.config, metrics=round_.metrics))
    assert f"ε ≤ {spent:.3g}" in told and "made by all sites together" in told
    client.force_login(trial.people.administrator)
    page = client.get(f"/runs/{run.id}/").content.decode()
    assert "All sites make the noise together" in page and f"ε = {spent:.2f} of 2" in page
    captured = Outbox.objects.filter(table="federation_round").last()
    assert json.loads(captured.body["metrics"])["epsilon"] == round_.metrics["epsilon"]


def test_below_the_quorum_the_round_is_discarded_and_nothing_is_opened(trial):
    run = started(trial, rounds=2, quorum=4, epsilon=900, sample_rate=1.0)  # with hardly any noise, and all patients
    pass_stages(trial, KINDS[:3])
    trial.answer("train", without="phantom-2")
    trial.fail("phantom-2", "train")  # three vectors are in, enough for the masks and too few for the noise

    first, second = run.rounds.order_by("number")
    assert (first.state, first.weights) == (Round.State.DISCARDED, {})
    assert "3 of 4 sites answered train, the threshold is 4; no update was opened" in first.metrics["discarded"]
    assert not SiteOrder.objects.filter(subject=first.id, kind__in=["secure_unmask", "evaluate"]).exists()
    assert Exclusion.objects.get().participant.site == "phantom-2"
    assert (second.state, second.start_weights) == (Round.State.TRAINING, first.start_weights)
    assert PrivacyCharge.objects.filter(round=first).count() == SITES  # what left the sites stays spent
    captured = Outbox.objects.filter(table="federation_round", object_id=str(first.id)).last()
    assert captured.said.action == "round.discard" and captured.body["state"] == "discarded"

    seen = attendance(run)[1]
    assert seen.discarded and [absence.label for absence in seen.absences] == ["The site failed"]

    pass_stages(trial, KINDS[2:4])
    order = SiteOrder.objects.filter(kind="secure_unmask").select_related("participant").first()
    order.body = {**order.body, "counted": order.body["counted"][:3]}  # whatever it is told, a site helps with no less
    assert "expected at least 4 sites, got 3" in opened(trial, order)["body"]["error"]

    pass_stages(trial, KINDS[4:])
    run.refresh_from_db()
    assert run.state == State.FINISHED
    second.refresh_from_db()
    step = flat(second.start_weights, run) - flat(second.weights, run)
    assert np.corrcoef(step, clipped_gradients(trial, run, second))[0, 1] > 0.5  # of noise alone under 0.02
    assert second.metrics["epsilon"]["phantom-1"] > first.metrics["epsilon"]["phantom-1"] > 0


def test_a_run_of_discarded_rounds_alone_ends_and_says_so(trial):
    run = started(trial)
    assert consents.quorum(run) == 3  # a withdrawal that leaves fewer aborts the run
    pass_stages(trial, KINDS[:2])
    for site in ("phantom-1", "phantom-2"):
        trial.fail(site, "secure_shares")
    run.refresh_from_db()
    assert run.state == State.FAILED and "Every round was discarded" in run.stop_reason


def test_a_site_asked_again_sends_the_same_noise_and_for_other_weights_none(trial):
    started(trial)
    pass_stages(trial, KINDS[:3])
    order = SiteOrder.objects.filter(kind="train").select_related("participant").first()
    answers = trial.sites[order.participant.site].home.folder / "answers"
    first = trial.carry_out(order)
    kept = {path: path.read_bytes() for path in answers.iterdir()}
    for path in kept:
        path.unlink()  # as if the site had died before it kept its answer
    masked = next(iter((answers.parent / "secure").iterdir())) / "mask-1-train.json"
    said = hashlib.sha256(masked.read_bytes()).hexdigest()
    assert opened(trial, order)["ok"] and first
    assert hashlib.sha256(masked.read_bytes()).hexdigest() == said
    for path in answers.iterdir():
        path.unlink()
    order.attachments = {name: trial_weights(order, name) for name in order.attachments}
    assert "asked before" in opened(trial, order)["body"]["error"]


def trial_weights(order: SiteOrder, name: str) -> str:
    """The order's weights, moved by a little."""
    from federation.domain.learning import weights

    state = from_bytes(artefacts.get(order.attachments[name]), like=order.body["config"]["models"][name])
    return artefacts.put(weights.to_bytes({key: value + np.float32(0.01) for key, value in state.items()}))


def test_an_administrator_chooses_the_common_noise_with_masks_only():
    from federation.forms import RunForm

    given = {"name": "R", "rounds": 50, "seed": 1, "strategy": "fedadam", "privacy": "together", "epsilon_budget": 1}
    form = RunForm({**given, "messages": "masked"}, task="classification", sites=4)
    assert form.is_valid(), form.errors
    assert form.proposal()["privacy"] == {"regime": "distributed", "epsilon": 1.0}
    assert form.proposal()["security"] == {"masking": True, "keep": 1.0}
    wrong = RunForm({**given, "messages": "sealed", "strategy": "fedprox"}, task="classification", sites=4)
    assert set(wrong.errors) == {"messages", "strategy"}
