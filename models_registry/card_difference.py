"""What changed between two editions of a card, word by word, and how two people's edits of one card are joined."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from models_registry.card_schema import WRITTEN
from models_registry.card_text import Content, parts_of

_WORDS = re.compile(r"\s+|[^\s]+")
MOST_WORDS = 3000  # of both texts: above it the comparison would take seconds, and the texts are shown whole


@dataclass(frozen=True)
class Piece:
    """A stretch of text: "same", "added" or "removed"."""

    kind: str
    text: str


@dataclass(frozen=True)
class Change:
    """One element that differs."""

    section: str
    title: str
    before: str | None
    after: str | None

    @property
    def pieces(self) -> list[Piece]:
        return list(_pieces(self.before or "", self.after or ""))


@dataclass(frozen=True)
class Clash:
    """An element that two people changed, each in their own way, since the edition that one of them began from."""

    name: str
    before: str
    theirs: str
    mine: str

    @property
    def title(self) -> str:
        return WRITTEN[self.name].title


@dataclass(frozen=True)
class Joined:
    """Two people's texts in one."""

    texts: dict[str, str]
    taken: tuple[str, ...]  # names that only the other one changed
    clashes: tuple[Clash, ...]


def changes_between(before: Content, after: Content) -> list[Change]:
    """The elements that differ, in the order of the card."""
    old = {(part.title, line.element.title): line.text for part in parts_of(before) for line in part.lines}
    new = {(part.title, line.element.title): line.text for part in parts_of(after) for line in part.lines}
    names = [*new, *(name for name in old if name not in new)]
    return [Change(*name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def joined(base: Mapping[str, str], theirs: Mapping[str, str], mine: Mapping[str, str]) -> Joined:
    """Join what two people made of the same texts; an empty text is one that was removed.

    Parameters
    ----------
    base : the texts that both began from
    theirs : the texts as they stand now
    mine : the texts as the second one wants them
    """
    texts, taken, clashes = {}, [], []
    for name in WRITTEN:
        before, now, wanted = (kept.get(name, "") for kept in (base, theirs, mine))
        chosen = now if wanted == before else wanted
        if now != before and wanted == before:
            taken.append(name)
        elif now != before and wanted != now:
            clashes.append(Clash(name, before, now, wanted))
        if chosen:
            texts[name] = chosen
    return Joined(texts, tuple(taken), tuple(clashes))


def _pieces(before: str, after: str) -> Iterator[Piece]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if len(old) + len(new) > MOST_WORDS:
        yield Piece("removed", before)
        yield Piece("added", after)
        return
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(old[i:j]))
            continue
        if i < j:
            yield Piece("removed", "".join(old[i:j]))
        if k < m:
            yield Piece("added", "".join(new[k:m]))
