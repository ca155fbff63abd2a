"""What must not be taken is refused by reason, recorded in the ledger, shown on the run's page; and the run goes on."""

from __future__ import annotations

import base64
import resource
import secrets
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from core import jobs
from core.models import Job, Outbox
from federation import mailbox, sealing
from federation.domain.messages import Message
from federation.domain.secure import envelope, letters
from federation.domain.secure.envelope import Purpose
from federation.models import Participant, RefusedEnvelope, SiteCertificate, SiteOrder, SiteUpdate, TrainingRun
from federation.models_participation import Exclusion
from tests.federation import test_participation as plain
from tests.federation.test_secure_rounds import Trial, flipped, run_jobs
from tests.federation.test_training_rounds import Trial as PlainTrial

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    return Trial(tmp_path)


def order_of(site: str) -> SiteOrder:
    return SiteOrder.objects.select_related("participant").get(kind="train", participant__site=site, state="pending")


def letter(trial: Trial, order: SiteOrder, body: dict, files: dict[str, bytes], **wrong) -> str:
    """An answer that the site itself has signed and sealed, for another purpose than the order's if so told."""
    site = order.participant.site
    home = trial.sites[site].home
    purpose = Purpose(
        str(order.body["run"]), order.body["round"], order.key, site, envelope.TO_COORDINATOR, order.body["config_hash"]
    )
    recipient = base64.b64decode(sealing.coordinator_sealing_key())
    answer = Message("train", site, "coordinator", order.key, body, files)
    return letters.seal_letter(answer, replace(purpose, **wrong), key=home.key, recipient=recipient, evidence=True)


def usable(order: SiteOrder) -> tuple[dict, dict[str, bytes]]:
    return plain.honest(order)


def test_each_bad_message_is_refused_recorded_and_shown_and_the_run_finishes(trial, client):
    run = trial.running({"masking": False}, participation={"quorum": 3, "deadline_seconds": 600})
    first, second = order_of("phantom-1"), order_of("phantom-2")
    honest = usable(first)
    with _expired(first.participant):
        expired = letter(trial, first, *honest)
        assert mailbox.message_receive(participant=first.participant, text=expired) == "refused"
    strange = trial.carry_out(first)
    sent = {
        "unknown-site": (second, strange),  # one site's letter on another's queue
        "wrong-signature": (first, flipped(trial.carry_out(first))),
        "stale-round": (first, letter(trial, first, *honest, round=2)),
        "wrong-configuration": (first, letter(trial, first, *honest, config_hash="0" * 64)),
    }
    for order, text in sent.values():
        assert mailbox.message_receive(participant=order.participant, text=text) == "refused"
    body, files = honest
    large = {**files, "primary": files["primary"] + b"\1" * 10**6}
    assert mailbox.message_receive(participant=first.participant, text=letter(trial, first, body, large)) == "failure"
    run_jobs()

    kinds = ["certificate-expired", *sent]
    assert list(RefusedEnvelope.objects.order_by("created_at").values_list("kind", flat=True)) == kinds
    assert set(RefusedEnvelope.objects.values_list("run", flat=True)) == {run.id}
    assert Outbox.objects.filter(table="federation_refusedenvelope").count() == len(kinds)
    assert Outbox.objects.filter(table="federation_exclusion").exists()
    client.force_login(trial.people.auditor)
    page = client.get(f"/runs/{run.id}/").content.decode()
    for words in ("Certificate expired", "Unknown site", "Wrong signature", "Of another round", "Other configuration",
                  "expected an update of at most"):  # fmt: skip
        assert words in page, words
    for refusal in RefusedEnvelope.objects.all():
        assert len(refusal.reason) > 10

    for code in ("phantom-2", "phantom-3", "phantom-4"):
        order = order_of(code)
        assert mailbox.message_receive(participant=order.participant, text=trial.carry_out(order)) == "answer"
    run_jobs()
    trial.answer("evaluate")
    run.refresh_from_db()
    assert run.state == TrainingRun.State.FINISHED, run.stop_reason
    counted = SiteUpdate.objects.values_list("participant__site", flat=True)
    assert sorted(counted) == ["phantom-2", "phantom-3", "phantom-4"]


@contextmanager
def _expired(participant: Participant):
    """Its sealing certificate has ended; afterwards its worker says hello and gets a new one."""
    certificate = SiteCertificate.objects.get(participant=participant)
    kept = certificate.content
    certificate.content = {**kept, "not_after": kept["not_before"] + 1}
    certificate.save(update_fields=["content"])
    yield
    certificate.content = kept
    certificate.save(update_fields=["content"])


# --- a disk that is really full: the kernel refuses to write ---------------------------------------------------------


@contextmanager
def full_disk(room: int = 512):
    """No file of this process may grow beyond some bytes; the stores are other processes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def two(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    return PlainTrial(tmp_path)


def stored() -> set[Path]:
    return {path for path in Path(settings.VAR).rglob("*") if path.is_file() and "health" not in path.parts}


def test_a_full_disk_at_the_platform_is_waited_for_and_nothing_half_written_stays(two):
    run = plain.started(two, seed=secrets.randbelow(2**31))  # the store may hold what another test averaged
    job = plain._answered(two)
    before = stored()
    with full_disk():
        assert not jobs.run(job.id)
    assert stored() == before
    assert run.rounds.get().state == "training" and "File too large" in Job.objects.get(id=job.id).last_error
    Job.objects.filter(id=job.id).update(next_run_at=timezone.now() - timedelta(seconds=1))
    plain.run_jobs()
    two.answer("evaluate")
    run.refresh_from_db()
    assert run.state == TrainingRun.State.FINISHED and SiteUpdate.objects.count() == 2


def test_a_site_whose_disk_is_full_says_so_and_is_left_out_and_keeps_no_half_answer(two):
    run = plain.started(two)
    order = plain.pending("train", "phantom-1")
    home = two.sites["phantom-1"].home
    with full_disk():
        text = two.carry_out(order)
    assert mailbox.message_receive(participant=order.participant, text=text) == "failure"
    assert home.answer(order.key) is None
    plain.run_jobs()
    assert Exclusion.objects.get().kind == "failed" and "OSError" in Exclusion.objects.get().reason
    two.answer("train", "phantom-2")
    two.answer("evaluate")
    run.refresh_from_db()
    assert run.state == TrainingRun.State.FINISHED
