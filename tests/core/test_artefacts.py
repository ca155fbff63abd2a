from __future__ import annotations

import hashlib

import pytest

from core import artefacts


@pytest.fixture(autouse=True)
def _own_store(settings, tmp_path):
    settings.VAR = tmp_path


def test_what_is_read_is_what_was_written():
    digest = artefacts.put(b"weights")
    assert digest == hashlib.sha256(b"weights").hexdigest()
    assert artefacts.get(digest) == b"weights"
    assert artefacts.put(b"weights") == digest


def test_a_changed_file_is_an_error_and_never_an_answer(tmp_path):
    digest = artefacts.put(b"weights")
    (tmp_path / "artefacts" / digest[:2] / digest).write_bytes(b"other")
    with pytest.raises(artefacts.ArtefactError, match="changed on disk"):
        artefacts.get(digest)


def test_a_missing_artefact_says_what_to_do():
    with pytest.raises(artefacts.ArtefactError, match="restore it from the backup"):
        artefacts.get("0" * 64)


def test_a_file_to_be_mapped_is_checked_as_what_is_read():
    digest = artefacts.put(b"weights")
    path = artefacts.checked_file(digest)
    assert path.read_bytes() == b"weights"
    path.write_bytes(b"other")
    with pytest.raises(artefacts.ArtefactError, match="changed on disk"):
        artefacts.checked_file(digest)
    path.unlink()
    with pytest.raises(artefacts.ArtefactError, match="restore it from the backup"):
        artefacts.checked_file(digest)
