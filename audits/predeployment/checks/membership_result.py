"""What membership attacks showed, over all sites: verdict, alarm, words and tables of both tiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Figure, Gathered, Result, Table
from audits.predeployment.checks.membership_evidence import ATTACKS, Evidence
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    from audits.domain.attacks.membership import Separation

RECIPE_WORDS = "LiRA on shadows (the training itself, the site alone)"
SILENT = "The model gives the same answer to all patients of a site: that it tells nothing is no merit."
QUICK = "This is the quick tier: it can fail a model, it cannot certify one."


def written(found: Evidence, gathered: Gathered, verdict: Verdict, *, certifies: bool) -> Result:
    """The result in words, tables and a chart."""
    settings, attacks = gathered.settings, found.of("primary")
    if not attacks:
        few = "Too few patients in training or outside it: nothing could be told apart, and that shows nothing."
        return Result(verdict, (*_alarm_words(found), few), threshold=settings["max_advantage"])
    bounds = [(a.advantage, a.advantage_lower, a.advantage_upper) for a in attacks.values()]
    value, lower, upper = (max(column) for column in zip(*bounds, strict=True))
    sentences = [*_alarm_words(found), *_main_words(found, settings), *_place_words(found)]
    sentences += [_promise_words(found), _twin_words(found)]
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
            "places": {place: list(sites) for place, sites in found.places.judged.items()},
            "not_judged_alone": [*found.places.small, *found.places.untestable],
            "rounds_repeated": {site: max(a.rounds for a in found) for site, found in gathered.answers.items()},
            "backend": gathered.training_backend,
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
    attacks = found.of("primary")
    # The worst place is that of the highest lower bound: the highest figure is often that of the fewest patients.
    (place, way), best = max(attacks.items(), key=lambda item: (item[1].advantage_lower, item[1].advantage))
    (where, _), low = max(attacks.items(), key=lambda item: (item[1].tpr_lower, item[1].tpr))
    upper = max(a.advantage_upper for a in attacks.values())
    every = max(found.over_all("primary").values(), key=lambda a: a.advantage, default=best)
    return [
        f"The attack with the most to show ({ATTACKS[way]}, {place}) guesses right in {best.balanced_accuracy:.0%} of "
        f"cases whether a patient was in the training of the quantum model, where a coin gives 50 %: an advantage of "
        f"{best.advantage:.3f} (bounds {best.advantage_lower:.3f} to {best.advantage_upper:.3f}; {best.n_members} "
        f"training patients, {best.n_others} others); at most {settings['max_advantage']:g} is tolerated, and nowhere "
        f"is more than {upper:.3f} possible. Beside it, the best attack over all sites together has an advantage of "
        f"{every.advantage:.3f} ({every.advantage_lower:.3f} to {every.advantage_upper:.3f}).",
        f"At no more than 1 % false alarms {low.tpr:.1%} of the training patients are found ({where}; bounds "
        f"{low.tpr_lower:.1%} to {low.tpr_upper:.1%}); at most {settings['max_tpr']:.0%} is tolerated, and nowhere is "
        f"more than {max(a.tpr_upper for a in attacks.values()):.1%} possible.",
    ]


def _place_words(found: Evidence) -> list[str]:
    """Who was judged with whom, and who was not judged at all."""
    from audits.domain.attacks.places import LEAST

    places = found.places
    alone = len(places.judged) - bool(places.small)
    if places.only_one:
        return []
    told = [
        f"The worst of {alone} sites decides, each judged by itself, and all together; the bounds hold at once."
        if alone
        else "No site could be judged by itself."
    ]
    few = f"fewer than {LEAST} training patients or {LEAST} others"
    if places.small:
        told.append(
            f"Judged together only, having {few} each: {_sized(found, places.small)}. A leak at one of them may hide "
            "among the others."
        )
    if places.untestable:
        told.append(
            f"NOT TESTABLE, having {few}: {_sized(found, places.untestable)}. They count over all sites together; "
            "what the model gives away of their own patients is not known."
        )
    return told


def _sized(found: Evidence, sites: tuple[str, ...]) -> str:
    return ", ".join("{} ({} and {})".format(site, *found.patients[site]) for site in sites)


def _promise_words(found: Evidence) -> str:
    best = max(found.of("primary").values(), key=lambda a: (a.epsilon_lower, a.epsilon_reach))
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
    one, two = found.over_all("primary").values(), found.over_all("baseline").values()
    if not one or not two:
        return "The classical twin could not be attacked."
    here, there = max(one, key=lambda a: a.auc), max(two, key=lambda a: a.auc)
    apart = here.auc_upper < there.auc_lower or there.auc_upper < here.auc_lower
    which = "less" if here.auc < there.auc else "more"
    ending = f"the quantum model gives away {which}" if apart else "the two are not shown to differ"
    return (
        f"Beside it, the classical twin: over all sites the best attack's AUC is {here.auc:.3f} on the quantum model "
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
    from audits.domain.attacks.places import EVERYONE

    rows = [
        (MODELS[name], ATTACKS.get(way, RECIPE_WORDS), *_figures(a))
        for (place, name, way), a in found.shown.items() if place == EVERYONE and a is not None
    ]  # fmt: skip
    note = "The attack on shadows is reported apart: it shows what the training gives away, not what this model does."
    return Table("Attacks over all sites", COLUMNS, tuple(rows), note)


def _site_table(found: Evidence) -> Table:
    """A row for each place and model, and for each site that is no place of its own."""
    rows: list[tuple[Any, ...]] = []
    for place, sites in found.places.judged.items():
        spent = [epsilon for site in sites if (epsilon := found.promised[site]) is not None]
        epsilon = max(spent) if len(spent) == len(sites) else None
        for name in MODELS:
            own = [a for (where, _), a in found.of(name).items() if where == place]
            rows.append((place, MODELS[name], *_worst(own), epsilon))
    for sites, why in ((found.places.small, "in small sites together"), (found.places.untestable, "not testable")):
        rows += [(f"{site}: {why}", None, *found.patients[site], *[None] * 7, found.promised[site]) for site in sites]
    columns = (
        *("Place", "Model", "Members", "Others", "AUC of the best attack", "Advantage", "Lower", "Upper"),
        *("TPR at 1 % FPR at least", "at most", "Epsilon at least", "Accountant's epsilon"),
    )
    note = "Of the attacks the largest figure, and the largest of each bound."
    return Table("By place", columns, tuple(rows), note)


def _worst(attacks: list[Separation]) -> tuple[Any, ...]:
    if not attacks:
        return (None,) * 9
    figures = (
        (a.auc, a.advantage, a.advantage_lower, a.advantage_upper, a.tpr_lower, a.tpr_upper, a.epsilon_lower)
        for a in attacks
    )
    sizes = (max(a.n_members for a in attacks), max(a.n_others for a in attacks))
    return (*sizes, *(round(max(column), 4) for column in zip(*figures, strict=True)))


def _chart(found: Evidence, settings: Mapping[str, Any]) -> Figure:
    """Each attack over everyone, then of each place the attack with the highest lower bound."""
    shown = [(f"{MODELS[name]}, {ATTACKS[way]}", a) for name in MODELS for way, a in found.over_all(name).items()]
    for place in () if found.places.only_one else found.places.judged:
        own = [a for (where, _), a in found.of("primary").items() if where == place]
        shown += [(place, max(own, key=lambda a: (a.advantage_lower, a.advantage)))] if own else []
    rows = [(label, a.advantage, a.advantage_lower, a.advantage_upper, _tone(a, settings)) for label, a in shown]
    options = {"threshold": settings["max_advantage"], "threshold_label": "tolerated", "x_label": "Advantage"}
    return Figure(
        "intervals",
        "Advantage of each attack, and at each place",
        rows,
        {**options, "level": f"{settings['confidence']:.0%}"},
    )


def _tone(a: Separation, settings: Mapping[str, Any]) -> str:
    limit = settings["max_advantage"]
    return "fail" if a.advantage_lower > limit else "pass" if a.advantage_upper <= limit else "inconclusive"
