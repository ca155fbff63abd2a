"""How much of a model's score is lost under stress, for everyone and in the worst group, judged from bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audits.domain.robustness.paired import EVERYONE, Key
from audits.domain.verdict import Verdict
from federation.domain.paired import PairedSums


@dataclass(frozen=True)
class Drop:
    """Score before minus score after, in [-1, 1]; 0: nothing lost, 1: all lost.

    Attributes
    ----------
    before, after : float, in [0, 1]
    lower, upper : float
        Interval of `value` at the level that was asked for; with `simultaneous`, one that holds for all of a family.
    judged : bool
        False for a group of fewer patients than are needed for a judgement.
    """

    case: str
    attribute: str
    group: str
    n: int
    before: float
    after: float
    value: float
    lower: float
    upper: float
    judged: bool

    @property
    def who(self) -> str:
        return f"{self.attribute} = {self.group}" if self.attribute else "all patients"


@dataclass(frozen=True)
class WorstDrop:
    """The largest drop over everyone and each judged group.

    Attributes
    ----------
    lower, upper : float or None
        Simultaneous: the probability that any of the drops lies outside its bounds is at most 1 - confidence.
    """

    verdict: Verdict
    worst: Drop | None
    lower: float | None
    upper: float | None
    drops: tuple[Drop, ...]


def drop_of(key: Key, sums: PairedSums, *, confidence: float, binary: bool, judged: bool = True) -> Drop:
    """One drop with its own interval."""
    lower, upper = sums.interval(confidence, binary=binary)
    before, after = sums.first / sums.n, sums.second / sums.n
    return Drop(*key, sums.n, before, after, before - after, lower, upper, judged)


def worst_drop(
    table: Mapping[Key, PairedSums],
    cases: tuple[str, ...],
    *,
    tolerated: float,
    confidence: float,
    min_count: int,
    binary: bool,
) -> WorstDrop:
    """Judge the largest drop of some cases over everyone and all groups of at least `min_count` patients.

    Parameters
    ----------
    cases : tuple of str
        E.g. each corruption at the judged severity; a case that nobody measured is an error.
    tolerated : float in (0, 1)
    confidence : float in (0, 1)
        Of all bounds together (Bonferroni).

    Returns
    -------
    WorstDrop
        FAIL if the largest lower bound is over `tolerated`, PASS if no upper bound is, else INCONCLUSIVE.

    Raises
    ------
    KeyError
        If a case is missing.
    """
    family = {key for key, sums in table.items() if key[0] in cases and (key[1:] == EVERYONE or sums.n >= min_count)}
    if missing := set(cases) - {key[0] for key in family}:
        raise KeyError(f"expected sums of {', '.join(sorted(missing))}, got none")
    level = 1 - (1 - confidence) / len(family)
    drops = tuple(
        drop_of(key, sums, confidence=level, binary=binary, judged=key in family)
        for key, sums in sorted(table.items())
        if key[0] in cases
    )
    judged = [drop for drop in drops if drop.judged]
    worst = max(judged, key=lambda drop: drop.value)
    lower, upper = max(drop.lower for drop in judged), max(drop.upper for drop in judged)
    verdict = Verdict.FAIL if lower > tolerated else Verdict.PASS if upper <= tolerated else Verdict.INCONCLUSIVE
    return WorstDrop(verdict, worst, lower, upper, drops)
