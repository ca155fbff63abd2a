"""The log's keys: encrypted at rest, rotated with overlap, and old checkpoints stay verifiable."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from provenance import keys
from provenance.domain.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from provenance.domain.errors import VerificationError
from provenance.key_record import keys_record, keys_retire
from provenance.models import Entry, LogKey
from provenance.verification import verify_ledger


@pytest.fixture
def own_keys(settings, tmp_path):
    """Keys of this test alone."""
    settings.VAR = tmp_path
    return tmp_path / "keys" / "log"


def test_private_keys_are_encrypted_files_of_their_owner_alone(own_keys):
    assert len(keys.log_signers()) == 2
    files = sorted(own_keys.glob("*.pem"))
    assert [file.name for file in files] == ["001-ed25519.pem", "001-mldsa44.pem"]
    for file in files:
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_folder_of_keys_is_shut_whichever_key_is_made_first(settings, tmp_path):
    settings.VAR, settings.LOG_PASSPHRASE_FILE = tmp_path, ""
    assert keys.log_verifiers()
    found = {path: path.stat().st_mode & 0o077 for path in (tmp_path / "keys", *(tmp_path / "keys").rglob("*"))}
    opened = [path.name for path, others in found.items() if others and path.name != ".lock"]
    assert len(found) > 4 and opened == []


def test_the_operators_passphrase_opens_them_and_another_does_not(own_keys, settings, tmp_path):
    settings.LOG_PASSPHRASE_FILE = str(tmp_path / "passphrase")
    Path(settings.LOG_PASSPHRASE_FILE).write_text("a long one\n")
    before = keys.log_verifiers()
    keys._signers.cache_clear()
    Path(settings.LOG_PASSPHRASE_FILE).write_text("another\n")
    with pytest.raises(ImproperlyConfigured, match="QFL_LOG_PASSPHRASE_FILE"):
        keys.log_signers()
    assert keys.log_verifiers() == before  # verifying needs no secret
    Path(settings.LOG_PASSPHRASE_FILE).write_text("")
    with pytest.raises(ImproperlyConfigured, match="is empty"):
        keys.log_signers()
    keys._signers.cache_clear()


def test_during_a_rotation_both_generations_sign_and_either_verifies(own_keys, settings):
    old = keys.log_verifiers()
    keys.rotate(overlap=timedelta(days=1))
    new = keys.log_verifiers()
    assert {v.vkey for v in old}.isdisjoint(v.vkey for v in new)
    note = sign_checkpoint(Checkpoint(settings.LOG_ORIGIN, 7, b"r" * 32), keys.log_signers())
    for verifiers in (old, new):
        assert open_checkpoint(note, origin=settings.LOG_ORIGIN, log_keys=verifiers).checkpoint.size == 7
    assert keys.verifiers_for(note) == new


def test_after_the_overlap_the_old_keys_are_gone_and_sign_nothing_new(own_keys, settings):
    stolen = keys.log_signers()
    old_note = sign_checkpoint(Checkpoint(settings.LOG_ORIGIN, 7, b"r" * 32), stolen)
    old = keys.log_verifiers()
    keys.rotate(overlap=timedelta(0))
    assert len(keys.log_signers()) == 2
    assert [g.number for g in keys.retire(lambda generation: 7)] == [1]
    assert sorted(file.name for file in own_keys.glob("*.pem")) == ["002-ed25519.pem", "002-mldsa44.pem"]
    assert keys.verifiers_for(old_note) == old  # what they signed in their time stays good
    forged = sign_checkpoint(Checkpoint(settings.LOG_ORIGIN, 8, b"x" * 32), stolen)
    with pytest.raises(VerificationError):
        open_checkpoint(forged, origin=settings.LOG_ORIGIN, log_keys=keys.verifiers_for(forged))
    assert keys.retire(lambda generation: 9) == []


def test_a_process_that_sees_no_private_folder_reads_the_public_copy(own_keys, settings, tmp_path):
    made = keys.generations()
    own_keys.rename(tmp_path / "hidden")
    (tmp_path / "keys").rename(tmp_path / "other")
    (tmp_path / "keys").write_text("")  # as unusable as a folder that another user owns
    assert keys.generations() == made
    (tmp_path / "log" / "keys.json").unlink()
    assert keys.generations() == ()
    assert keys.log_verifiers() == ()


def test_garbage_is_verified_with_the_newest_keys_which_refuse_it(own_keys):
    assert keys.verifiers_for(b"\xff not a note") == keys.log_verifiers()
    assert keys.verifiers_for("no\nsize\n\n\u2014 x AAAAAAAA\n") == keys.log_verifiers()


@pytest.mark.django_db
def test_a_rotation_stands_in_the_ledger_with_its_reason_and_the_whole_log_still_verifies(log, own_keys, capsys):
    keys_record()
    log.drain()
    log.sign()
    call_command("rotate_log_key", reason="yearly", overlap_days=0)
    assert "Generation 2" in capsys.readouterr().out
    log.drain()
    keys_retire()
    log.drain()
    log.sign()
    assert verify_ledger().ok
    first, second = LogKey.objects.all()
    assert first.last_size == 1 and first.signs_until is not None
    assert second.last_size is None
    actions = list(Entry.objects.order_by("seq").values_list("body__action", "body__reason"))
    assert ("log_key.rotate", "yearly") not in actions[:1]
    assert [action for action, _ in actions].count("log_key.record") >= 2
    keys_record()
    assert log.drain() == 0  # nothing new to say


def test_an_absurd_overlap_is_refused():
    with pytest.raises(CommandError, match="0 to 366 days"):
        call_command("rotate_log_key", reason="x", overlap_days=-1)
