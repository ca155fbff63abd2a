"""A file of cases as people have it: a table, or a record a line as the gateway takes it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

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


def _lines(text: str) -> Iterator[dict[str, Any]]:
    count = 0
    for number, line in enumerate(text.splitlines(), start=1):
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
                _(
                    "Expected the columns %(declared)s, and if wished %(groups)s; missing %(missing)s, not known "
                    "%(str)s."
                )
                % {
                    "declared": ", ".join(columns_of(declared)),
                    "groups": ", ".join(declared.groups),
                    "missing": ", ".join(missing) or _("none"),
                    "str": ", ".join(map(str, extra))[:200] or _("none"),
                }
            )
        count = 0
        for row in reader:
            count = _counted(count)
            yield _record(row, declared)
    except csv.Error as error:
        raise ApplicationError(
            _("Line %(line_num)s: expected a CSV table, %(error)s.") % {"line_num": reader.line_num, "error": error}
        ) from None


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
        raise ApplicationError(
            _("Expected at most %(max_rows)s cases in a file, got more. Cut it into parts.") % {"max_rows": MAX_ROWS}
        )
    return count + 1
