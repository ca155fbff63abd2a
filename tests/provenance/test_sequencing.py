from __future__ import annotations

import json
import os
import threading

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Institution
from core import capture, vault
from core.context import governed, opened_reason
from core.models import Outbox
from provenance import checkpoints, copying, presentation, reading, sequencing
from provenance.domain import commit
from provenance.domain.merkle import hash_leaf, inclusion_proof, verify_consistency, verify_inclusion
from provenance.domain.tiles import Frontier
from provenance.models import Body, ChainState, Checkpoint, Entry, Tile
from provenance.verification import verify_ledger
from tests.factories.people import make_people

RECORD = "SELECT core_record('provenance', 'HEARTBEAT', 'log', jsonb_build_object('n', %s))"


@pytest.mark.django_db
def test_a_governed_change_becomes_a_leaf_that_names_it_and_hides_its_content(log):
    people = make_people()
    log.drain()
    with governed(action="institution.rename", actor=people.administrator.id, reason="new name"):
        Institution.objects.filter(id=people.north.id).update(name="Renamed")
    assert log.drain() == 1
    entry = Entry.objects.latest("seq")
    leaf = commit.parse_leaf(bytes(entry.leaf))
    assert (leaf.table, leaf.op, leaf.object_id) == ("accounts_institution", "update", str(people.north.id))
    assert leaf.actor == commit.pseudonym(vault.pseudonym_key(people.administrator.id), people.administrator.id)
    assert b"Renamed" not in bytes(entry.leaf)
    assert str(people.administrator.id).encode() not in bytes(entry.leaf)
    body = Body.objects.get(entry=entry)
    commit.open_commitment(leaf.commitment, bytes(body.salt), body.body.encode())
    assert json.loads(body.body)["row"]["name"] == "Renamed"
    assert (body.actor, body.action) == (people.administrator.id, "institution.rename")
    assert body.reason.startswith("v1:") and opened_reason(body.actor, body.reason) == "new name"


@pytest.mark.django_db
def test_entries_are_numbered_without_gaps_in_the_order_of_the_outbox(log):
    log.fill(10)
    assert list(Entry.objects.order_by("seq").values_list("seq", flat=True)) == list(range(10))
    drawn = list(Entry.objects.order_by("seq").values_list("outbox_id", flat=True))
    assert drawn == sorted(drawn)


@pytest.mark.django_db
def test_sequencing_again_writes_nothing(log):
    log.fill(3)
    assert log.drain() == 0
    assert Entry.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_row_that_commits_late_is_not_lost(log):
    early, late = _connect(), _connect()
    with late.cursor() as cursor:
        cursor.execute(RECORD, [1])  # draws the smaller id and stays open
    with early.cursor() as cursor:
        cursor.execute(RECORD, [2])
    early.commit()
    assert log.drain() == 1
    late.commit()
    assert log.drain() == 1
    first, second = Entry.objects.order_by("seq")
    assert first.outbox_id > second.outbox_id
    assert verify_ledger().ok
    early.close()
    late.close()


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_lose_nothing_and_a_rollback_leaves_nothing(log):
    def write(name: int) -> None:
        opened = _connect()
        for number in range(30):
            with opened.cursor() as cursor:
                cursor.execute(RECORD, [name * 100 + number])
            opened.rollback() if number % 3 == 2 else opened.commit()
        opened.close()

    writers = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        log.drain()
    log.drain()
    written = {json.loads(text)["row"]["n"] for text in Body.objects.values_list("body", flat=True)}
    assert written == {name * 100 + number for name in range(4) for number in range(30) if number % 3 != 2}
    assert list(Entry.objects.order_by("seq").values_list("seq", flat=True)) == list(range(80))
    log.sign()
    assert verify_ledger().ok


@pytest.mark.django_db
@pytest.mark.parametrize("sizes", [(1,), (255,), (256,), (257,), (300, 300, 5)])
def test_a_reloaded_edge_gives_the_tree_that_the_leaves_give(log, sizes):
    for size in sizes:
        log.fill(size)
        reloaded = sequencing.load_frontier()
        rebuilt = Frontier()
        for leaf in Entry.objects.order_by("seq").values_list("leaf", flat=True):
            rebuilt.push(hash_leaf(bytes(leaf)))
        assert reloaded.root() == rebuilt.root() == log.frontier.root()
        log.frontier = reloaded  # the next entries grow from what was loaded
    assert Tile.objects.count() == sum(sizes) // 256


