"""What all sites' answers on membership show together: bounds by place, and promises that were broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Gathered
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    from audits.domain.attacks.membership import ScoreCounts, Separation
    from audits.domain.attacks.places import Places

ATTACKS = {
    "loss": "loss threshold",
    "lira_offline": "LiRA, shadows without the patient",
    "lira_online": "LiRA, shadows with and without",
}
RECIPE = "recipe"
# Each attack can fail a model by advantage, by the share found at 1 % and by its epsilon; the twin by epsilon alone.
WAYS_TO_FAIL = 4 * len(ATTACKS)


@dataclass(frozen=True)
class MembershipAnswer:
    """One order's counts at one site: its patients by attack score, for each model and attack."""

    members: int
    others: int
    rounds: int
    constant: Mapping[str, bool]  # by model: whether it gives the same answer to all
    counts: Mapping[str, Mapping[str, ScoreCounts]]


@dataclass(frozen=True)
class Alarm:
    """An attack that did what the accountant says no attack can do."""

    model: str
    attack: str
    where: str
    shown: float  # lower bound of epsilon
    promised: float


@dataclass(frozen=True)
class Evidence:
    """All attacks, over everyone and at each place; None where a half had no members or no others."""

    places: Places
    patients: Mapping[str, tuple[int, int]]  # members and others of each site
    shown: Mapping[tuple[str, str, str], Separation | None]  # by (place, model, attack)
    alarms: tuple[Alarm, ...]
    promised: Mapping[str, float | None]
    delta: float | None
    constant: bool  # whether the model under audit gives the same answer to all patients of a site

    def of(self, model: str) -> dict[tuple[str, str], Separation]:
        """What the attacks on the released model itself showed, by place and attack."""
        return {
            (place, way): one
            for (place, name, way), one in self.shown.items()
            if name == model and way in ATTACKS and one is not None
        }

    def over_all(self, model: str) -> dict[str, Separation]:
        """The same over everyone, by attack."""
        from audits.domain.attacks.places import EVERYONE

        return {way: one for (place, way), one in self.of(model).items() if place == EVERYONE}

    def sites_of(self, place: str) -> tuple[str, ...]:
        return self.places.judged.get(place, tuple(self.promised))


def evidence_of(gathered: Gathered) -> Evidence:
    """Judge the counts by place, and hold each lower bound of epsilon against what the accountant says was spent.

    The error is spread evenly over all that can fail a model, and each share over the places.
    """
    from audits.domain.attacks.places import places_of, separations

    promised, delta = _promises(gathered)
    error = (1 - gathered.settings["confidence"]) / WAYS_TO_FAIL
    patients = {
        site: (sum(a.members for a in answers), sum(a.others for a in answers))
        for site, answers in sorted(gathered.answers.items())
    }
    places = places_of(patients)
    shown: dict[tuple[str, str, str], Separation | None] = {}
    for name in MODELS:
        for way in (*ATTACKS, RECIPE):
            tables = {site: reduce(add, (a.counts[name][way] for a in gathered.answers[site])) for site in patients}
            found = separations(tables, places, delta=delta or 0.0, error=error)
            shown |= {(place, name, way): one for place, one in found.items()}
    constant = any(answer.constant["primary"] for answer in gathered.each)
    found_so_far = Evidence(places, patients, shown, (), promised, delta, constant)
    return Evidence(places, patients, shown, tuple(_alarms(found_so_far)), promised, delta, constant)


def _promises(gathered: Gathered) -> tuple[dict[str, float | None], float | None]:
    """The accountant's epsilon of each site that answered, None where nothing is promised; and its delta."""
    fact = gathered.facts.get("epsilon") or {}
    delta, spent = fact.get("delta"), fact.get("by_site") or {}
    declared = bool(fact.get("declared")) and delta is not None
    return {site: spent.get(site) if declared else None for site in gathered.answers}, delta if declared else None


def _alarms(found: Evidence) -> Iterator[Alarm]:
    """Over everyone and each place; what was promised to several sites is the largest of their epsilons."""
    for name in MODELS:
        # Not the recipe: shadows follow it on other patients and at another sampling rate, so they test no promise.
        for (place, way), one in found.of(name).items():
            known = [found.promised[site] for site in found.sites_of(place)]
            promised = [epsilon for epsilon in known if epsilon is not None]
            if len(promised) == len(known) and one.epsilon_lower > max(promised):
                yield Alarm(name, way, place, one.epsilon_lower, max(promised))


def verdict_of(found: Evidence, settings: Mapping[str, Any]) -> Verdict:
    """From bounds alone; on the model under audit, but an alarm counts for either model."""
    from audits.domain.attacks.places import verdict_over

    if found.alarms:
        return Verdict.FAIL
    verdict = verdict_over(
        found.of("primary").values(), max_advantage=settings["max_advantage"], max_tpr=settings["max_tpr"]
    )
    return Verdict.INCONCLUSIVE if verdict is Verdict.PASS and found.constant else verdict
