"""A board's data as it arrives: a ZIP from somebody outside, unpacked with suspicion. No Django here.

Nothing that the archive says of itself is believed: sizes are counted while unpacking, and names are checked before.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

MOST_BYTES = 256 * 2**20  # of the archive
MOST_UNPACKED = 2 * 2**30
MOST_FILES = 20_000
# MIMIC-CXR has files/p10/p10000032/s50414267/<image>; a folder around it, and on a Mac __MACOSX around that, add two.
MOST_DEPTH = 7
MOST_NAME = 200
_CHUNK = 2**20
_MAGIC = b"qflethics/external-data/v1\n"
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class ArchiveError(ValueError):
    """An archive that will not be unpacked. The text says what was expected and what came."""


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sealed_in(data: bytes, owner: str) -> bytes:
    """What is stored: the archive behind a header with its owner, so that no other artefact has the same bytes.

    Withdrawing one board's data can then never remove anything else from the store.
    """
    return _MAGIC + owner.encode() + b"\n" + data


def taken_out(stored: bytes, owner: str) -> bytes:
    """The archive again.

    Raises
    ------
    ArchiveError
        If it is not this owner's.
    """
    header = _MAGIC + owner.encode() + b"\n"
    if not stored.startswith(header):
        raise ArchiveError("expected a data set of this audit, got other bytes")
    return stored[len(header) :]


def members(data: bytes) -> list[zipfile.ZipInfo]:
    """The files of an archive, each with a name that stays inside.

    Raises
    ------
    ArchiveError
        If it is no ZIP, too large, encrypted, or names anything but plain files in plain folders.
    """
    if len(data) > MOST_BYTES:
        raise ArchiveError(f"expected at most {MOST_BYTES:,} bytes, got {len(data):,}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, OverflowError, NotImplementedError) as error:
        raise ArchiveError(f"expected a ZIP archive, got something else ({error})") from error
    if len(entries) > MOST_FILES:
        raise ArchiveError(f"expected at most {MOST_FILES:,} files, got {len(entries):,}")
    files = [entry for entry in entries if not entry.is_dir()]
    seen: set[str] = set()
    for entry in entries:
        _check(entry)
        folded = entry.filename.rstrip("/").casefold()
        if folded in seen:
            raise ArchiveError(f"expected each name once, got {entry.filename!r} twice")
        seen.add(folded)
    if not files:
        raise ArchiveError("expected at least one file, got an empty archive")
    if (told := sum(entry.file_size for entry in files)) > MOST_UNPACKED:
        raise ArchiveError(f"expected at most {MOST_UNPACKED:,} bytes unpacked, got {told:,}")
    return files


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts and path.parts
    if not inside or any(sign in name for sign in "\\:\0") or not name.isprintable():
        raise ArchiveError(f"expected names inside the archive, got {name!r}")
    if len(name) > MOST_NAME or len(path.parts) > MOST_DEPTH:
        raise ArchiveError(f"expected names of {MOST_NAME} characters and {MOST_DEPTH} levels at most, got {name!r}")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"expected files and folders only, got a link or a device: {name!r}")
    if entry.flag_bits & 1:
        raise ArchiveError(f"expected no password, got an encrypted file: {name!r}")
    if entry.compress_type not in _METHODS:
        raise ArchiveError(f"expected files that are stored or deflated, got method {entry.compress_type}: {name!r}")


@contextmanager
def unpacked(data: bytes) -> Iterator[Path]:
    """The archive in a folder that is removed afterwards; a single folder around everything is stepped into.

    Raises
    ------
    ArchiveError
        As `members`; and if the files are larger than they said, or damaged.
    """
    files = members(data)
    with TemporaryDirectory(prefix="board-") as folder:
        root, left = Path(folder), MOST_UNPACKED
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in files:
                left -= _unpack(archive, entry, root / entry.filename, left)
        yield _stepped_into(root)


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Write one file, and stop where the archive becomes larger than allowed. Returns its size."""
    written = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, target.open("xb") as out:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > left:
                    raise ArchiveError(f"expected at most {MOST_UNPACKED:,} bytes unpacked, got more")
                out.write(chunk)
    except ArchiveError:
        raise
    except Exception as error:  # zlib, struct and zipfile raise many kinds, without a common base
        raise ArchiveError(f"expected an intact file, got {entry.filename!r}: {error}") from error
    return written


def _stepped_into(root: Path) -> Path:
    inside = [entry for entry in root.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else root
