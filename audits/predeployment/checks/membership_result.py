"""What membership attacks showed, over all sites: verdict, alarm, words and tables of both tiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Figure, Gathered, Result, Table
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    from audits.domain.attacks.membership import ScoreCounts, Separation

ATTACKS = {
    "loss": "loss threshold",
    "lira_offline": "LiRA, shadows without the patient",
    "lira_online": "LiRA, shadows with and without",
}
RECIPE = "recipe"
RECIPE_WORDS = "LiRA on shadows (the training itself, the site alone)"
LOW_RATE_OTHERS = 100  # fewer others cannot show a false-positive rate of 1 %
SILENT = "The model gives the same answer to all patients of a site: that it tells nothing is no merit."
QUICK = "This is the quick tier: it can fail a model, it cannot certify one."


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
    """All attacks, over all sites and by site; None where there were too few patients."""

    pooled: Mapping[tuple[str, str], Separation | None]  # by (model, attack)
    by_site: Mapping[tuple[str, str, str], Separation | None]  # by (site, model, attack)
    alarms: tuple[Alarm, ...]
    promised: Mapping[str, float | None]
    delta: float | None
    constant: bool  # whether the model under audit gives the same answer to all patients of a site

    def of(self, model: str) -> list[Separation]:
        """What the attacks on the released model itself showed."""
        return [found for way in ATTACKS if (found := self.pooled[model, way]) is not None]


def evidence_of(gathered: Gathered) -> Evidence:
    """Pool the counts, and hold each lower bound of epsilon against what the accountant says was spent.

    Half of the error goes to the pooled tests and half to those by site, evenly over models and attacks.
    """
    from audits.domain.attacks.membership import separation

    promised, delta = _promises(gathered)
    error = (1 - gathered.settings["confidence"]) / 2 / (len(MODELS) * len(ATTACKS))
    pooled: dict[tuple[str, str], Separation | None] = {}
    by_site: dict[tuple[str, str, str], Separation | None] = {}
    for name in MODELS:
        for way in (*ATTACKS, RECIPE):
            tables = {
                site: reduce(add, (a.counts[name][way] for a in answers)) for site, answers in gathered.answers.items()
            }
            pooled[name, way] = separation(reduce(add, tables.values()), delta=delta or 0.0, confidence=1 - error)
            for site, table in sorted(tables.items()):
                confidence = 1 - error / len(tables)
                by_site[site, name, way] = separation(table, delta=delta or 0.0, confidence=confidence)
    constant = any(answer.constant["primary"] for answer in gathered.each)
    return Evidence(pooled, by_site, _alarms(pooled, by_site, promised), promised, delta, constant)


def _promises(gathered: Gathered) -> tuple[dict[str, float | None], float | None]:
    """The accountant's epsilon of each site that answered, None where nothing is promised; and its delta."""
    fact = gathered.facts.get("epsilon") or {}
    delta, spent = fact.get("delta"), fact.get("by_site") or {}
    declared = bool(fact.get("declared")) and delta is not None
    return {site: spent.get(site) if declared else None for site in gathered.answers}, delta if declared else None


def _alarms(
    pooled: Mapping[tuple[str, str], Separation | None],
    by_site: Mapping[tuple[str, str, str], Separation | None],
    promised: Mapping[str, float | None],
) -> tuple[Alarm, ...]:
    known = [epsilon for epsilon in promised.values() if epsilon is not None]
    found = []
    if known and len(known) == len(promised) > 1:
        found += [(name, way, "all sites together", shown, max(known)) for (name, way), shown in pooled.items()]
    found += [
        (name, way, site, shown, epsilon)
        for (site, name, way), shown in by_site.items()
        if (epsilon := promised[site]) is not None
    ]
    return tuple(
        Alarm(name, way, where, shown.epsilon_lower, epsilon)
        for name, way, where, shown, epsilon in found
        # Shadows follow the recipe on other patients and at another sampling rate: they test no promise.
        if way != RECIPE and shown is not None and shown.epsilon_lower > epsilon
    )


