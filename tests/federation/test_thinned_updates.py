"""Runs without masks whose sites send only what changed most."""

from __future__ import annotations

import numpy as np
import pytest
from django.urls import reverse

from core import artefacts
from federation import mailbox
from federation.attendance import refusal
from federation.domain.learning.weights import from_bytes
from federation.domain.secure.largest import received
from federation.models import SiteOrder, SiteUpdate, TrainingRun
from tests.federation.test_shared_noise import SmallTrial

pytestmark = pytest.mark.django_db
KEEP = 0.05


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    return SmallTrial(tmp_path)


def average(run: TrainingRun, round_) -> dict[str, np.ndarray]:
    """FedAvg of what arrived, in the open."""
    start = from_bytes(artefacts.get(round_.start_weights["primary"]), like=run.config["models"]["primary"])
    updates = list(round_.updates.all())
    states = [
        received(artefacts.get(u.weights["primary"]), start=start, security=run.config["security"]) for u in updates
    ]
    records = [update.n_records for update in updates]
    return {
        name: sum(n * state[name].astype(float) for n, state in zip(records, states, strict=True)) / sum(records)
        for name in start
    }


def test_a_run_of_largest_changes_ends_and_owes_nothing_to_rounds_that_did_not_count(trial, client):
    run = trial.running(
        {"masking": False, "keep": KEEP}, rounds=2, participation={"quorum": 3, "deadline_seconds": None}
    )
    assert run.config["security"]["error_feedback"] is True
    trial.answer("train", without="phantom-4")
    order = SiteOrder.objects.get(kind="train", participant__site="phantom-4", state="pending")
    trial.carry_out(order)  # it trained, but its answer is lost
    trial.fail("phantom-4", "train")
    trial.answer("evaluate")
    memory = {code: site.home for code, site in trial.sites.items()}
    first, second = run.rounds.order_by("number")
    counted = {o.participant.site: o.body["counted"] for o in SiteOrder.objects.filter(kind="train", subject=second.id)}
    assert counted == {"phantom-1": 1, "phantom-2": 1, "phantom-3": 1, "phantom-4": 0}
    owed = np.frombuffer(memory["phantom-1"].remembered(f"{run.id}:1:primary:owed"), dtype="<f4")
    assert np.count_nonzero(owed) > 0.8 * owed.size

    trial.answer("train")
    trial.answer("evaluate")
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == ("finished", "")
    for round_ in (first, second):
        round_.refresh_from_db()
        after = from_bytes(artefacts.get(round_.weights["primary"]), like=run.config["models"]["primary"])
        for name, value in average(run, round_).items():
            np.testing.assert_allclose(after[name], value, rtol=0, atol=1e-6)
    sizes = [artefacts.size(digest) for update in SiteUpdate.objects.all() for digest in update.weights.values()]
    whole = artefacts.size(first.start_weights["primary"])
    assert max(sizes) < whole * KEEP * 1.5 + 1000  # six bytes a number and not four

    client.force_login(trial.people.administrator)
    page = client.get(reverse("run", args=[run.id])).content.decode()
    assert "5% of the weights: those that changed most" in page


def test_whole_weights_are_refused_where_changes_were_agreed(trial):
    run = trial.running({"masking": False, "keep": KEEP})
    order = SiteOrder.objects.get(kind="train", participant__site="phantom-1")
    report = {"loss": None, "steps": 1, "sample_rate": 1.0}
    order.state, order.answer_attachments = "answered", dict(order.attachments)
    order.answer = {"n_records": 3, "models": dict.fromkeys(order.attachments, report)}
    assert "expected indices and values in half precision" in refusal(order, run.rounds.get())
