from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from provenance import checkpoints, keys, presentation, reading, sequencing
from provenance.domain.checkpoint import open_checkpoint
from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.errors import VerificationError
from provenance.domain.note import Ed25519Signer
from provenance.domain.proof import parse_proof, verify_proof
from provenance.models import ChainState, Checkpoint, Entry, Witness, WitnessState


@pytest.mark.django_db
def test_a_checkpoint_carries_both_signatures_over_size_and_root(log):
    log.fill(5)
    signed = log.sign()
    opened = open_checkpoint(signed.note.encode(), origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers())
    assert opened.checkpoint.size == signed.size == 5
    assert opened.checkpoint.root == bytes(signed.root) == log.frontier.root()
    assert len(opened.log_signatures) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("dropped", [0, 1], ids=["Ed25519", "ML-DSA-44"])
def test_a_checkpoint_without_one_of_its_signatures_is_refused(log, dropped):
    log.fill(1)
    note = log.sign().note
    lines = [line for line in note.splitlines(keepends=True) if line.startswith("\u2014")]
    with pytest.raises(VerificationError, match="every key of the log"):
        open_checkpoint(
            note.replace(lines[dropped], "").encode(), origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers()
        )


@pytest.mark.django_db
def test_a_proof_file_verifies_with_the_public_keys_alone(log):
    log.fill(300)
    log.sign()
    entry = Entry.objects.get(seq=123)
    proof = parse_proof(presentation.proof_file(reading.prove(entry)))
    opened = verify_proof(proof, entry=bytes(entry.leaf), origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers())
    assert opened.checkpoint.size == 300
    with pytest.raises(VerificationError):
        verify_proof(proof, entry=bytes(entry.leaf) + b" ", origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers())


def test_a_secret_is_drawn_once_and_readable_by_its_owner_alone(settings, tmp_path):
    settings.VAR = tmp_path
    first = keys.secret("test")
    assert len(first) == 32
    assert keys.secret("test") == first
    path = tmp_path / "keys" / "test"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["test"]


def test_processes_that_draw_a_secret_at_once_get_the_same_one(settings, tmp_path):
    """Log, web and workers start together on a new machine."""
    program = (
        "import sys, threading; from types import SimpleNamespace; from provenance import keys; "
        "keys.settings = SimpleNamespace(VAR=sys.argv[1]); got = []; "
        "threads = [threading.Thread(target=lambda: got.append(keys.secret('race').hex())) for _ in range(8)]; "
        "[t.start() for t in threads]; [t.join() for t in threads]; print('\\n'.join(got))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    drawn = "".join(process.communicate(timeout=60)[0] for process in running).split()
    assert len(drawn) == 16
    assert len(set(drawn)) == 1


def test_the_log_has_two_keys_of_two_algorithms():
    ed25519, mldsa = keys.log_signers()
    assert isinstance(ed25519, Ed25519Signer)
    assert isinstance(mldsa, CosignatureSigner)
    assert ed25519.name == mldsa.name == settings.LOG_ORIGIN


# --- an old copy of the database is never signed -------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_this_machine_remembers_what_it_signed_although_the_database_does_not(log, owner, tamper):
    """The database is put back to a moment before the last checkpoint, and then goes another way."""
    log.fill(3)
    log.sign()
    log.fill(2)
    log.sign()
    tamper(
        "DELETE FROM provenance_checkpoint WHERE size > 3",
        "DELETE FROM provenance_body WHERE seq > 2",
        "DELETE FROM provenance_entry WHERE seq > 2",
    )
    log.frontier = sequencing.load_frontier()
    log.fill(1)
    with pytest.raises(checkpoints.LogRolledBack, match="5 entries were signed here"):
        checkpoints.checkpoint_sign(log.frontier)
    log.fill(9)  # also after it has grown past what was signed
    with pytest.raises(checkpoints.LogRolledBack, match="5 entries were signed here"):
        checkpoints.checkpoint_sign(log.frontier)


@pytest.mark.django_db
def test_on_a_machine_without_memory_the_chain_decides_and_must_be_read_first(log):
    log.fill(3)
    signed = log.sign()
    log.fill(1)
    started = timezone.now()
    chain = ChainState.objects.create(
        chain_id=1, contract="0x" + "0" * 40, log_id="0x" + "0" * 64, head_size=3, head_root=signed.root,
        read_at=started - timedelta(hours=1),
    )  # fmt: skip
    checkpoints._memory().unlink()  # another machine
    with pytest.raises(checkpoints.NotHeardYet, match="anchor worker"):
        checkpoints.checkpoint_sign(log.frontier, started=started)
    chain.read_at = started + timedelta(seconds=1)
    chain.save()
    assert checkpoints.checkpoint_sign(log.frontier, started=started).size == 4


@pytest.mark.django_db
def test_only_one_of_two_sequencers_can_sign(log, monkeypatch):
    log.fill(3)
    log.sign()
    log.fill(2)
    stale = Checkpoint.objects.first()
    log.sign()
    log.fill(1)
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint.objects, "first", lambda: stale)
        with pytest.raises(checkpoints.SignedMeanwhile):
            checkpoints.checkpoint_sign(log.frontier)


