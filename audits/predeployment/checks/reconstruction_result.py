"""What reconstruction attacks showed, over all sites: verdict, words and tables of both tiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Figure, Gathered, Result, Table
from audits.predeployment.checks.membership_result import QUICK
from audits.predeployment.checks.reconstruction_evidence import POWER, SETTINGS, Evidence, Tally
from audits.predeployment.checks.stress import MODELS

WAY_NAMES = {
    "analytic": "division by the bias gradient", "cosine": "search by all gradients",
    "tail": "search by the layers nearest the loss (images)", "any": "all attacks",
}  # fmt: skip
ADAM = (
    "What travels are sums of Adam's steps, attacked as if they were gradients; a first step alone sends little more "
    "than the sign of each gradient. Bare steps are attacked as the gradients themselves, which give away more. An "
    "attack that models Adam over a whole round may find more there."
)
TIER = (
    "The search of images by the layers nearest the loss, which solves bare steps of small U-Nets, belongs to the "
    "certification tier."
)
# What others than the site see of its update.
IN_THE_OPEN = (
    "Updates travel signed but not encrypted by the platform: without TLS to the broker, whoever taps the line sees "
    "exactly what the coordinator sees, the update of each hospital by itself."
)
SEALED = (
    "Updates travel sealed for the coordinator: whoever taps the line sees nothing of them, the coordinator the update "
    "of each hospital by itself."
)
MASKED = (
    "Updates travel under masks that cancel in their sum: whoever taps the line sees nothing of them, the coordinator "
    "the sum alone. What is attacked here is each hospital's update as it would be seen without the masks."
)


def written(found: Evidence, gathered: Gathered, verdict: Verdict, *, certifies: bool) -> Result:
    """The result in words, tables and a chart."""
    settings, main = gathered.settings, found.main
    sentences = [_main_words(found, settings), _worst_case_words(found), _line_words(gathered), ADAM]
    if main.value is not None and main.successes == 0 and main.lower < settings["min_resistance"]:
        sentences.append(_few_words(main.attempts, settings))
    if not found.powerful:
        weak = found.tallies["primary", "weakest"]
        sentences.append(
            "The attack did not succeed where nothing stood in its way, so that it fails elsewhere proves nothing: of "
            f"bare steps from the weights where it does worst it solved {weak.successes['any']} of {weak.attempts}."
        )
        sentences += [TIER] if gathered.task == "segmentation" and not settings["hops"] else []
    sentences += _stopped_words(found)
    if not found.moved:
        sentences.append("A round left the weights as they were: there was nothing to reconstruct from.")
    sentences.append(_twin_words(found))
    sentences += [f"{site} is not tested: {reason}" for site, reason in sorted(gathered.absent.items())]
    sentences += [] if certifies else [QUICK]
    return Result(
        verdict, tuple(sentences), main.value, main.lower, main.upper, settings["min_resistance"], found.confidence,
        change=_change(verdict, found, settings, certifies),
        tables=(_table(found), _site_table(gathered)),
        figures=(_chart(found, settings),),
        evidence={
            "differential_privacy": found.dp,
            "attack_works_unhindered": found.powerful,
            "public_records": "validation patients of the same site stand for public ones",
            "granted_to_the_attacker": "weights before the update, labels or outlines",
            "backend": gathered.training_backend,
            "not_measured": dict(gathered.absent),
            "settings": dict(settings),
        },
        seeds={"audit": gathered.seed},
    )  # fmt: skip


def _main_words(found: Evidence, settings: Mapping[str, Any]) -> str:
    main = found.main
    if found.untried:
        return (
            "No round of the quantum model was attacked: not even a single patient's bare step, which gives away far "
            "more, is solved by these attacks."
        )
    if main.value is None:
        return "No patient could be attacked: nothing is shown."
    control = found.tallies["primary", "control"]
    return (
        f"From the update of a round of the quantum model, as this run is configured, {main.successes} of "
        f"{main.attempts} patients could be reconstructed better than from public records: a resistance of "
        f"{main.value:.4f} (at least {main.lower:.4f}, at most {main.upper:.4f}, each with {found.confidence:.0%} "
        f"confidence; {settings['min_resistance']:g} is required). Of patients who were not in the round, "
        f"{control.successes['any']} of {control.attempts} were met by chance."
    )


def _worst_case_words(found: Evidence) -> str:
    bare, shielded = (found.tallies["primary", way] for way in ("bare", "protected"))
    said = (
        f"Worst case, reported apart: from the bare step on a single patient {bare.successes['any']} of "
        f"{bare.attempts} are reconstructed"
    )
    if found.untried:
        return f"{said}."
    if not found.dp:
        return f"{said}. This run adds no noise: a hospital with one patient in a round would send just that."
    return f"{said}; with this run's clipping and noise {shielded.successes['any']} of {shielded.attempts}."


def _stopped_words(found: Evidence) -> list[str]:
    """Where an attack without power was not pursued, model by model."""
    return [
        f"{MODELS[name].capitalize()}: fewer than {POWER:.0%} of the bare steps were solved at {', '.join(sites)}, so "
        "noised steps and rounds, which are harder, were not attacked there."
        for name, sites in found.stopped.items() if sites
    ]  # fmt: skip


def _line_words(gathered: Gathered) -> str:
    security = gathered.config.get("security")
    if security is None:
        return IN_THE_OPEN
    return MASKED if security["masking"] else SEALED


def _few_words(attempts: int, settings: Mapping[str, Any]) -> str:
    from audits.domain.attacks.bounds import attempts_needed

    needed = attempts_needed(0, required=settings["min_resistance"], confidence=settings["confidence"])
    return f"Without any success, {needed} patients are needed to show this; {attempts} were attacked."


def _twin_words(found: Evidence) -> str:
    one, two = found.main, found.shown["baseline", "round", "any"]
    if one.value is None or two.value is None:
        return "The two models could not be compared."
    apart = one.lower > two.upper or two.lower > one.upper
    which = "more" if one.value > two.value else "less"
    ending = f"the quantum model resists {which}" if apart else "the quantum model is not shown to resist more"
    bare = found.tallies["baseline", "bare"]
    return (
        f"Beside it, the classical twin: {two.successes} of {two.attempts} from a round, {bare.successes['any']} of "
        f"{bare.attempts} from a bare step; {ending}."
    )


def _change(verdict: Verdict, found: Evidence, settings: Mapping[str, Any], certifies: bool) -> str:
    if verdict is Verdict.FAIL:
        return "Train with differential privacy, or with more patients in each step."
    if verdict is not Verdict.INCONCLUSIVE:
        return ""
    if not certifies:
        return "The certification tier of this check can pass a model; this one can only fail it."
    if not found.powerful:
        return "An attack that works on bare steps of such data is needed before its failures can certify anything."
    if found.main.successes == 0 and found.main.lower < settings["min_resistance"]:
        return _few_words(found.main.attempts, settings)
    return ""


def _table(found: Evidence) -> Table:
    rows = []
    for (name, setting, way), one in found.shown.items():
        value = None if one.value is None else round(one.value, 4)
        bounds = (round(one.lower, 4), round(one.upper, 4)) if one.attempts else (None, None)
        rows.append((MODELS[name], SETTINGS[setting], WAY_NAMES[way], one.attempts, one.successes, value, *bounds))
    columns = ("Model", "What is attacked", "Attack", "Patients", "Reconstructed", "Resistance", "At least", "At most")
    note = "A patient counts once, whatever was tried on him. The division of gradients does not fit convolutions."
    return Table("Reconstructed patients", columns, tuple(rows), note)


def _site_table(gathered: Gathered) -> Table:
    rows = []
    for site, answers in sorted(gathered.answers.items()):
        tally = Tally.total(a.tallies["primary"]["round"] for a in answers)
        first = answers[0]
        figures = (round(first.tau, 4), round(first.public_median, 4), first.public)
        rows.append((site, tally.attempts, tally.successes["any"], *figures))
    columns = (
        "Site",
        "Patients",
        "Reconstructed from a round",
        "Similarity to beat",
        "Median without the model",
        "Public",
    )
    note = (
        "The similarity to beat is the 99th percentile of that between a private record and the nearest public one or "
        "their mean. Validation patients of the site stand for public records."
    )
    return Table("By site, quantum model", columns, tuple(rows), note)


def _chart(found: Evidence, settings: Mapping[str, Any]) -> Figure:
    rows = []
    for name in MODELS:
        for setting in ("bare", "protected", "round"):
            one = found.shown[name, setting, "any"]
            if one.value is not None:
                tone = "pass" if one.lower >= settings["min_resistance"] else "inconclusive"
                tone = "fail" if one.upper < settings["min_resistance"] else tone
                rows.append((f"{MODELS[name]}: {SETTINGS[setting]}", one.value, one.lower, one.upper, tone))
    options = {
        "threshold": settings["min_resistance"], "threshold_label": "required", "x_label": "Resistance",
        "allowed": "above", "level": f"{found.confidence:.0%}",
    }  # fmt: skip
    return Figure("intervals", "Resistance to reconstruction", rows, options)
