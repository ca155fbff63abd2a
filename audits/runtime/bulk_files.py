"""A file of cases as people have it: a table, or a record a line as the gateway takes it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext as _

from audits.runtime.declared import Declared
from core.errors import ApplicationError

MAX_ROWS = 5000
MAX_BYTES = 32 * 2**20
MAX_BRACKETS = 200  # in a record; what is nested deeper could be read here and, further down the stack, not be written
Row = dict[str, Any] | str  # a record; or why the gateway could not even be asked about it
_SCOPE = ("age", "device", "use")  # what a policy may ask for


def read_file(data: bytes, name: str, declared: Declared) -> list[Row]:
    """The records of a file, not yet checked one by one: that is the gateway's.

    Raises
    ------
    ApplicationError
        If it is no such file; the message says what was expected.
    """
    if len(data) > MAX_BYTES:
        raise ApplicationError(
            _("Expected a file of at most %(max_bytes)s MiB, got %(n)s MiB.")
            % {"max_bytes": MAX_BYTES // 2**20, "n": f"{len(data) / 2**20:.0f}"}
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ApplicationError(
            _("Expected a text file in UTF-8: %(reason)s at byte %(start)s.")
            % {"reason": error.reason, "start": error.start}
        ) from None
    rows = list(_table(text, declared) if name.lower().endswith(".csv") else _lines(text))
    if not rows:
        raise ApplicationError("Expected at least one case, got none.")
    return rows


def _lines(text: str) -> Iterator[Row]:
    count = 0
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line) if line.count("[") + line.count("{") <= MAX_BRACKETS else None
        except (ValueError, RecursionError) as error:
            raise ApplicationError(
                _("Line %(number)s: expected a JSON object, %(error)s. CSV files end in .csv.")
                % {"number": number, "error": error}
            ) from None
        if not isinstance(row, dict):
            raise ApplicationError(
                _("Line %(number)s: expected a JSON object, got %(name)s.")
                % {"number": number, "name": type(row).__name__}
            )
        count = _counted(count)
        yield _not_json(row) or row


def _not_json(row: dict[str, Any]) -> str:
    """Why a request with this record in it would be refused whole: Python reads more than JSON may say."""
    try:
        json.dumps(row, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "record: expected text in Unicode, got half of a surrogate pair"
    except ValueError:
        return "record: expected finite numbers, got NaN, infinity or a number beyond 1e308"
    return ""


def columns_of(declared: Declared) -> list[str]:
    """The columns that a table must have, in any order."""
    return ["event_key", "patient", *declared.feature_names]


def optional_columns(declared: Declared) -> list[str]:
    """The columns that a table may have, too."""
    return [*declared.groups, *(f"scope_{name}" for name in _SCOPE)]


def _scope_columns(declared: Declared) -> dict[str, str]:
    """Columns that say what the policy may limit, each with its field of the record.

    The plain name will do unless it means something else: a feature `age` is scaled, the policy's age is in years.
    """
    taken = {*columns_of(declared), *declared.groups}
    return {column: name for name in _SCOPE for column in (f"scope_{name}", name) if column not in taken}


def _table(text: str, declared: Declared) -> Iterator[Row]:
    if declared.imaged:
        raise ApplicationError("This version reads images: send a record a line (NDJSON), not a table.")
    reader, count, scope = csv.reader(io.StringIO(text), strict=True), 0, _scope_columns(declared)
    try:
        head = next(reader, [])
        _check_head(head, declared, scope)
        for cells in filter(None, reader):  # without empty lines
            count = _counted(count)
            yield _record(head, cells, declared, scope)
    except csv.Error as error:
        raise ApplicationError(
            _("Line %(line_num)s: expected a CSV table, %(error)s.") % {"line_num": reader.line_num, "error": error}
        ) from None


def _check_head(head: Sequence[str], declared: Declared, scope: dict[str, str]) -> None:
    wanted, optional, given = columns_of(declared), optional_columns(declared), Counter(head)
    known = {*wanted, *optional, *scope}
    missing, extra = [c for c in wanted if c not in given], [c for c in given if c not in known]
    if missing or extra:
        raise ApplicationError(
            _("Expected the columns %(declared)s, and if wished %(groups)s; missing %(missing)s, not known %(str)s.")
            % {
                "declared": ", ".join(wanted),
                "groups": ", ".join(optional),
                "missing": ", ".join(missing) or _("none"),
                "str": ", ".join(extra)[:200] or _("none"),
            }
        )
    said = Counter(scope[c] for c in given if c in scope)
    twice = [c for c in given if given[c] > 1 or said[scope.get(c, "")] > 1]
    if twice:
        raise ApplicationError(
            _("Expected each column once, got more than one of %(columns)s. Keep one of them.")
            % {"columns": ", ".join(twice)[:200]}
        )


def _record(head: Sequence[str], cells: Sequence[str], declared: Declared, scope: dict[str, str]) -> Row:
    """A cell that is no number stays what it is, so that the gateway can say so of its row."""
    if len(cells) != len(head):
        return (
            f"row: expected {len(head)} cells as the first line has, got {len(cells)}. Put a cell with a comma in "
            "quotes, and leave a cell empty where there is nothing to say"
        )
    row = dict(zip(head, cells, strict=True))
    record: dict[str, Any] = {
        "event_key": row["event_key"], "patient": row["patient"],
        "attributes": {name: row[name] for name in declared.groups if row.get(name)},
        "features": [_number(row[name]) for name in declared.feature_names],
    }  # fmt: skip
    told = {name: row[column] for column, name in scope.items() if row.get(column)}
    return record | {name: _number(cell) if name == "age" else cell for name, cell in told.items()}


def _number(text: str) -> float | str:
    try:
        value = float(text)
    except ValueError:
        return text
    return value if value - value == 0 else text  # JSON has no NaN


def _counted(count: int) -> int:
    if count >= MAX_ROWS:
        raise ApplicationError(
            _("Expected at most %(max_rows)s cases in a file, got more. Cut it into parts.") % {"max_rows": MAX_ROWS}
        )
    return count + 1