def verdict_of(found: Evidence, settings: Mapping[str, Any]) -> Verdict:
    """From bounds alone; on the model under audit, but an alarm counts for either model."""
    attacks = found.of("primary")
    if found.alarms:
        return Verdict.FAIL
    if not attacks:
        return Verdict.NOT_ASSESSABLE
    if any(a.advantage_lower > settings["max_advantage"] or a.tpr_lower > settings["max_tpr"] for a in attacks):
        return Verdict.FAIL
    small = all(a.advantage_upper <= settings["max_advantage"] and a.tpr_upper <= settings["max_tpr"] for a in attacks)
    enough = all(a.n_others >= LOW_RATE_OTHERS for a in attacks)
    return Verdict.PASS if small and enough and not found.constant else Verdict.INCONCLUSIVE


def written(found: Evidence, gathered: Gathered, verdict: Verdict, *, certifies: bool) -> Result:
    """The result in words, tables and a chart."""
    settings, attacks = gathered.settings, found.of("primary")
    if not attacks:
        few = "Too few patients in training or outside it: nothing could be told apart, and that shows nothing."
        return Result(verdict, (*_alarm_words(found), few), threshold=settings["max_advantage"])
    bounds = [(a.advantage, a.advantage_lower, a.advantage_upper) for a in attacks]
    value, lower, upper = (max(column) for column in zip(*bounds, strict=True))
    sentences = [*_alarm_words(found), *_main_words(found, settings), _promise_words(found), _twin_words(found)]
    if found.constant:
        sentences.append(SILENT)
    sentences += [f"{site} is not tested: {reason}" for site, reason in sorted(gathered.absent.items())]
    sentences.append(_limits_words() if certifies else QUICK)
    return Result(
        verdict, tuple(sentences), value, lower, upper, settings["max_advantage"], settings["confidence"],
        change=_change(verdict, found, certifies),
        tables=(_attack_table(found), _site_table(found)),
        figures=(_chart(found, settings),),
        evidence={
            "accountant": {"epsilon": dict(found.promised), "delta": found.delta},
            "alarms": [vars(alarm) for alarm in found.alarms],
            "rounds_repeated": {site: max(a.rounds for a in found) for site, found in gathered.answers.items()},
            "backend": "torch state vector, analytic, noiseless (no shots)",
            "not_measured": dict(gathered.absent),
            "settings": dict(settings),
        },
        seeds={"audit": gathered.seed},
    )  # fmt: skip


def _alarm_words(found: Evidence) -> list[str]:
    return [
        f"ALARM: {ATTACKS[a.attack]} on the {MODELS[a.model]} ({a.where}) shows an epsilon of at least {a.shown:.2f}; "
        f"the accountant says at most {a.promised:.2f}. One of the two is wrong: treat the privacy promise as broken "
        "until it is explained."
        for a in found.alarms
    ]


def _main_words(found: Evidence, settings: Mapping[str, Any]) -> list[str]:
    attacks = {way: a for way in ATTACKS if (a := found.pooled["primary", way]) is not None}
    way, best = max(attacks.items(), key=lambda item: item[1].advantage)
    low = max(attacks.values(), key=lambda a: a.tpr)
    return [
        f"The best attack ({ATTACKS[way]}) guesses right in {best.balanced_accuracy:.0%} of cases whether a patient "
        f"was in the training of the quantum model, where a coin gives 50 %: an advantage of {best.advantage:.3f} "
        f"(bounds {best.advantage_lower:.3f} to {best.advantage_upper:.3f}; {best.n_members} training patients, "
        f"{best.n_others} others); at most {settings['max_advantage']:g} is tolerated.",
        f"At no more than 1 % false alarms it finds {low.tpr:.1%} of the training patients "
        f"(bounds {low.tpr_lower:.1%} to {low.tpr_upper:.1%}); at most {settings['max_tpr']:.0%} is tolerated.",
    ]


def _promise_words(found: Evidence) -> str:
    best = max(found.of("primary"), key=lambda a: a.epsilon_lower)
    shown = (
        f"All attacks together show an epsilon of at least {best.epsilon_lower:.2f} (indicative: patients faced one "
        f"model); so few patients could not have shown more than {best.epsilon_reach:.2f}"
    )
    known = [epsilon for epsilon in found.promised.values() if epsilon is not None]
    if not known:
        return f"{shown}. Nothing is promised by differential privacy, so there is no epsilon to hold it against."
    if found.alarms:
        return f"{shown}. The accountant's epsilon is up to {max(known):.2f}."
    return (
        f"{shown}. The accountant's epsilon is up to {max(known):.2f}; no attack contradicts it, none can confirm it."
    )


