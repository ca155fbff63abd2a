"""Streaming a table that somebody else wrote: CSV with a header, plain or compressed with gzip, of any length."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from federation.domain.data.dataset import DataError

_REMEDY = "Copy the file again from the original set."


def stream_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Read some columns of a table row by row; memory does not grow with the file.

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
        If the file is absent, damaged or not UTF-8, a column is missing, or a row has another number of cells than the
        header.
    """
    path = table_path(path)
    line = 1
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as raw:
            rows = csv.reader((text.decode("utf-8-sig" if n == 0 else "utf-8") for n, text in enumerate(raw)))
            header = next(rows, [])
            places = [_place(path, header, column) for column in columns]
            for cells in rows:
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
        expected = "a whole gzip file"
        raise DataError(str(path), expected=expected, got=f"damaged bytes ({error})", remedy=_REMEDY) from error
    except OSError as error:
        got = error.strerror or type(error).__name__
        remedy = "Put the file where the set has it."
        raise DataError(str(path), expected="a readable table", got=got, remedy=remedy) from error
    except UnicodeDecodeError as error:
        expected = "UTF-8 text after this line"
        raise DataError(str(path), line=line, expected=expected, got="other bytes", remedy=_REMEDY) from error
    except csv.Error as error:
        expected = "comma-separated values after this line"
        raise DataError(str(path), line=line, expected=expected, got=str(error), remedy=_REMEDY) from error


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
