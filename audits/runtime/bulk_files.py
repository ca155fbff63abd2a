"""A file of cases as people have it: a table, or a record a line as the gateway takes it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from audits.runtime.declared import Declared
from core.errors import ApplicationError

MAX_ROWS = 5000
MAX_BYTES = 32 * 2**20
MAX_BRACKETS = 1000  # in a record; some libraries raise the limit of recursion so far that deeper nesting is a crash
_SCOPE = ("age", "device", "use")  # what a policy may ask for


def read_file(data: bytes, name: str, declared: Declared) -> list[dict[str, Any]]:
    """The records of a file, not yet checked one by one: that is the gateway's.

    Raises
    ------
    ApplicationError
        If it is no such file; the message says what was expected.
    """
    if len(data) > MAX_BYTES:
        raise ApplicationError(f"Expected a file of at most {MAX_BYTES // 2**20} MiB, got {len(data) / 2**20:.0f} MiB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ApplicationError(f"Expected a text file in UTF-8: {error.reason} at byte {error.start}.") from None
    rows = list(_table(text, declared) if name.lower().endswith(".csv") else _lines(text))
    if not rows:
        raise ApplicationError("Expected at least one case, got none.")
    return rows


def _lines(text: str) -> Iterator[dict[str, Any]]:
    count = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line) if line.count("[") + line.count("{") <= MAX_BRACKETS else None
        except (ValueError, RecursionError) as error:
            raise ApplicationError(f"Line {number}: expected a JSON object, {error}. CSV files end in .csv.") from None
        if not isinstance(row, dict):
            raise ApplicationError(f"Line {number}: expected a JSON object, got {type(row).__name__}.")
        count = _counted(count)
        yield row


def columns_of(declared: Declared) -> list[str]:
    """The columns that a table must have, in any order."""
    return ["event_key", "patient", *declared.feature_names]


def _table(text: str, declared: Declared) -> Iterator[dict[str, Any]]:
    if declared.imaged:
        raise ApplicationError("This version reads images: send a record a line (NDJSON), not a table.")
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        head = list(reader.fieldnames or ())
        known = {*columns_of(declared), *declared.groups, *_SCOPE}
        missing, extra = [c for c in columns_of(declared) if c not in head], [c for c in head if c not in known]
        if missing or extra:
            raise ApplicationError(
                f"Expected the columns {', '.join(columns_of(declared))}, and if wished {', '.join(declared.groups)}; "
                f"missing {', '.join(missing) or 'none'}, not known {', '.join(map(str, extra))[:200] or 'none'}."
            )
        count = 0
        for row in reader:
            count = _counted(count)
            yield _record(row, declared)
    except csv.Error as error:
        raise ApplicationError(f"Line {reader.line_num}: expected a CSV table, {error}.") from None


def _record(row: dict[str, Any], declared: Declared) -> dict[str, Any]:
    """A cell that is no number stays what it is, so that the gateway can say so of its row."""
    record: dict[str, Any] = {
        "event_key": row["event_key"], "patient": row["patient"],
        "attributes": {name: row[name] for name in declared.groups if row.get(name)},
        "features": [_number(row[name]) for name in declared.feature_names],
    }  # fmt: skip
    return record | {name: _number(row[name]) if name == "age" else row[name] for name in _SCOPE if row.get(name)}


def _number(text: Any) -> Any:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return text
    return value if value - value == 0 else text  # JSON has no NaN


def _counted(count: int) -> int:
    if count >= MAX_ROWS:
        raise ApplicationError(f"Expected at most {MAX_ROWS} cases in a file, got more. Cut it into parts.")
    return count + 1
