"""Which regulator clocks a set of facts starts, and when each runs out. They are data: clocks.toml beside this."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["applies", "does_not_apply", "undetermined"]
Known = Mapping[str, bool | None]  # a fact or a regime: yes, no, or not known yet


@dataclass(frozen=True)
class Clock:
    """A duty to report within a time.

    Attributes
    ----------
    regime : str
        The law; it applies only to deployments under it.
    hours : float
        From the moment of awareness.
    needs, unless : tuple of str
        Facts that must all hold, and facts of which none may.
    """

    key: str
    regime: str
    title: str
    article: str
    to: str
    hours: float
    needs: tuple[str, ...]
    unless: tuple[str, ...]

    def due(self, aware_at: datetime) -> datetime:
        return aware_at + timedelta(hours=self.hours)


@dataclass(frozen=True)
class ClockBook:
    """All clocks, and what is asked to tell which of them run.

    Attributes
    ----------
    regimes, facts : mapping of key to the sentence that a person answers with yes, no or not known
    not_under : mapping of a deployment's regulatory status to the regimes that it is not under
    """

    regimes: Mapping[str, str]
    facts: Mapping[str, str]
    clocks: tuple[Clock, ...]
    not_under: Mapping[str, tuple[str, ...]]

    @property
    def questions(self) -> dict[str, str]:
        return {**self.regimes, **self.facts}


def verdict(clock: Clock, known: Known) -> Verdict:
    """Whether a clock runs, by three-valued logic: what is not known never stops a clock.

    Parameters
    ----------
    known : mapping of regime or fact to True, False or None (not known; so is what is missing)
    """
    must = [known.get(name) for name in (clock.regime, *clock.needs)]
    must_not = [known.get(name) for name in clock.unless]
    if False in must or True in must_not:
        return "does_not_apply"
    return "undetermined" if None in must or None in must_not else "applies"


def why_not(clock: Clock, known: Known, book: ClockBook) -> str:
    """The answers for which a clock does not run, in words; empty if it may."""
    no = [name for name in (clock.regime, *clock.needs) if known.get(name) is False]
    yes = [name for name in clock.unless if known.get(name) is True]
    said = [f"answered no: {book.questions[name]}" for name in no]
    said += [f"a shorter clock runs: {book.questions[name]}" for name in yes]
    return "; ".join(said)


@lru_cache(maxsize=1)
def clock_book() -> ClockBook:
    """The clocks as they are written down.

    Raises
    ------
    ValueError
        If the file names a regime or a fact that it does not define.
    """
    return read_book(tomllib.loads((Path(__file__).parent / "clocks.toml").read_text(encoding="utf-8")))


def read_book(content: Mapping[str, Any]) -> ClockBook:
    """A book from parsed TOML; see `clock_book`."""
    clocks = tuple(
        Clock(**{**row, "needs": tuple(row["needs"]), "unless": tuple(row.get("unless", ()))})
        for row in content["clocks"]
    )
    not_under = {status: tuple(names) for status, names in content.get("not_under", {}).items()}
    book = ClockBook(dict(content["regimes"]), dict(content["facts"]), clocks, not_under)
    for status, names in not_under.items():
        if unknown := set(names) - set(book.regimes):
            raise ValueError(f"{status}: expected regimes among {sorted(book.regimes)}, got {sorted(unknown)}")
    for clock in clocks:
        if clock.regime not in book.regimes:
            raise ValueError(f"clock {clock.key}: expected a regime among {sorted(book.regimes)}, got {clock.regime!r}")
        if unknown := set(clock.needs + clock.unless) - set(book.facts):
            raise ValueError(f"clock {clock.key}: expected facts among {sorted(book.facts)}, got {sorted(unknown)}")
    if len({clock.key for clock in clocks}) != len(clocks):
        raise ValueError("two clocks have one key")
    return book
