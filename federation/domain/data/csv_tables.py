"""Streaming a table that somebody else wrote: CSV with a header, plain or compressed with gzip, of any length."""

from __future__ import annotations

import csv
import errno
import gzip
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path

from federation.domain.data.dataset import DataError

MAX_ROW = 64 * 2**10  # bytes; a file of 65 kB can inflate to one line of 64 MB
MAX_TABLE = 512 * 2**20  # bytes, inflated; the largest of these tables, MIMIC-IV's admissions, has some 110 MB
MAX_SMALL = 4 * 2**20  # bytes of a table that is read at once
_REMEDY = "Copy the file again from the original set."


def stream_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Read some columns of a table row by row: one row is in memory, of at most `MAX_ROW` bytes; in all `MAX_TABLE`.

    Parameters
    ----------
    path : Path
        Of the plain table, ``<name>.csv``; ``<name>.csv.gz`` beside it is read if it exists.
    columns : sequence of str
        In the order wanted. ``a|b`` is the column ``a``, or ``b`` where there is no ``a``.

    Yields
    ------
    line, cells : int, tuple of str
        The number of the row's (last) line, from 1 for the header, and the cells without surrounding blanks.

    Raises
    ------
    DataError
        If the file is absent, damaged, too large or not UTF-8, a column is missing, or a row has another number of
        cells than the header.
    """
    path = table_path(path)
    line = 1
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as raw:
            lines = _Lines(raw)
            rows = csv.reader(lines)
            header = next(rows, [])
            places = [_place(path, header, column) for column in columns]
            lines.end_row()
            for cells in rows:
                lines.end_row()
                line = rows.line_num
                if len(cells) != len(header):
                    got = f"{len(cells)}" if cells else "an empty line"
                    raise DataError(
                        str(path),
                        line=line,
                        expected=f"{len(header)} columns as in the header",
                        got=got,
                        remedy=_REMEDY,
                    )
                yield line, tuple(cells[place].strip() for place in places)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        expected = f"{path.name} as a whole gzip file"
        raise DataError(str(path), expected=expected, got=f"damaged bytes ({error})", remedy=_REMEDY) from error
    except OSError as error:
        got = error.strerror or type(error).__name__
        remedy = "Put the file where the set has it."
        raise DataError(str(path), expected=f"a readable table {path.name}", got=got, remedy=remedy) from error
    except UnicodeDecodeError as error:
        expected = "UTF-8 text after this line"
        raise DataError(str(path), line=line, expected=expected, got="other bytes", remedy=_REMEDY) from error
    except csv.Error as error:
        expected = "comma-separated values after this line"
        raise DataError(str(path), line=line, expected=expected, got=str(error), remedy=_REMEDY) from error


class _Lines:
    """The lines of a table, as long as its rows and all of it are within the bounds. A row can go over many lines."""

    def __init__(self, raw: BufferedIOBase) -> None:
        self._raw, self._first = raw, True
        self._row, self._table = MAX_ROW, MAX_TABLE  # bytes that are left

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        text = self._raw.readline(self._row + 1)
        if not text:
            raise StopIteration
        self._row -= len(text)
        self._table -= len(text)
        if self._row < 0:
            raise csv.Error(f"a row of more than {MAX_ROW} bytes")
        if self._table < 0:
            raise csv.Error(f"a table of more than {MAX_TABLE} bytes")
        encoding, self._first = "utf-8-sig" if self._first else "utf-8", False
        return text.decode(encoding)

    def end_row(self) -> None:
        self._row = MAX_ROW


def read_small(path: Path) -> bytes:
    """A whole table that is read at once.

    Raises
    ------
    OSError
        Also if it has more than `MAX_SMALL` bytes.
    """
    with path.open("rb") as raw:
        content = raw.read(MAX_SMALL + 1)
    if len(content) > MAX_SMALL:
        raise OSError(errno.EFBIG, f"a file of more than {MAX_SMALL} bytes")
    return content


def table_path(path: Path) -> Path:
    """The compressed table if there is one, else the plain one."""
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.exists() else path


def _place(path: Path, header: Sequence[str], column: str) -> int:
    names = [name.strip() for name in header]
    place = next((names.index(name) for name in column.split("|") if name in names), None)
    if place is None:
        expected = f"a header with the column {column.replace('|', ' or ')}"
        raise DataError(str(path), line=1, expected=expected, got=", ".join(names) or "an empty file", remedy=_REMEDY)
    return place
