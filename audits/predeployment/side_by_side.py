"""Where a check has a figure of the quantum model and one of what it is measured beside: both, beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BASELINE = "_baseline"  # a check of this suffix measures the classical twin as the one without it the quantum model
_BESIDE = ("twin", "classical", "rbf", "ablation", "logistic")
MOST_ROWS = 3  # of one table; all of them stand with the check


@dataclass(frozen=True)
class Pair:
    """One figure of both models.

    Attributes
    ----------
    check_id, title : of the check that reports it
    what : which of its figures
    quantum, classical : float, int, str or None
        None where it was not measured.
    quantum_bounds, classical_bounds : pair of float or None
        Where the check gives an interval of each by itself.
    """

    check_id: str
    title: str
    what: str
    quantum: Any
    classical: Any
    quantum_bounds: tuple[float | None, float | None] = (None, None)
    classical_bounds: tuple[float | None, float | None] = (None, None)


def pairs_of(rows: Iterable[Mapping[str, Any]]) -> list[Pair]:
    """Every pair in the content of results: checks with a twin, and tables with a column for each model."""
    known = {row["check_id"]: row for row in rows}
    found = []
    for check_id, row in known.items():
        twin = known.get(f"{check_id}{BASELINE}")
        if twin is not None:
            bounds = [(one["lower"], one["upper"]) for one in (row, twin)]
            found.append(Pair(check_id, row["title"], "the figure of the check", row["value"], twin["value"], *bounds))
        for table in row["tables"]:
            found += _of_table(row, table)
    return found


def _of_table(row: Mapping[str, Any], table: Mapping[str, Any]) -> list[Pair]:
    heads = [str(head).lower() for head in table["columns"]]
    quantum = next((place for place, head in enumerate(heads) if head.startswith("quantum")), None)
    classical = next((place for place, head in enumerate(heads) if head.startswith(_BESIDE)), None)
    if quantum is None or classical is None:
        return []
    name = str(table["columns"][quantum]).removeprefix("Quantum").strip()
    return [
        Pair(row["check_id"], row["title"], _what(line, name), line[quantum], line[classical])
        for line in table["rows"][:MOST_ROWS]
        if line[quantum] is not None or line[classical] is not None
    ]


def _what(line: Sequence[Any], name: str) -> str:
    return f"{line[0]}, {name}" if name else str(line[0])
