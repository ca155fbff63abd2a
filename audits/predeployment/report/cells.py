"""A check's own tables and values as the report shows them, whatever they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.typesetting import formats as f
from audits.typesetting.blocks import Block, Cell, muted, paragraph, strong, table_or_empty, text
from core.charts.svg import number
from core.tones import look_of

MOST_ROWS = 60  # printed of one table; all of them are in the attached JSON
NARROW, WIDE = 5, 30  # characters: what a column is given at least, and how much text makes it no wider
_ABSENT = "not measured"


def words_of(state: str) -> str:
    """A verdict as a badge writes it, as on the pages."""
    return look_of(state).label


def shown(value: Any, *, absent: str = _ABSENT) -> str:
    """A value whose kind is not known beforehand."""
    if value is None:
        return absent
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f.count(value).replace("-", "\u2212")
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{str(name).replace('_', ' ')} {shown(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value)
    return str(value)


def alike(values: Sequence[Any], *, absent: str = _ABSENT) -> list[str]:
    """Values that are read beside each other: numbers of everyday size with three decimals each, as in sentences."""
    floats = [abs(v) for v in values if isinstance(v, float)]
    plain = floats and all(v < 1000 and (v == 0 or v >= 0.001) for v in floats)
    return [f.number(v) if plain and isinstance(v, float) else shown(v, absent=absent) for v in values]


def result_table(given: Mapping[str, Any]) -> list[Block]:
    """One table of a result, its columns as wide as their texts need, and its note."""
    columns, rows = given["columns"], given["rows"]
    columns_shown = [alike(column) for column in zip(*rows[:MOST_ROWS], strict=True)]
    cells = [
        [_cell(value, said, first=place == 0) for place, (value, said) in enumerate(zip(row, words, strict=True))]
        for row, words in zip(rows[:MOST_ROWS], zip(*columns_shown, strict=True), strict=True)
    ]
    nothing = f"{given['title']}: no rows."
    found = [table_or_empty(nothing, given["title"], _columns(columns, rows[:MOST_ROWS]), cells)]
    if len(rows) > MOST_ROWS:
        found.append(paragraph(f"The first {MOST_ROWS} of {len(rows)} rows; the attached JSON has all of them."))
    if given.get("note"):
        found.append(paragraph(given["note"]))
    return found


def _cell(value: Any, said: str, *, first: bool) -> Cell:
    if value is None:
        return muted(_ABSENT)
    return strong(said) if first else text(said)


def _columns(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[tuple[str, float, str]]:
    found = []
    for place, head in enumerate(heads):
        values = [row[place] for row in rows]
        texts = [shown(value) for value in values]
        word = max((len(word) for words in (head, *texts) for word in words.split()), default=NARROW)
        width = max(NARROW, word, min(WIDE, max(map(len, texts), default=0)))
        numbers = values and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in values if v is not None
        )
        found.append((head, float(min(width, WIDE)), "right" if numbers and place else "left"))
    return found
