from __future__ import annotations

from datetime import timedelta
from html import escape, unescape

import pytest
from django.urls import reverse

from core.models import DomainEvent
from core.tables import classify
from provenance import checking, heartbeats, keys, witnesses
from provenance.completeness import share_words
from provenance.models import Anchor, AnchorAttempt, Checkpoint, Entry, WitnessState
from provenance.replay import Replay, TableReplay

pytestmark = pytest.mark.django_db


def test_the_whole_ledger_is_checked_on_request(world, client_of):
    client = client_of(world.people.officer_north)
    assert "Not checked from here yet" in client.get(reverse("ledger_verification")).content.decode()
    page = client.post(reverse("ledger_verification"), follow=True).content.decode()
    assert "Intact" in page
    assert checking.verification_latest()["entries"] == Entry.objects.count()


def test_a_changed_ledger_is_shown_as_such(world, monkeypatch, client_of):
    monkeypatch.setattr("provenance.verification.hash_leaf", lambda leaf: b"x" * 32)
    page = client_of(world.people.auditor).post(reverse("ledger_verification"), follow=True).content.decode()
    assert "Compromised" in page
    assert "entry 0: the stored hash is not the leaf" in page


def test_a_long_ledger_is_checked_by_one_job(world, monkeypatch, django_capture_on_commit_callbacks, client_of):
    from core import jobs
    from core.models import Job

    monkeypatch.setattr(checking, "AT_ONCE", 1)
    client = client_of(world.people.auditor)
    for _ in range(2):
        page = client.post(reverse("ledger_verification"), follow=True).content.decode()
    assert "A check is under way" in page
    assert not DomainEvent.objects.filter(kind=checking.FINISHED).exists()
    assert jobs.run(Job.objects.get(kind=checking.KIND).id)
    assert "Intact" in client.get(reverse("ledger_verification")).content.decode()


# --- checkpoints and keys ------------------------------------------------------------------------------------------


def test_checkpoints_are_paged_by_size_and_name_who_cosigned_them(world, log, hospital, read, client_of):
    for _ in range(35):
        log.fill(1)
        log.sign()
    hospital.cosign()
    newest = Checkpoint.objects.first()
    page = client_of(world.people.auditor).get(reverse("ledger_checkpoints")).context["page"]
    assert [row.cosigned_by for row in page.rows[:2]] == [["north.example/witness"], []]
    assert (len(page.rows), page.newer, page.older) == (30, None, newest.size - 29)
    older = read("ledger_checkpoints", before=page.older)
    assert "north.example/witness" not in older.split("Signed checkpoints")[1]
    note = client_of(world.people.auditor).get(reverse("ledger_checkpoint", args=[newest.size])).content
    assert note == witnesses.cosigned_note(newest)


def test_the_generations_of_the_keys_are_listed_with_what_they_signed(world, read, monkeypatch, tmp_path):
    monkeypatch.setattr(keys, "_private", lambda: tmp_path)
    monkeypatch.setattr(keys, "_public_index", lambda: tmp_path / "public.json")
    first = keys.generations()[0]
    keys.rotate(overlap=timedelta(hours=1))
    page = read("ledger_checkpoints")
    assert "Ending" in page and "Signs" in page
    assert all(vkey in unescape(page) for vkey in first.vkeys)
    assert "Get the keys elsewhere too" in page


# --- witnesses -----------------------------------------------------------------------------------------------------


def test_a_log_without_witnesses_says_what_that_means_and_how_to_become_one(world, read):
    page = read("ledger_witnesses")
    assert "Nobody witnesses this log yet" in page
    assert "How an outsider becomes a witness" in page
    assert "python -m provenance.witness" in page


def test_a_witness_shows_how_far_it_has_seen_and_how_far_it_is_behind(world, log, hospital, read):
    hospital.cosign()
    size = Checkpoint.objects.first().size
    assert "nothing is behind" in read("ledger")
    log.fill(7)
    behind = log.sign().size - size
    page = read("ledger_witnesses")
    assert "Agrees" in page
    assert f"{size} entries" in page
    assert f"{behind} entries<br>" in page
    assert all(vkey in unescape(page) for vkey in hospital.home.vkeys)
    assert reverse("ledger_checkpoint", args=[size]) in page
    assert f"1 witness, {behind} entries behind" in read("ledger")


def test_a_witness_that_holds_another_history_is_shouted_on_every_page(world, hospital, read, client_of):
    hospital.cosign()
    WitnessState.objects.update(problem="split", problem_text="holds another tree of 3 entries")
    page = read("ledger_witnesses")
    assert "north.example/witness holds another history" in page
    assert "two signed histories of this log exist" in page
    for name in ("ledger", "ledger_checkpoints", "ledger_completeness", "ledger_verification"):
        assert "A witness contradicts this log" in read(name)


@pytest.mark.parametrize(("problem", "told"), [("away", "Does not answer"), ("clock", "Has a wrong clock")])
def test_a_lesser_problem_stands_with_the_witness_alone(world, hospital, read, problem, told):
    hospital.cosign()
    WitnessState.objects.update(problem=problem, problem_text="since noon")
    page = read("ledger_witnesses")
    assert told in page and "since noon" in page
    assert "A witness contradicts this log" not in page


