"""The control mapping as a file: XLSX for people, OSCAL for programs."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils import timezone

from audits.posthoc import mapping
from audits.posthoc.mapping import FrameworkView
from core.workbooks import Cell, workbook
from interop.controls.oscal import oscal_json

ALL = "all"
TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "oscal": "application/oscal+json",
}
_STATES = {
    "there": "evidence there",
    "partly": "partly there",
    "none": "no evidence",
    "not_assessable": "not assessable",
}
_HEAD = ("Reference", "Control", "What it asks for (our words)", "Evidence coverage", "Evidence", "Files", "Newest")
_LINE = ("Framework", "Evidence there", "Partly there", "No evidence", "Not assessable", "Controls")


def exported(key: str, kind: str) -> HttpResponse:
    """One framework, or all of them, as a download."""
    found, _ = mapping.frameworks()
    chosen = [one for one in found if key in {one.key, ALL}]
    if not chosen or kind not in TYPES:
        raise Http404(f"Expected an installed framework, or all, as one of {', '.join(TYPES)}.")
    views, now = mapping.views_of(chosen), timezone.now()
    data = workbook(_sheets(views)) if kind == "xlsx" else oscal_json(views, at=now, version=settings.VERSION)
    name = f"controls-{key}-{now:%Y-%m-%d}.{'xlsx' if kind == 'xlsx' else 'oscal.json'}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(data, content_type=TYPES[kind], headers=headers)


def _sheets(views: Sequence[FrameworkView]) -> list[tuple[str, list[tuple[Cell, ...]]]]:
    overview: list[tuple[Cell, ...]] = [_LINE]
    for view in views:
        told = view.coverage
        overview.append((view.framework.title, told.there, told.partly, told.none, told.not_assessable, told.total))
    return [("Evidence coverage", overview), *((view.framework.title, _rows(view)) for view in views)]


def _rows(view: FrameworkView) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [_HEAD]
    for row in view.controls:
        evidence = "\n".join(f"{found.title}: {found.sentence}" for found in row.findings)
        files = "\n".join(f"{file.name}, SHA-256 {file.digest}, until {file.valid_until}" for file in row.files)
        newest = row.newest.strftime("%Y-%m-%d %H:%M UTC") if row.newest else ""
        control = row.control
        rows.append((control.reference, control.title, control.text, _STATES[row.status], evidence, files, newest))
    return rows
