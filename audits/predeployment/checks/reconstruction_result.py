"""What reconstruction attacks showed, over all sites: verdict, words and tables of both tiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import Figure, Gathered, Result, Table
from audits.predeployment.checks.membership_result import QUICK
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    from audits.domain.attacks.bounds import Resistance

WAYS = ("analytic", "cosine", "tail", "any")
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
SETTINGS = {
    "bare": "one patient's own step, bare (worst case)",
    "protected": "one patient's own step, with the run's noise",
    "round": "a round as configured (what the coordinator gets)",
    "control": "control: patients that were not in the round",
}
POWER = 0.5  # share of bare steps that the attack must solve before its failures mean anything
# By the format of the federation's messages: what somebody sees who taps the line.
ON_THE_LINE = {
    1: "Updates travel signed but not encrypted by the platform: without TLS to the broker, whoever taps the line sees "
    "exactly what the coordinator sees, the update of each hospital by itself."
}


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
        """Whether the attack works at all, where nothing stands in its way."""
        return self.tallies["primary", "bare"].solved

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


def written(found: Evidence, gathered: Gathered, verdict: Verdict, *, certifies: bool) -> Result:
    """The result in words, tables and a chart."""
    settings, main = gathered.settings, found.main
    sentences = [_main_words(found, settings), _worst_case_words(found), _line_words(), ADAM]
    if main.value is not None and main.successes == 0 and main.lower < settings["min_resistance"]:
        sentences.append(_few_words(main.attempts, settings))
    if not found.powerful:
        sentences.append(
            "The attack did not succeed where nothing stood in its way, so that it fails elsewhere proves nothing."
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
            "backend": "torch state vector, analytic, noiseless (no shots)",
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


def _line_words() -> str:
    from federation.domain.messages import VERSION

    unknown = f"What a tapped line shows is not known to this check for messages of format {VERSION}."
    return ON_THE_LINE.get(VERSION, unknown)


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
