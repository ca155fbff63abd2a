"""Who must take part in a round, and how long the others wait: a part of the frozen configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SHORTEST, LONGEST = 10, 7 * 24 * 3600


@dataclass(frozen=True)
class Participation:
    """Without this part every site must answer, and there is no deadline.

    Attributes
    ----------
    quorum : int or None
        Sites whose usable answers a round needs, in training as in scoring; None: all of the run.
    deadline_seconds : int or None
        After so long a phase of a round goes on without the sites that have not answered; None: it waits.
    """

    quorum: int | None = None
    deadline_seconds: int | None = None

    def __post_init__(self) -> None:
        _check("quorum", self.quorum, low=1, high=10_000)
        _check("deadline_seconds", self.deadline_seconds, low=SHORTEST, high=LONGEST)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any] | None) -> Participation:
        """Read what `as_dict` wrote; None gives what holds without this part. Raises ValueError on anything else."""
        expected, raw = {"quorum", "deadline_seconds"}, raw if raw is not None else cls().as_dict()
        if set(raw) != expected:
            raise ValueError(f"expected a participation with {sorted(expected)}, got {sorted(raw)}")
        return cls(**raw)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def needed(self, sites: int) -> int:
        """Answers that a round of a run with so many sites needs."""
        return sites if self.quorum is None else min(self.quorum, sites)


def _check(name: str, value: Any, *, low: int, high: int) -> None:
    if value is not None and (type(value) is not int or not low <= value <= high):
        raise ValueError(f"expected {name} to be a whole number from {low} to {high} or null, got {value!r}")
