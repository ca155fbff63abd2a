"""Files in and out of a seal, through pipes: nothing is written in clear on the way."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import ApplicationError
from protection.domain import envelope

# Of the state folder: private keys; what this machine remembers of the log, which is there to find an old backup out;
# other people's folders (sites, a trial's servers); what processes make anew.
LEFT_OUT = frozenset({"keys", "health", "static", "log", "servers", "sites", "demo", "mail"})


def seal_from(write: Callable[[BinaryIO], None], path: Path, *, key: bytes, name: str) -> None:
    """Seal into a new file what `write` writes into a pipe, as it comes."""
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def produce() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe:
                write(pipe)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failed.append(error)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    with os.fdopen(reading, "rb") as source, path.open("xb") as target:
        envelope.seal(source, target, key=key, name=name)
        target.flush()
        os.fsync(target.fileno())
    thread.join()
    if failed:
        raise failed[0]


def unsealed(path: Path, *, key: bytes, name: str) -> Iterator[bytes]:
    """The content of a sealed file.

    Raises
    ------
    ApplicationError
        If it cannot be read, or is not what was sealed.
    """
    try:
        with path.open("rb") as source:
            yield from envelope.opened(source, key=key, name=name)
    except OSError as error:
        raise ApplicationError(f"{path}: {error.strerror}.") from None
    except envelope.SealBroken as error:
        raise ApplicationError(f"The backup was changed: {error}. Nothing was restored from it.") from None


def told(path: Path) -> dict[str, Any]:
    """Digest and size of a file, as the manifest names them."""
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": path.stat().st_size}


def archive(var: Path, pipe: BinaryIO) -> None:
    """Write the state folder as a tar archive, without what is left out on purpose."""
    with tarfile.open(fileobj=pipe, mode="w|") as made:
        for path in sorted(var.iterdir()) if var.is_dir() else []:
            if path.name not in LEFT_OUT and not path.name.startswith("beat-schedule"):
                made.add(path, arcname=path.name, filter=_regular)
        # The public halves of the log's keys; their list holds no secret, wherever it lies.
        lists = [path for path in (var / "keys" / "log" / "index.json", var / "log" / "keys.json") if path.is_file()]
        for path in lists[:1]:
            made.add(path, arcname="log/keys.json")


def extract(parts: Iterator[bytes], folder: Path) -> None:
    """Unpack an archive into a folder; a member that leads out of it, or is no plain file, is refused."""
    with tarfile.open(fileobj=_Reader(parts), mode="r|") as found:
        found.extractall(folder, filter="data")
    for _ in parts:  # what follows the archive's end is checked too
        pass


def _regular(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isfile() or member.isdir() else None


class _Reader(io.RawIOBase):
    """Chunks as a file that is read from its beginning."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = memoryview(part)
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
