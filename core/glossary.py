"""What the figures on pages mean: one entry a figure, in `glossary.toml`, shown beside it by `{% explain %}`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("glossary.toml")


@dataclass(frozen=True)
class Meaning:
    """What one figure says.

    Attributes
    ----------
    also : other names under which it is shown
    range : its values
    zero, one : what these values mean; empty where they are no ends of the range
    action : what to do when it is bad, or missing
    source : what it is computed from
    """

    key: str
    title: str
    meaning: str
    range: str
    action: str
    source: str
    zero: str = ""
    one: str = ""
    also: tuple[str, ...] = ()


@cache
def glossary() -> dict[str, Meaning]:
    """All entries by key."""
    read = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {key: Meaning(key=key, **{**told, "also": tuple(told.get("also", ()))}) for key, told in read.items()}


@cache
def _by_name() -> dict[str, Meaning]:
    names = {name.casefold(): entry for entry in glossary().values() for name in (entry.title, *entry.also)}
    return {**names, **glossary()}


def meaning_of(name: str) -> Meaning | None:
    """The entry of a key or of a title. A card names a metric and whose it is ("accuracy, quantum model")."""
    whole = name.strip().casefold()
    return _by_name().get(whole) or _by_name().get(whole.partition(",")[0])
