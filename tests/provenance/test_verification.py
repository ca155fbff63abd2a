"""Every change that an owner of the database can make is found."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from provenance.models import Anchor, ChainState, Checkpoint, Entry
from provenance.verification import verify_ledger

ENTRY_COLUMNS = '"table", operation, object_id, at'
TAMPERING = {
    "a bit of a leaf": "UPDATE provenance_entry SET leaf = set_bit(leaf, 77, 1 - get_bit(leaf, 77)) WHERE seq = 130",
    "a bit of a hash": (
        "UPDATE provenance_entry SET leaf_hash = set_bit(leaf_hash, 3, 1 - get_bit(leaf_hash, 3)) WHERE seq = 130"
    ),
    "a look-up column": "UPDATE provenance_entry SET object_id = 'other' WHERE seq = 130",
    "a body": """UPDATE provenance_body SET body = replace(body, '"n":31', '"n":32') WHERE seq = 130""",
    "a salt": "UPDATE provenance_body SET salt = set_byte(salt, 0, 255 - get_byte(salt, 0)) WHERE seq = 130",
    "no body": "DELETE FROM provenance_body WHERE seq = 130",
    "a deleted entry": ("DELETE FROM provenance_body WHERE seq = 130", "DELETE FROM provenance_entry WHERE seq = 130"),
    "a truncated log": (
        "DELETE FROM provenance_body WHERE seq >= 290",
        "DELETE FROM provenance_entry WHERE seq >= 290",
    ),
    "an added entry": (
        "INSERT INTO provenance_entry (seq, outbox_id, leaf, leaf_hash, " + ENTRY_COLUMNS + ") "
        "SELECT 300, 999999, leaf, leaf_hash, " + ENTRY_COLUMNS + " FROM provenance_entry WHERE seq = 299"
    ),
    "swapped entries": (
        "UPDATE provenance_entry a SET leaf = b.leaf, leaf_hash = b.leaf_hash, at = b.at FROM provenance_entry b "
        "WHERE (a.seq, b.seq) IN ((10, 20), (20, 10))"
    ),
    "a tile": "UPDATE provenance_tile SET hashes = set_byte(hashes, 9, 255 - get_byte(hashes, 9))",
    "no tile": "DELETE FROM provenance_tile",
    "a root": "UPDATE provenance_checkpoint SET root = set_byte(root, 0, 255 - get_byte(root, 0)) WHERE size = 100",
    "a signature": "UPDATE provenance_checkpoint SET note = overlay(note placing 'AAAA' from length(note) - 200)",
    "a size in the note": "UPDATE provenance_checkpoint SET note = replace(note, E'\\n100\\n', E'\\n101\\n')",
}


@pytest.fixture
def written(log):
    log.fill(100)
    log.sign()
    log.fill(200)
    log.sign()
    return log


@pytest.mark.django_db
def test_an_untouched_ledger_is_intact(written):
    found = verify_ledger()
    assert found.ok
    assert (found.entries, found.tiles, found.checkpoints) == (300, 1, 2)
    assert found.root == bytes(Checkpoint.objects.first().root).hex()


@pytest.mark.django_db
def test_an_empty_ledger_is_intact(db):
    assert verify_ledger().ok


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", TAMPERING, ids=lambda what: what.replace(" ", "-"))
def test_tampering_is_found(written, tamper, what):
    statements = TAMPERING[what]
    assert tamper(*((statements,) if isinstance(statements, str) else statements)) > 0
    found = verify_ledger()
    assert not found.ok
    assert all(found.problems)


@pytest.mark.django_db(transaction=True)
def test_one_change_is_named_where_it_is(written, tamper):
    tamper(TAMPERING["no body"])
    assert verify_ledger().problems == ["entry 130: its body is missing"]


@pytest.mark.django_db(transaction=True)
def test_a_missing_entry_is_named_once_and_then_shows_in_the_roots(written, tamper):
    tamper(*TAMPERING["a deleted entry"])
    problems = verify_ledger().problems
    assert problems[0] == "entry 131: expected entry 130 here; entries are missing or were added"
    assert any(problem.startswith("checkpoint 300: the entries give another root") for problem in problems)
    assert len(problems) < 10


@pytest.mark.django_db(transaction=True)
def test_entries_that_come_during_the_check_do_not_disturb_it(written, monkeypatch):
    """The check sees one moment, though the sequencer goes on in another connection meanwhile."""
    import threading

    from django.db import connection

    from provenance import verification

    def meanwhile(*args):
        def write() -> None:
            written.fill(300)
            written.sign()
            connection.close()

        other = threading.Thread(target=write)
        other.start()
        other.join()
        return check_tiles(*args)

    check_tiles = verification._check_tiles
    monkeypatch.setattr(verification, "_check_tiles", meanwhile)
    found = verify_ledger()
    assert found.problems == []
    assert found.entries == 300
    assert Entry.objects.count() == 600


@pytest.mark.django_db
def test_the_mirror_of_a_chain_that_holds_more_or_other_entries_is_found(written):
    checkpoint = Checkpoint.objects.get(size=100)
    chain = ChainState.objects.create(
        chain_id=1, contract="0x" + "0" * 40, log_id="0x" + "0" * 64, head_size=100, head_root=checkpoint.root
    )
    assert verify_ledger().problems == ["the chain's head at 100 has no final anchor here"]
    chain.head_root = b"x" * 32
    chain.save()
    assert "the chain's head at 100 is another root than the entries give" in verify_ledger().problems
    chain.head_size = 301
    chain.save()
    assert "301 entries are anchored, only 300 are here: entries are lost" in verify_ledger().problems


@pytest.mark.django_db
def test_an_anchor_without_evidence_is_found(written):
    checkpoint = Checkpoint.objects.get(size=100)
    Anchor.objects.create(
        checkpoint=checkpoint, prev_root=b"\0" * 32, nonce=0, raw_tx=b"", tx_hash="0x" + "1" * 64, state="final"
    )
    problems = verify_ledger().problems
    assert problems[0].startswith("anchor 100: ")
    assert problems[1] == "there are final anchors, and the mirror of the chain that holds them is gone"


@pytest.mark.django_db
def test_the_list_of_problems_ends_somewhere(written, monkeypatch):
    monkeypatch.setattr("provenance.verification.hash_leaf", lambda leaf: b"0" * 32)
    found = verify_ledger(limit=10)
    assert len(found.problems) == 11
    assert found.problems[-1] == "more problems follow; the check stopped here"


@pytest.mark.django_db(transaction=True)
def test_the_command_tells_by_its_exit_code(written, tamper):
    out = io.StringIO()
    call_command("verify_ledger", stdout=out)
    assert "300 entries, 1 tiles, 2 signed checkpoints" in out.getvalue()
    assert "The ledger is intact." in out.getvalue()
    tamper(TAMPERING["a body"])
    out = io.StringIO()
    with pytest.raises(CommandError, match="The ledger was changed: 1 problems") as failed:
        call_command("verify_ledger", "--json", stdout=out)
    assert failed.value.returncode == 1
    result = json.loads(out.getvalue())
    assert result["ok"] is False
    assert result["problems"] == ["entry 130: the body and salt do not open this commitment"]
