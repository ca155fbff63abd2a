"""The shape of a report's JSON as JSON Schema (2020-12), made from the types that every report is checked against."""

from __future__ import annotations

import json
from functools import cache

import msgspec

SCHEMA_ID = "urn:qfl-ethics:biannual-report:1"


@cache
def schema_text() -> str:
    """The schema, as text. The file `docs/report.schema.json` is this text."""
    from audits.posthoc.rendering import Report

    made = msgspec.json.schema(Report)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, "title": "Report of a period"}
    return json.dumps({**head, **made}, indent=1, sort_keys=True) + "\n"
