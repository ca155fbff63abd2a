"""Canonical zip files: for the same contents, the same bytes, everywhere and always.

Members are stored, not compressed: no bomb can hide in them, and no version of zlib can change the bytes. The reader
accepts exactly what the writer writes, so two archives that differ in any byte differ in their contents. Every zip tool
opens them.

References
----------
.. [1] PKWARE APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping

from provenance.domain.errors import FormatError

MAX_ARCHIVE_BYTES = 1 << 30
MAX_MEMBERS = 65_534  # 65,535 would announce zip64
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION, _DATE, _UNIX = 20, 0x21, 3  # features of zip 2.0; 1 January 1980; file modes are Unix's
_MODE = 0o100644 << 16


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """Write files by name into a canonical zip.

    Raises
    ------
    FormatError
        If a name is not a plain relative path, or the whole exceeds 1 GiB or 65,534 members.
    """
    if len(members) > MAX_MEMBERS:
        raise FormatError(f"expected at most {MAX_MEMBERS} files in an archive, got {len(members)}")
    if sum(map(len, members.values())) + 256 * len(members) > MAX_ARCHIVE_BYTES:
        raise FormatError(f"expected at most {MAX_ARCHIVE_BYTES} bytes in an archive, got more")
    files, directory, at = [], [], 0
    for name in sorted(members):
        if not _NAME.fullmatch(name) or len(name) > 200:
            raise FormatError(f"expected a plain relative path as a file's name, got {name[:80]!r}")
        data, raw = members[name], name.encode()
        common = (0, 0, 0, _DATE, zlib.crc32(data), len(data), len(data))
        head = _LOCAL.pack(b"PK\x03\x04", _VERSION, *common, len(raw), 0)
        files += [head, raw, data]
        made_by = _VERSION | _UNIX << 8
        directory += [
            _CENTRAL.pack(b"PK\x01\x02", made_by, _VERSION, *common, len(raw), 0, 0, 0, 0, _MODE, at),
            raw,
        ]
        at += len(head) + len(raw) + len(data)
    size, count = sum(map(len, directory)), len(members)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, size, at, 0)
    return b"".join([*files, *directory, end])


def read_archive(data: bytes) -> dict[str, bytes]:
    """Read a canonical zip.

    Raises
    ------
    FormatError
        If the bytes are not exactly what `write_archive` writes: cut short, damaged, packed again by another tool.
    """
    if len(data) > MAX_ARCHIVE_BYTES:
        raise FormatError(f"expected an archive of at most {MAX_ARCHIVE_BYTES} bytes, got {len(data)}")
    if data[:2] != b"PK":
        raise FormatError("expected a zip file, got something else")
    members: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04" and at + _LOCAL.size <= len(data):
        *_, size, name_length, extra_length = _LOCAL.unpack_from(data, at)
        start = at + _LOCAL.size + name_length
        name = data[at + _LOCAL.size : start].decode("ascii", "replace")
        if extra_length or start + size > len(data) or name in members:
            raise _not_canonical(f"the file at byte {at} is cut short, repeated or carries extra fields")
        members[name] = data[start : start + size]
        at = start + size
    if write_archive(members) != data:
        raise _not_canonical(f"{len(members)} whole files, and other bytes than those files give")
    return members


def _not_canonical(what: str) -> FormatError:
    return FormatError(
        f"expected a zip in its only form, got one that is cut short, damaged or packed again ({what}); "
        "ask for the file as it was made"
    )
