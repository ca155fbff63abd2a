"""Evidence coverage: for how many controls evidence is on record. It never says that a requirement is met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """What is on record for a piece of evidence or a control."""

    THERE = "there"
    PARTLY = "partly"
    NONE = "none"
    NOT_ASSESSABLE = "not_assessable"  # what it would be about does not exist yet


@dataclass(frozen=True)
class Finding:
    """What one query over the platform's records found.

    Attributes
    ----------
    count, of : int
        How many of how many are on record. `of` is 0 where there is nothing yet to have evidence about.
    newest : datetime or None
        When the newest of them was recorded.
    link : str
        Where it can be looked at; empty where there is no page of it.
    """

    name: str
    title: str
    status: Status
    count: int
    of: int
    sentence: str
    newest: datetime | None = None
    link: str = ""


def share_status(count: int, of: int) -> Status:
    """The status of `count` out of `of`.

    Examples
    --------
    >>> [str(share_status(n, of)) for n, of in ((0, 0), (0, 3), (2, 3), (3, 3))]
    ['not_assessable', 'none', 'partly', 'there']
    """
    if of <= 0:
        return Status.NOT_ASSESSABLE
    if count <= 0:
        return Status.NONE
    return Status.THERE if count >= of else Status.PARTLY


def control_status(statuses: Iterable[Status]) -> Status:
    """The status of a control from those of its evidence.

    All alike: that one. Otherwise something is there and something is missing, or nothing is there at all. A control
    without any evidence bound to it has none until a person brings some.
    """
    found = set(statuses)
    if not found:
        return Status.NONE
    if len(found) == 1:
        return found.pop()
    return Status.PARTLY if found & {Status.THERE, Status.PARTLY} else Status.NONE


@dataclass(frozen=True)
class Coverage:
    """How many controls have each status."""

    there: int
    partly: int
    none: int
    not_assessable: int

    @property
    def total(self) -> int:
        return self.there + self.partly + self.none + self.not_assessable


def coverage(statuses: Sequence[Status]) -> Coverage:
    """Count the controls of a framework by status."""
    counted = Counter(statuses)
    return Coverage(**{status.value: counted[status] for status in Status})
