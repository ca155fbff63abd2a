"""What people write, as data: the fields of the record of processing and the sections of an impact assessment."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Activity:
    """A processing activity (GDPR Art. 30). `facts` and `retention` name what the platform fills in."""

    key: str
    title: str
    purpose: str
    persons: str
    data: str
    facts: tuple[str, ...]
    retention: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A section of an impact assessment (GDPR Art. 35); `least` characters count as written."""

    key: str
    title: str
    asks: str
    article: str
    least: int

    def is_written(self, texts: Mapping[str, str]) -> bool:
        return len((texts.get(self.key) or "").strip()) >= self.least


@lru_cache(maxsize=1)
def activities() -> tuple[Activity, ...]:
    return tuple(
        Activity(**{**row, "facts": tuple(row["facts"]), "retention": tuple(row["retention"])})
        for row in _read("activities.toml")["activities"]
    )


@lru_cache(maxsize=1)
def note_fields() -> dict[str, str]:
    """Field -> label, of what people complete of an activity."""
    return dict(_read("activities.toml")["fields"])


@lru_cache(maxsize=1)
def sections() -> tuple[Section, ...]:
    return tuple(Section(**row) for row in _read("assessment.toml")["sections"])


def missing(texts: Mapping[str, str]) -> list[Section]:
    """Sections that are not written yet."""
    return [section for section in sections() if not section.is_written(texts)]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
