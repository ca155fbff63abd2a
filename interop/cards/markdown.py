"""A card as Markdown (CommonMark). What people wrote is text, never markup."""

from __future__ import annotations

import re

from interop.cards.document import CardDocument
from models_registry.card_text import NOT_STATED

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)


def markdown(card: CardDocument) -> str:
    lines = [f"# Model card of {escaped(card.name)}", "", f"Under the headings of the {escaped(card.schema)}.", ""]
    if card.synthetic:
        lines += ["**The data are synthetic: no patient is described.**", ""]
    lines += [f"- {term}: {escaped(value)}" for term, value in card.facts]
    for part in card.parts:
        lines += ["", f"## {escaped(part.title)}"]
        for line in part.lines:
            text = f"*{NOT_STATED}*" if line.text is None else escaped(line.text)
            lines += ["", f"### {escaped(line.element.title)}", "", text]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; line breaks are kept."""
    kept = _AT_START.sub(_guarded, _SPECIAL.sub(r"\\\1", text.replace("\r\n", "\n")))
    return kept.replace("\n", "  \n")


def _guarded(found: re.Match[str]) -> str:
    space, mark = found.groups()
    return f"{space}{mark[:-1]}\\{mark[-1]}"