def test_an_entry_is_shown_as_witnessed(world, hospital, read):
    assert "Witnessed by nobody else yet" in read("ledger_entry", 0)
    hospital.cosign()
    page = read("ledger_entry", 0)
    assert "Witnessed by 1 other" in page
    assert "north.example/witness" in page


# --- anchors -------------------------------------------------------------------------------------------------------


def anchor(checkpoint: Checkpoint, **fields) -> Anchor:
    number, final_at = checkpoint.size, checkpoint.created_at + timedelta(seconds=3)
    values = {
        "prev_root": b"\0" * 32, "nonce": number, "raw_tx": b"", "tx_hash": f"0x{number:064x}", "state": "final",
        "block_number": number, "confirmed_at": final_at,
    }  # fmt: skip
    return Anchor.objects.create(checkpoint=checkpoint, **(values | fields))


def test_anchors_tell_attempts_evidence_and_how_long_they_took(world, log, read):
    kept = {"v": 2, "header": "0x00", "receipt": "0x00", "receipt_proof": []}
    anchor(Checkpoint.objects.first(), receipt=kept)
    log.fill(4)
    second = anchor(log.sign(), receipt={**kept, "header": None, "reason": "its headers are hashed otherwise"})
    log.fill(2)
    anchor(log.sign())
    log.fill(1)
    anchor(log.sign(), state="signed", block_number=None, confirmed_at=None)
    AnchorAttempt.objects.create(
        anchor=second, chain_id=1, sender="0x" + "a" * 40, nonce=2, number=1, tx_hash="0x" + "b" * 64, raw_tx=b"",
        max_fee_per_gas=1, max_priority_fee_per_gas=1,
    )  # fmt: skip
    page = read("ledger_anchors")
    assert "header, receipt and the path between them" in page
    assert "incomplete: its headers are hashed otherwise" in page
    assert "none before it is final" in page
    assert "Seconds from the signature to a final anchor" in page
    assert "The newest took 3.0 seconds." in page
    assert "The newest brought 2 entries." in page


# --- completeness --------------------------------------------------------------------------------------------------


def test_completeness_is_measured_on_request_table_by_table(world, read, client_of):
    assert "Not measured yet" in read("ledger_completeness")
    assert "not measured" in read("ledger")
    page = client_of(world.people.officer_north).post(reverse("ledger_completeness"), follow=True).content.decode()
    assert "Intact" in page
    result = checking.verification_latest()
    assert result["rows_found"] == result["rows_expected"] > 0
    assert f"{result['rows_found']} of {result['rows_expected']} rows, measured just now" in page
    assert "100 %" in read("ledger")
    for table, (kind, reason) in classify().items():
        assert table in page
        assert kind != "exempt" or escape(reason) in page


def test_a_row_changed_past_the_log_is_counted_named_and_never_rounded_away(world, client_of, monkeypatch):
    federation = str(world.federation.id)
    replayed = Replay([
        TableReplay("federation_federation", 1_000_000, 999_999, [], [], [federation]),
        TableReplay("accounts_user", 11, 11, [], [], []),
    ])  # fmt: skip
    monkeypatch.setattr(checking, "replay", lambda: replayed)
    page = client_of(world.people.auditor).post(reverse("ledger_completeness"), follow=True).content.decode()
    assert "Compromised" in page
    assert "99.99 %" in page
    assert f"federation_federation {federation}: other values than the log gives" in page


@pytest.mark.parametrize(
    ("found", "expected", "words"),
    [(0, 0, "no rows"), (5, 5, "100 %"), (0, 5, "0.00 %"), (199_999, 200_000, "99.99 %"), (1, 3, "33.33 %")],
)
def test_a_share_is_never_rounded_up(found, expected, words):
    assert share_words(found, expected) == words


def test_measurements_make_a_line_over_time(world, client_of):
    client = client_of(world.people.auditor)
    for _ in range(2):
        client.post(reverse("ledger_completeness"))
    assert "Completeness at each measurement" in client.get(reverse("ledger_completeness")).content.decode()


def test_a_result_of_before_there_was_a_measure_is_no_measure(world, read):
    DomainEvent.objects.create(kind=checking.FINISHED, payload={"ok": True, "problems": [], "verified_at": ""})
    assert "Not measured yet" in read("ledger_completeness")


def test_heartbeats_show_whether_the_log_lives(world, log, read):
    assert "None in the last 24 hours" in read("ledger_completeness")
    heartbeats.heartbeat_record(log.frontier)
    log.drain()
    assert "Steady" in read("ledger_completeness")


def test_once_an_hour_a_worker_measures_unless_one_is_at_it(world, settings):
    from core import jobs
    from core.models import Job
    from provenance.tasks import verify_task

    assert settings.CELERY_BEAT_SCHEDULE["verify"]["task"] == verify_task.name
    verify_task()
    verify_task()
    assert jobs.run(Job.objects.get(kind=checking.KIND).id)
    assert checking.verification_latest()["rows_expected"] > 0
