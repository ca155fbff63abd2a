"""Content-addressed files: the name is the SHA-256, so what is read is what was written or an error."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings


class ArtefactError(Exception):
    """The artefact is missing or its bytes do not match its name."""


def _path(digest: str) -> Path:
    return Path(settings.VAR) / "artefacts" / digest[:2] / digest


def put(data: bytes) -> str:
    """Store bytes durably and return their SHA-256 in hex. Storing the same bytes again is free."""
    digest = hashlib.sha256(data).hexdigest()
    path = _path(digest)
    if path.exists():
        return digest
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError:  # a full disk: half a file would keep it full
        Path(temporary).unlink(missing_ok=True)
        raise
    return digest


def _sync(folder: Path) -> None:
    """A name in a folder outlives a power failure only once the folder is written, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def get(digest: str) -> bytes:
    """The bytes of an artefact, checked against its name."""
    try:
        data = _path(digest).read_bytes()
    except OSError as error:
        raise _missing(digest) from error
    _refuse_changed(digest, hashlib.sha256(data).hexdigest())
    return data


def size(digest: str) -> int | None:
    """Bytes of an artefact, not checked against its name; None if it is not in the store."""
    try:
        return _path(digest).stat().st_size
    except OSError:
        return None


def checked_file(digest: str) -> Path:
    """The file of an artefact, its bytes checked against its name, for who maps it into memory instead of reading it.

    Processes that map it share one copy. The check is of this moment: whoever can write to the store could change the
    bytes under a map, where `get` keeps what it has checked. The store writes each file once and never again.
    """
    path = _path(digest)
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _missing(digest) from error
    _refuse_changed(digest, actual)
    return path


def _missing(digest: str) -> ArtefactError:
    return ArtefactError(f"artefact {digest} is not in the store; restore it from the backup of QFL_VAR")


def _refuse_changed(digest: str, actual: str) -> None:
    if actual != digest:
        raise ArtefactError(f"artefact {digest} has changed on disk: its bytes hash to {actual}")


def remove(digest: str) -> None:
    """Forget the bytes, for good; who has the digest can still recognise them elsewhere. Removing twice is nothing."""
    _path(digest).unlink(missing_ok=True)
