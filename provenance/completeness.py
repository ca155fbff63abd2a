"""How much of what happened stands in the log, as it was last measured, and what such a figure cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from core.charts import Chart, Series, line_chart
from core.models import DomainEvent
from core.tables import classify
from provenance.bodies import model_of
from provenance.checking import FINISHED, verification_latest

MEASURES_SHOWN = 48  # two days of hourly ones


@dataclass(frozen=True)
class Counted:
    """How many of the rows that are, or by the log should be, the log gives exactly."""

    found: int
    expected: int

    @property
    def complete(self) -> bool:
        return self.found == self.expected

    @property
    def share(self) -> str:
        return share_words(self.found, self.expected)


@dataclass(frozen=True)
class TableFigure(Counted):
    """One governed or bulk table."""

    table: str
    words: str
    kind: str  # governed or bulk


@dataclass(frozen=True)
class Measure(Counted):
    """The newest measurement of the whole."""

    at: datetime | None
    seconds: float | None
    tables: list[TableFigure]
    differences: list[str]  # in words; also what the check of the log itself found

    @property
    def held(self) -> list[TableFigure]:
        """The tables that hold rows, or by the log should."""
        return [item for item in self.tables if item.expected]

    @property
    def empty(self) -> list[TableFigure]:
        return [item for item in self.tables if not item.expected]


@dataclass(frozen=True)
class ClassOfTable:
    """A table and why it is treated as it is."""

    table: str
    words: str
    kind: str
    reason: str


def share_words(found: int, expected: int) -> str:
    """A share in per cent, never rounded up: 100 % means every row."""
    if expected == 0:
        return "no rows"
    if found == expected:
        return "100 %"
    hundredths = found * 10_000 // expected
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def completeness_latest() -> Measure | None:
    """The newest measurement; None if there was none yet."""
    result = verification_latest()
    if result is None or "rows_expected" not in result:
        return None
    kinds = classify()
    tables = [
        TableFigure(found, expected, table, _words(table), kinds.get(table, ("governed", ""))[0])
        for table, (found, expected) in result["tables"].items()
    ]
    tables.sort(key=lambda item: (item.complete, item.kind != "governed", item.words.lower()))
    return Measure(
        found=result["rows_found"],
        expected=result["rows_expected"],
        at=parse_datetime(result["verified_at"]),
        seconds=result["seconds"],
        tables=tables,
        differences=result["problems"],
    )


def completeness_chart() -> Chart | None:
    """The share over the last measurements, oldest first; None for fewer than two."""
    events = DomainEvent.objects.filter(kind=FINISHED, payload__has_key="rows_expected").order_by("-created_at")
    points = [
        (event.created_at, 100 * event.payload["rows_found"] / event.payload["rows_expected"])
        for event in reversed(events[:MEASURES_SHOWN])
        if event.payload["rows_expected"]
    ]
    if len(points) < 2:
        return None
    return line_chart(
        [Series(_("Rows that the log gives exactly"), points)], title="Completeness at each measurement",
        x_label="Measured (UTC)", y_label="Per cent of rows", y_range=(99.0, 100.0), size="s", key="completeness",
    )  # fmt: skip


def classes_of_tables() -> list[ClassOfTable]:
    """Every table of the schema: governed, bulk, or exempt with its reason."""
    order = {"governed": 0, "bulk": 1, "exempt": 2}
    found = [ClassOfTable(table, _words(table), kind, reason) for table, (kind, reason) in classify().items()]
    return sorted(found, key=lambda item: (order[item.kind], item.words.lower()))


def _words(table: str) -> str:
    model = model_of(table)
    if model is None:
        return table
    name = str(model._meta.verbose_name)
    return name[:1].upper() + name[1:]
