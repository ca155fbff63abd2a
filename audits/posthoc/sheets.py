"""A report's JSON as a workbook: figures, findings, and one sheet for each list, every item with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audits.posthoc.rows import Place, items_of
from core.spreadsheets import harmless
from core.workbooks import Cell, workbook

LISTS = (  # sheet, field, section of its traces
    ("Models", "models", "models"),
    ("Training runs", "training_runs", "training"),
    ("Audits", "audits", "audits"),
    ("Decisions", "approvals", "approvals"),
    ("Deployments", "deployments", "deployments"),
    ("Halts and incidents", "incidents", "incidents"),
    ("Changes", "changes", "changes"),
    ("Beside the last report", "comparisons", ""),
    ("Controls", "controls", ""),
    ("Evidence", "evidence", ""),
)
Sheet = tuple[str, list[tuple[Cell, ...]]]


def as_workbook(report: dict[str, Any], place: Place) -> bytes:
    """The workbook (XLSX). No cell is a formula, and none becomes one when it is edited or saved as CSV."""
    return workbook([_summary(report, place), *(_list(report, *entry, place.base) for entry in LISTS)])


def _summary(report: dict[str, Any], place: Place) -> Sheet:
    rows: list[tuple[Cell, ...]] = [("What", "Value", "Note", "Evidence")]
    period = report["period"]
    rows.append(("Report", report["report_id"], f"{period['start']} to {period['end']}", ""))
    for figure, item in zip(report["summary"]["figures"], items_of(report), strict=False):
        rows.append(tuple(map(_cell, (figure["label"], figure["value"], figure["note"], place.of(item)))))
    for kind in ("findings", "recommendations"):
        for sentence in report["summary"][kind]:
            rows.append(tuple(map(_cell, (kind, sentence["severity"], sentence["text"], sentence["evidence"]))))
    return "Summary", rows


def _list(report: dict[str, Any], name: str, field: str, section: str, base: str) -> Sheet:
    """All scalar fields of the items, and lists of words; what is nested deeper is in the JSON."""
    items: Sequence[dict[str, Any]] = report[field]
    columns = [key for key in (dict.fromkeys(key for item in items for key in item)) if _flat(items, key)]
    traced = {(row["section"], row["id"]): row for row in report.get("traces", [])}
    rows: list[tuple[Cell, ...]] = [(*columns, "ledger row", "ledger entry", "evidence")]
    for item in items:
        trace = traced.get((section, item.get("id")), {})
        entry = trace.get("entry", item.get("entry") if field == "changes" else None)
        page = f"/ledger/objects/{trace['object']}/" if trace else f"/ledger/{entry}/" if entry is not None else ""
        told = (_cell(item.get(key)) for key in columns)
        rows.append((*told, trace.get("object"), entry, base + page if page else None))
    return name, rows


def _flat(items: Sequence[dict[str, Any]], key: str) -> bool:
    def flat(value: Any) -> bool:
        return not isinstance(value, dict) and not (isinstance(value, list) and any(isinstance(v, dict) for v in value))

    return all(flat(item.get(key)) for item in items)


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return harmless(value) if isinstance(value, str) else value
