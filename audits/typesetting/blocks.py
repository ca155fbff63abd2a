"""The vocabulary between a report and its template: cells, tables, cards.

Everything is plain JSON with finished text, so that the template only lays out. A cell is a list of lines, a line a
list of runs, a run a text with a style.
"""

from typing import Any

Run = dict[str, str]
Cell = list[list[Run]]
Block = dict[str, Any]

TONES = {
    "PASS": "good", "VERIFIED": "good", "evidenced": "good", "approved": "good",
    "FAIL": "bad", "FAILED": "bad", "rejected": "bad", "revoked": "bad", "high": "bad",
    "INCONCLUSIVE": "caution", "NOT VERIFIED": "caution", "medium": "caution", "still standing": "caution",
    "automatic halt": "caution", "manual halt": "caution", "halt by chain": "caution",
    "Pass": "good", "Fail": "bad", "Inconclusive": "caution", "Flagged for review": "caution",
}  # fmt: skip


def text(value: str, style: str = "plain") -> Cell:
    return [[{"text": value, "style": style}]]


def mono(value: str) -> Cell:
    """A digest or identifier in the fixed-width face."""
    return text(value, "mono")


def muted(value: str) -> Cell:
    return text(value, "muted")


def strong(value: str) -> Cell:
    return text(value, "strong")


def badge(value: str) -> Cell:
    """A verdict as a coloured badge; the word carries the meaning, the colour repeats it."""
    return [[{"text": value, "style": "badge", "tone": tone(value)}]]


def refs(pointers: list[str], numbers: dict[str, int]) -> Cell:
    """Links to sections, e.g. "§ 5 AUD-7"; `numbers` gives each section's number."""
    line: list[Run] = []
    for pointer in pointers:
        section, _, item = pointer.partition("/")
        label = f"§\u00a0{numbers[section]}" + (f"\u00a0{item}" if item else "")
        line.append({"text": label, "style": "ref", "target": section})
    return [line] if line else muted("none")


def link(value: str, address: str) -> Cell:
    """A link to a page of the platform; only the text where no address is known."""
    return [[{"text": value, "style": "link", "target": address}]] if address else mono(value)


def stack(*cells: Cell) -> Cell:
    """Cells below one another in one cell."""
    return [line for cell in cells for line in cell]


def table(caption: str, columns: list[tuple[str, float, str]], rows: list[list[Cell]]) -> Block:
    """A table; a column is (heading, relative width, "left" or "right")."""
    heads = [{"head": head, "width": width, "align": align} for head, width, align in columns]
    return {"kind": "table", "caption": caption, "columns": heads, "rows": rows}


def code(value: str) -> Block:
    """Text in the fixed-width face, line by line as it stands."""
    return {"kind": "code", "text": value}


def facts(*rows: tuple[str, Cell]) -> Block:
    """Label and value pairs."""
    return {"kind": "facts", "rows": [[label, value] for label, value in rows]}


def names(label: str, values: list[str]) -> Block:
    """A short list in large letters, for a cover."""
    return {"kind": "names", "label": label, "values": values}


def verdict(label: str, word: str, sentences: list[str]) -> Block:
    """The one outcome that a document is about, large."""
    return {"kind": "verdict", "label": label, "word": word, "tone": tone(word), "sentences": sentences}


def tone(word: str) -> str:
    """The tone of a state; an unknown one is neutral, never guessed into a good or a bad one."""
    return TONES.get(word, "neutral")


def paragraph(value: str) -> Block:
    return {"kind": "text", "text": value}


def empty(value: str) -> Block:
    """What an empty section says: that there was nothing, in words."""
    return {"kind": "empty", "text": value}


def subheading(value: str, verdict: str | None = None, note: str = "") -> Block:
    return {"kind": "subheading", "text": value, "badge": badge(verdict) if verdict else [], "note": note}


def table_or_empty(nothing: str, caption: str, columns: list[tuple[str, float, str]], rows: list[list[Cell]]) -> Block:
    return table(caption, columns, rows) if rows else empty(nothing)