@pytest.mark.django_db
@pytest.mark.parametrize("size", [2, 3, 99])
def test_the_database_refuses_a_checkpoint_that_does_not_grow_or_covers_no_entries(log, size):
    log.fill(3)
    log.sign()
    with pytest.raises(DatabaseError, match="checkpoints only grow"), transaction.atomic():
        Checkpoint.objects.create(size=size, root=b"r" * 32, note="x")


@pytest.mark.django_db
@pytest.mark.parametrize("root", [b"", b"r" * 32], ids=["the size alone", "with its root"])
def test_a_tree_that_a_witness_holds_and_this_database_does_not_stops_the_signing(log, root):
    log.fill(3)
    witness = Witness.objects.create(name="north.example/witness", vkeys="", url="https://north.example")
    WitnessState.objects.create(witness=witness, highest=10, highest_root=root)
    with pytest.raises(checkpoints.LogRolledBack, match=r"10 entries were witnessed by north\.example"):
        checkpoints.checkpoint_sign(log.frontier)


@pytest.mark.django_db
def test_on_a_machine_without_memory_a_witness_is_heard_first(log):
    log.fill(3)
    log.sign()
    log.fill(1)
    checkpoints._memory().unlink()
    started = timezone.now()
    with pytest.raises(checkpoints.NotHeardYet, match="anchor worker"):  # it knows of no chain at all yet
        checkpoints.checkpoint_sign(log.frontier, started=started)
    ChainState.objects.create(
        chain_id=1, contract="0x" + "0" * 40, log_id="0x" + "0" * 64, read_at=started + timedelta(seconds=1)
    )
    witness = Witness.objects.create(name="north.example/witness", vkeys="", url="https://north.example")
    state = WitnessState.objects.create(witness=witness, answered_at=started - timedelta(hours=1))
    with pytest.raises(checkpoints.NotHeardYet, match="none answered since the start"):
        checkpoints.checkpoint_sign(log.frontier, started=started)
    state.answered_at = started + timedelta(seconds=1)
    state.save()
    assert checkpoints.checkpoint_sign(log.frontier, started=started).size == 4


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_the_place_of_another_is_not_signed(log, tamper):
    """Another first entry makes it no other log: it stands under the same origin and the same keys."""
    log.fill(5)
    log.sign()
    tamper(
        "DELETE FROM provenance_checkpoint", "DELETE FROM provenance_body", "DELETE FROM provenance_entry",
    )  # fmt: skip
    log.frontier = sequencing.load_frontier()
    log.fill(5)
    with pytest.raises(checkpoints.LogRolledBack, match="5 entries were signed here"):
        checkpoints.checkpoint_sign(log.frontier, started=timezone.now())
