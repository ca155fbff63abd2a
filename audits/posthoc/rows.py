"""A report's JSON as rows: each figure and item, with the place of its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.spreadsheets import csv_text

COLUMNS = ("section", "item", "what", "value", "at", "ledger_object", "ledger_entry", "evidence")
_SECTIONS = (  # section, field, what it is, its state or outcome, its time
    ("models", "models", "name", "state", None),
    ("training", "training_runs", "model", "state", "started_at"),
    ("audits", "audits", "model", None, "completed_at"),
    ("approvals", "approvals", "subject", "decision", "decided_at"),
    ("deployments", "deployments", "model", "state", "since"),
    ("incidents", "incidents", "description", "kind", "at"),
)


@dataclass(frozen=True)
class Item:
    """One figure or item, and where its evidence stands."""

    section: str
    id: str  # empty: a figure, counted from the items of its section
    what: str
    value: str
    at: str
    object: str  # key of the row in the ledger; empty: see the entry or the section
    entry: int | None

    @property
    def evidence(self) -> str:
        """The address of the evidence on this platform."""
        if self.object:
            return f"/ledger/objects/{self.object}/"
        if self.entry is not None:
            return f"/ledger/{self.entry}/"
        return f"?section={self.section}" if self.section != "trail" else "/ledger/verification/"


def items_of(report: dict[str, Any]) -> list[Item]:
    """Every figure, then every item, in the order of the report. A report of before traces has no objects."""
    traces = {(row["section"], row["id"]): row for row in report.get("traces", [])}
    found = [
        Item(figure.get("evidence", "trail"), "", figure["label"], figure["value"], "", "", None)
        for figure in report["summary"]["figures"]
    ]
    for section, field, what, state, at in _SECTIONS:
        for row in report[field]:
            trace = traces.get((section, row["id"]), {})
            value = _value(row) if state is None else row[state]
            found.append(
                Item(section, row["id"], row[what], value, row[at] if at else "", trace.get("object", ""),
                     trace.get("entry"))
            )  # fmt: skip
    for row in report["changes"]:
        told = f"{row['before']} to {row['after']}"
        found.append(Item("changes", "", row["subject"], told, row["at"], "", row.get("entry")))
    return found


def _value(audit: dict[str, Any]) -> str:
    return audit["bias"]["verdict"] if audit["bias"] else "not assessed"


@dataclass(frozen=True)
class Place:
    """Where the evidence of a report is looked at.

    Attributes
    ----------
    base : str
        Address of the platform; empty where it is not known.
    page : str
        Path of the report's own page of evidence.
    """

    base: str = ""
    page: str = ""

    def of(self, item: Item) -> str:
        """The whole address of an item's evidence."""
        return self.base + (self.page if item.evidence.startswith("?") else "") + item.evidence


def as_csv(report: dict[str, Any], place: Place) -> str:
    """The items as CSV, each with the address of its evidence."""
    return csv_text(
        COLUMNS,
        ([i.section, i.id, i.what, i.value, i.at, i.object, i.entry, place.of(i)] for i in items_of(report)),
    )
