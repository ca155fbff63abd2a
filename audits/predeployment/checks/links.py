"""Checks of records: links that each hold, are broken, or cannot be told. There is nothing to estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Result, Table

MOST_NAMED = 5


class State(StrEnum):
    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Link:
    """One thing that a record must show.

    Attributes
    ----------
    what : what is looked at ("round 2, update of north")
    state : whether it is as it must be
    said : what was found, and if it does not hold, what was expected
    """

    what: str
    state: State
    said: str

    @classmethod
    def from_fact(cls, raw: Sequence[str]) -> Link:
        """Read ``[what, state, said]``. Raises ValueError for another state."""
        what, state, said = raw
        return cls(str(what), State(state), str(said))

    def as_fact(self) -> list[str]:
        return [self.what, self.state.value, self.said]


def concluded(facts: Mapping[str, Any], *, whole: str, nothing: str) -> Result:
    """FAIL if any link is broken, INCONCLUSIVE if any cannot be told, else PASS; NOT_ASSESSABLE if there is none.

    Parameters
    ----------
    facts : mapping
        `links` holds ``[what, state, said]`` rows; everything else becomes evidence.
    whole : str
        The sentence for a pass.
    nothing : str
        The sentence where there is nothing to look at.
    """
    links = [Link.from_fact(row) for row in facts["links"]]
    table = Table("What was looked at", ("Record", "State", "Found"), tuple(tuple(link.as_fact()) for link in links))
    evidence = {**facts, "links": [link.as_fact() for link in links if link.state is not State.HOLDS]}
    if not links:
        return Result(Verdict.NOT_ASSESSABLE, (nothing,), threshold=1.0, evidence=evidence)
    broken, unknown = ([link for link in links if link.state is state] for state in (State.BROKEN, State.UNKNOWN))
    share = 1 - (len(broken) + len(unknown)) / len(links)
    verdict = Verdict.FAIL if broken else Verdict.INCONCLUSIVE if unknown else Verdict.PASS
    held = len(links) - len(broken) - len(unknown)
    sentences = [whole if verdict is Verdict.PASS else f"{held} of {len(links)} records are as they must be."]
    sentences += [_named("Not as it must be", broken), _named("Cannot be told", unknown)]
    change = "" if verdict is Verdict.PASS else "It passes when each record named here is as it must be."
    return Result(
        verdict, tuple(filter(None, sentences)), share, threshold=1.0, change=change, tables=(table,), evidence=evidence
    )


def _named(head: str, links: list[Link]) -> str:
    if not links:
        return ""
    rest = len(links) - MOST_NAMED
    named = "; ".join(f"{link.what}: {link.said}" for link in links[:MOST_NAMED])
    return f"{head}: {named}{f'; and {rest} more' if rest > 0 else ''}."
