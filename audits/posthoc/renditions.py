"""The files of a report: all made of the same frozen JSON, at the same moment. None computes a figure of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audits.posthoc import rows, sheets


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    title: str
    media_type: str


KINDS: dict[str, Kind] = {
    "pdf": Kind("PDF", "application/pdf"),
    "html": Kind("HTML", "text/html; charset=utf-8"),
    "xlsx": Kind("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "csv": Kind("CSV", "text/csv; charset=utf-8"),
    "json": Kind("JSON", "application/json"),
}


def render_all(complete: dict[str, Any], *, charts: Mapping[str, str], place: rows.Place) -> dict[str, bytes]:
    """Every file of a report, by kind; `complete` is as `rendering.complete` returns it."""
    from audits.posthoc import rendering  # typst and the schema cost time to import

    return {
        "pdf": rendering.render_pdf(complete, charts=charts, base=place.base),
        "html": rendering.render_html(complete, charts=charts, base=place.base),
        "xlsx": sheets.as_workbook(complete, place),
        "csv": rows.as_csv(complete, place).encode(),
        "json": rendering.report_bytes(complete),
    }