@pytest.mark.django_db
def test_the_edge_of_a_tree_of_three_levels_is_read_from_its_tiles():
    """65,536 leaves fill a tile of tiles. Only the tiles are written here: above level 0 nothing else is read."""
    frontier = Frontier()
    tiles = []
    for number in range(65_536 + 256 + 3):
        tiles += frontier.push(number.to_bytes(32, "big"))
    edges = [frontier.edge(level) for level in range(3)]
    assert [len(edge) // 32 for edge in edges] == [3, 1, 1]
    Tile.objects.bulk_create([Tile(level=t.level, index=t.index, hashes=t.hashes, root=t.root) for t in tiles])
    assert reading.read_tile(2, 0, 1) == edges[2]
    assert reading.read_tile(1, 1, 1) == edges[1]


@pytest.mark.django_db
def test_a_failed_transaction_leaves_the_log_as_it_was(log, monkeypatch):
    log.fill(2)
    capture.record(table="provenance", operation="HEARTBEAT", object_id="log", body={})

    with monkeypatch.context() as patch:
        patch.setattr(copying, "_BODY", "COPY provenance_body (nothing) FROM STDIN")
        with pytest.raises(DatabaseError), transaction.atomic():
            sequencing.sequence(log.frontier)
    assert Entry.objects.count() == 2
    log.frontier = sequencing.load_frontier()
    assert log.drain() == 1
    assert verify_ledger().ok


@pytest.mark.django_db
def test_rows_that_were_entered_but_stay_in_the_outbox_are_an_error(log, monkeypatch):
    """They would be entered again."""
    capture.record(table="provenance", operation="HEARTBEAT", object_id="log", body={})
    with monkeypatch.context() as patch:
        patch.setattr(copying, "write", lambda cursor, copies: None)
        with pytest.raises(sequencing.NotSettled, match="of 1 rows entered from 0 on, 0 left"), transaction.atomic():
            sequencing.sequence(log.frontier)
    assert Outbox.objects.count() == 1
    log.frontier = sequencing.load_frontier()
    assert log.drain() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("ahead", [True, False], ids=["seen ahead", "committed since the look ahead"])
def test_chunks_keep_the_order_and_every_actor_has_a_pseudonym(log, monkeypatch, ahead):
    people = [person for person in vars(make_people()).values() if hasattr(person, "email")][:3]
    log.drain()
    start = log.frontier.size
    monkeypatch.setattr(sequencing, "_NEXT", "FETCH 7 FROM waiting")
    if not ahead:
        monkeypatch.setattr(sequencing, "_CONTEXTS", "SELECT NULL::text WHERE false")
    for turn in range(10):
        with governed(action="test", actor=people[turn % 3].id):
            for number in range(4):
                capture.record(table="t", operation="BATCH", object_id=f"{turn * 4 + number}", body={})
    assert sequencing.sequence(log.frontier) == 40
    entries = Entry.objects.filter(seq__gte=start).order_by("seq")
    assert [int(entry.object_id) for entry in entries] == list(range(40))
    for turn in range(10):
        actor = people[turn % 3].id
        leaf = commit.parse_leaf(bytes(entries[turn * 4].leaf))
        assert leaf.actor == commit.pseudonym(vault.pseudonym_key(actor), actor)
    log.sign()
    assert verify_ledger().ok


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    ['{"Süd": 1}', '{"n": 12345678901234567890}', '{"n": 1' + "0" * 5000 + "}", "[" * 80 + "]" * 80],
    ids=["key", "integer", "digits", "depth"],
)
def test_a_body_without_canonical_form_does_not_stop_the_log(log, body):
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_record('runtime_batch', 'BATCH', 'x', %s::jsonb)", [body])
    log.fill(1)
    assert Entry.objects.count() == 2
    kept = json.loads(Body.objects.get(entry_id=0).body)
    assert json.loads(kept["text"]) == json.loads(body) if len(body) < 1000 else kept["text"] == body
    log.sign()
    assert verify_ledger().ok


@pytest.mark.django_db
def test_every_entry_has_an_inclusion_proof_under_the_checkpoint(log):
    log.fill(300)
    checkpoint = log.sign()
    for seq in (0, 1, 255, 256, 299):
        inclusion = reading.prove(Entry.objects.get(seq=seq))
        assert inclusion.checkpoint == checkpoint
        verify_inclusion(
            leaf_hash=hash_leaf(bytes(inclusion.entry.leaf)), index=seq, size=300, proof=inclusion.path,
            root=bytes(checkpoint.root),
        )  # fmt: skip


@pytest.mark.django_db
def test_an_entry_after_the_checkpoint_waits_for_the_next_one(log):
    log.fill(2)
    log.sign()
    log.fill(1)
    waiting = reading.prove(Entry.objects.get(seq=2))
    assert waiting.checkpoint is None
    with pytest.raises(ValueError, match="no checkpoint yet"):
        presentation.proof_file(waiting)


@pytest.mark.django_db
def test_a_later_checkpoint_is_consistent_with_an_earlier_one(log):
    log.fill(200)
    old = log.sign()
    log.fill(200)
    new = log.sign()
    proof = reading.prove_consistency(old.size, new.size)
    verify_consistency(old_size=200, new_size=400, old_root=bytes(old.root), new_root=bytes(new.root), proof=proof)
    assert inclusion_proof(0, 1, reading.read_tile) == []


@pytest.mark.django_db
def test_a_tree_that_did_not_grow_is_not_signed_again(log):
    assert checkpoints.checkpoint_sign(log.frontier) is None  # nothing there yet
    log.fill(1)
    log.sign()
    assert checkpoints.checkpoint_sign(log.frontier) is None
    assert Checkpoint.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("grown", [1, 50], ids=["below the anchor", "past the anchor"])
def test_a_restored_old_database_is_never_signed_again(log, grown):
    """Signing a second history would fork the log, also after it has grown longer than the first one."""
    log.fill(3)
    log.sign()
    ChainState.objects.create(
        chain_id=1, contract="0x" + "0" * 40, log_id="0x" + "0" * 64, head_size=10, head_root=b"r" * 32
    )
    log.fill(grown)
    with pytest.raises(checkpoints.LogRolledBack, match="10 entries are anchored"):
        checkpoints.checkpoint_sign(log.frontier)
    assert Checkpoint.objects.count() == 1


@pytest.mark.django_db
def test_what_stands_in_the_log_has_left_the_outbox(log):
    log.fill(3)
    capture.record(table="provenance", operation="HEARTBEAT", object_id="log", body={"waiting": True})
    assert Outbox.objects.get().body == {"waiting": True}
    assert log.drain() == 1
    assert not Outbox.objects.exists()
    assert Entry.objects.count() == 4


def _connect() -> psycopg2.extensions.connection:
    return psycopg2.connect(os.environ["DATABASE_URL"])
