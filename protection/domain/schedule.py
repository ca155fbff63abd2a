"""The classes of records and how long each is kept by default, as data: schedule.toml beside this."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

ACTIONS = ("delete", "pseudonymise", "keep", "none")


@dataclass(frozen=True)
class RecordClass:
    """A class of records.

    Attributes
    ----------
    days, least_days : int
        The shipped period, and the shortest that may be set. 0: without an end, or not held at all.
    where : str
        Where the period is set, if not in the schedule; then it cannot be set there.
    """

    key: str
    title: str
    holds: str
    start: str
    action: str
    basis: str
    days: int = 0
    least_days: int = 0
    where: str = ""

    @property
    def is_carried_out(self) -> bool:
        """Whether the schedule removes anything of it."""
        return self.action in ("delete", "pseudonymise")

    @property
    def may_be_set(self) -> bool:
        return self.is_carried_out and not self.where


def read_schedule(content: Mapping[str, Any]) -> tuple[RecordClass, ...]:
    """The classes of a parsed file.

    Raises
    ------
    ValueError
        If a class says something that cannot be.
    """
    found = tuple(RecordClass(**row) for row in content["classes"])
    for one in found:
        if one.action not in ACTIONS:
            raise ValueError(f"{one.key}: expected an action among {', '.join(ACTIONS)}, got {one.action!r}")
        if one.is_carried_out and not 1 <= one.least_days <= one.days:
            raise ValueError(f"{one.key}: expected 1 <= least_days <= days, got {one.least_days} and {one.days}")
    if len({one.key for one in found}) != len(found):
        raise ValueError("two classes have one key")
    return found


@lru_cache(maxsize=1)
def schedule() -> tuple[RecordClass, ...]:
    """The classes as they are shipped."""
    return read_schedule(tomllib.loads((Path(__file__).parent / "schedule.toml").read_text(encoding="utf-8")))


def period(days: int) -> str:
    """A period in words.

    Examples
    --------
    >>> [period(days) for days in (0, 1, 90, 2192, 3653, 400)]
    ['no end', '1 day', '90 days', '6 years', '10 years', '400 days']
    """
    years = round(days / 365.25)
    if days == 0:
        return "no end"
    if years and abs(days - years * 365.25) <= 1:
        return f"{years} year{'s' if years > 1 else ''}"
    return f"{days:,} day{'s' if days > 1 else ''}"