def _twin_words(found: Evidence) -> str:
    one, two = found.of("primary"), found.of("baseline")
    if not two:
        return "The classical twin could not be attacked."
    here, there = max(one, key=lambda a: a.auc), max(two, key=lambda a: a.auc)
    apart = here.auc_upper < there.auc_lower or there.auc_upper < here.auc_lower
    which = "less" if here.auc < there.auc else "more"
    ending = f"the quantum model gives away {which}" if apart else "the two are not shown to differ"
    return (
        f"Beside it, the classical twin: the best attack's AUC is {here.auc:.3f} on the quantum model "
        f"({here.auc_lower:.3f} to {here.auc_upper:.3f}) and {there.auc:.3f} on the twin "
        f"({there.auc_lower:.3f} to {there.auc_upper:.3f}); {ending}."
    )


def _limits_words() -> str:
    return (
        "The bounds are for these attacks, by a hospital that knows the training recipe and has data of its own; "
        "somebody who could repeat the whole federation might find more."
    )


def _change(verdict: Verdict, found: Evidence, certifies: bool) -> str:
    if found.alarms:
        return "Find out whether the noise is added as declared, or the accountant counts too little; then train again."
    if verdict is Verdict.INCONCLUSIVE and not certifies:
        return "The certification tier of this check can pass a model; this one can only fail it."
    return ""


COLUMNS = (
    *("Model", "Attack", "Members", "Others", "AUC", "From", "To", "TPR at 1 % FPR", "At least", "Balanced accuracy"),
    *("Advantage", "Lower", "Upper", "Epsilon at least"),
)


def _figures(a: Separation) -> tuple[Any, ...]:
    values = (
        *(a.auc, a.auc_lower, a.auc_upper, a.tpr, a.tpr_lower, a.balanced_accuracy),
        *(a.advantage, a.advantage_lower, a.advantage_upper, a.epsilon_lower),
    )
    return (a.n_members, a.n_others, *(round(value, 4) for value in values))


def _attack_table(found: Evidence) -> Table:
    rows = [
        (MODELS[name], ATTACKS.get(way, RECIPE_WORDS), *_figures(a))
        for (name, way), a in found.pooled.items() if a is not None
    ]  # fmt: skip
    note = "The attack on shadows is reported apart: it shows what the training gives away, not what this model does."
    return Table("Attacks over all sites", COLUMNS, tuple(rows), note)


def _site_table(found: Evidence) -> Table:
    rows: list[tuple[Any, ...]] = []
    for site in sorted(found.promised):
        for name in MODELS:
            own = [a for way in ATTACKS if (a := found.by_site[site, name, way]) is not None]
            epsilon = found.promised[site]
            if not own:
                rows.append((site, MODELS[name], None, None, None, None, epsilon))
                continue
            best = max(own, key=lambda a: a.advantage)
            shown = max(a.epsilon_lower for a in own)
            rows.append(
                (site, MODELS[name], best.n_members, best.n_others, round(best.auc, 4), round(shown, 4), epsilon)
            )
    columns = (
        "Site",
        "Model",
        "Members",
        "Others",
        "AUC of the best attack",
        "Epsilon at least",
        "Accountant's epsilon",
    )
    return Table("By site", columns, tuple(rows))


def _chart(found: Evidence, settings: Mapping[str, Any]) -> Figure:
    rows = [
        (f"{MODELS[name]}, {ATTACKS[way]}", a.advantage, a.advantage_lower, a.advantage_upper, _tone(a, settings))
        for (name, way), a in found.pooled.items() if a is not None and way in ATTACKS
    ]  # fmt: skip
    options = {"threshold": settings["max_advantage"], "threshold_label": "tolerated", "x_label": "Advantage"}
    return Figure("intervals", "Advantage of each attack", rows, {**options, "level": f"{settings['confidence']:.0%}"})


def _tone(a: Separation, settings: Mapping[str, Any]) -> str:
    limit = settings["max_advantage"]
    return "fail" if a.advantage_lower > limit else "pass" if a.advantage_upper <= limit else "inconclusive"
