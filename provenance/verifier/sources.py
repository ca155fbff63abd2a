"""Where an exported log lies: a folder, or an ordinary zip of one. Names are checked, sizes are limited."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import Protocol

from provenance.verifier.findings import Unreadable
from provenance.verifier.options import read_file

MAX_FILES = 20_000_000  # of some two billion entries


class Source(Protocol):
    """Files by name."""

    def names(self) -> set[str]:
        """All files, as relative paths with slashes."""

    def read(self, name: str, limit: int) -> bytes:
        """Read a file of at most `limit` bytes."""


class Folder:
    """A folder. Symbolic links and anything but plain files are refused."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> set[str]:
        found: set[str] = set()
        self._collect("", found)
        return found

    def _collect(self, prefix: str, found: set[str]) -> None:
        try:
            with os.scandir(f"{self._path}/{prefix}") as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        self._collect(f"{prefix}{entry.name}/", found)
                    elif entry.is_file(follow_symlinks=False):
                        found.add(f"{prefix}{entry.name}")
                    else:
                        raise Unreadable(f"{entry.path} is not a plain file; an exported log has no links")
        except (OSError, RecursionError) as error:
            raise Unreadable(f"{self._path}/{prefix} cannot be read: {error}") from None
        if len(found) > MAX_FILES:
            raise Unreadable(f"{self._path} holds more than {MAX_FILES} files")

    def read(self, name: str, limit: int) -> bytes:
        return read_file(f"{self._path}/{name}", limit)


class Zipped:
    """A zip of a log, at its top or in one folder. Read member by member, each up to its limit: no bomb unfolds."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            members = [item for item in self._zip.infolist() if not item.is_dir()]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Unreadable(f"{path} is not a whole zip: {error}") from None
        if len(members) > MAX_FILES:
            raise Unreadable(f"{path} holds more than {MAX_FILES} files")
        if any(item.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for item in members):
            raise Unreadable(f"{path} is packed in an unusual way; pack it with an ordinary zip")
        names = [item.filename for item in members]
        top = _top(names)
        self._members = {item.filename.removeprefix(top): item for item in members}
        if len(self._members) != len(members):
            raise Unreadable(f"{path} holds a file twice")

    def names(self) -> set[str]:
        return set(self._members)

    def read(self, name: str, limit: int) -> bytes:
        if name not in self._members:
            raise Unreadable(f"the zip holds no {name}")
        try:
            with self._zip.open(self._members[name]) as file:
                data = file.read(limit + 1)
                if len(data) <= limit and file.read(1):
                    raise Unreadable(f"{name} has another length than the zip says")
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
            ValueError,
        ) as error:
            raise Unreadable(f"{name} cannot be read from the zip: {error}") from None
        if len(data) > limit:
            raise Unreadable(f"{name} is larger than {limit} bytes, which nothing of its kind is")
        return data


def open_source(path: Path) -> Source:
    """The log at a path.

    Raises
    ------
    Unreadable
        If there is none.
    """
    return Folder(path) if path.is_dir() else Zipped(path)


def _top(names: list[str]) -> str:
    """The one folder that all files lie in, if `checkpoint` does not lie at the top."""
    tops = {name.partition("/")[0] for name in names if "/" in name}
    if "checkpoint" in names or len(tops) != 1 or not all("/" in name for name in names):
        return ""
    return f"{tops.pop()}/"
