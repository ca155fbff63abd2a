"""What all sites' counts of reconstructed patients show together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Gathered
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    from audits.domain.attacks.bounds import Resistance

WAYS = ("analytic", "cosine", "tail", "any")
SETTINGS = {
    "bare": "one patient's own step, bare (worst case)",
    "weakest": "the same, at those weights (first or last) where fewest are solved",
    "protected": "one patient's own step, with the run's noise",
    "round": "a round as configured (what the coordinator gets)",
    "control": "control: patients that were not in the round",
}
POWER = 0.5  # share of bare steps that the attack must solve before its failures mean anything


@dataclass(frozen=True)
class Tally:
    """Patients attacked, and how many each attack reconstructed."""

    attempts: int
    successes: Mapping[str, int]  # by way

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Tally:
        """Read a site's counts. Raises ValueError for counts that no patients can have."""
        counts = {key: raw[key] for key in ("attempts", *WAYS)}
        if not all(type(value) is int and 0 <= value <= counts["attempts"] for value in counts.values()):
            raise ValueError(f"expected counts from 0 to the number of attempts, got {counts}")
        parts = [counts[way] for way in WAYS if way != "any"]
        if not max(parts) <= counts["any"] <= sum(parts):
            raise ValueError(f"expected any attack to succeed as often as its parts allow, got {counts}")
        return cls(counts["attempts"], {way: counts[way] for way in WAYS})

    @classmethod
    def total(cls, tallies: Iterable[Tally]) -> Tally:
        every = list(tallies)
        return cls(sum(t.attempts for t in every), {way: sum(t.successes[way] for t in every) for way in WAYS})

    @property
    def solved(self) -> bool:
        """Whether enough of these bare steps were solved that the attack's failures elsewhere mean anything."""
        return self.successes["any"] >= POWER * max(self.attempts, 1)


@dataclass(frozen=True)
class ReconstructionAnswer:
    """One order's counts at one site."""

    tallies: Mapping[str, Mapping[str, Tally]]  # by model and setting
    tau: float
    public_median: float
    public: int
    dp: bool
    moved: bool  # whether each round changed the weights


@dataclass(frozen=True)
class Evidence:
    tallies: Mapping[tuple[str, str], Tally]  # by model and setting, over all sites
    shown: Mapping[tuple[str, str, str], Resistance]  # by model, setting and way
    dp: bool
    moved: bool
    confidence: float
    stopped: Mapping[str, tuple[str, ...]]  # by model: sites where not even bare steps were solved, nor more was tried

    @property
    def powerful(self) -> bool:
        """Whether the attack works where nothing stands in its way, at the run's first weights and at its last."""
        return self.tallies["primary", "weakest"].solved

    @property
    def untried(self) -> bool:
        """Whether no round at all was attacked, because not even bare steps were solved."""
        return self.main.attempts == 0 and bool(self.stopped["primary"])

    @property
    def main(self) -> Resistance:
        return self.shown["primary", "round", "any"]


def evidence_of(gathered: Gathered) -> Evidence:
    """Add up the sites. Each patient is counted once, by the order that had him."""
    from audits.domain.attacks.bounds import resistance

    confidence = gathered.settings["confidence"]
    tallies = {
        (name, setting): Tally.total(answer.tallies[name][setting] for answer in gathered.each)
        for name in MODELS for setting in SETTINGS
    }  # fmt: skip
    shown = {
        (*key, way): resistance(tally.successes[way], tally.attempts, confidence=confidence)
        for key, tally in tallies.items() for way in WAYS
    }  # fmt: skip
    every = gathered.each
    stopped = {
        name: tuple(
            site for site, rows in sorted(gathered.answers.items()) if any(_stopped(a.tallies[name]) for a in rows)
        )
        for name in MODELS
    }
    return Evidence(tallies, shown, all(a.dp for a in every), all(a.moved for a in every), confidence, stopped)


def _stopped(ways: Mapping[str, Tally]) -> bool:
    return ways["bare"].attempts > 0 and not ways["bare"].solved and ways["round"].attempts == 0


def verdict_of(found: Evidence, settings: Mapping[str, Any]) -> Verdict:
    """From the bounds of the round as configured, on the model under audit."""
    main, control = found.main, found.tallies["primary", "control"]
    if main.attempts == 0:
        return Verdict.INCONCLUSIVE if found.untried else Verdict.NOT_ASSESSABLE
    by_chance = control.successes["any"] / control.attempts if control.attempts else 0.0
    if main.upper < settings["min_resistance"] and 1 - main.upper > by_chance:
        return Verdict.FAIL
    tried = found.powerful and found.moved and not found.stopped["primary"]
    proven = main.lower >= settings["min_resistance"] and tried
    return Verdict.PASS if proven else Verdict.INCONCLUSIVE
