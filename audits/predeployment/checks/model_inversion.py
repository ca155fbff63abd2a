"""Model inversion: does the released model show patients it was trained on?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    AnswerError,
    Check,
    Direction,
    Figure,
    Gathered,
    Limit,
    NotMeasured,
    Parameter,
    Principle,
    Result,
    Runtime,
    Table,
)
from audits.predeployment.checks.membership import LEAST, SAME
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    from audits.domain.attacks.bounds import Resistance
    from audits.predeployment.checks.at_site import AtSite

COHORTS = {"train": "training patients", "audit": "patients outside training (control)"}
MOST_PUBLIC, MOST_IMAGES = 60, 60


@dataclass(frozen=True)
class InversionAnswer:
    """One site's counts, by model and cohort: patients, and those whom an inverted input met."""

    counts: Mapping[tuple[str, str], tuple[int, int]]
    constant: bool


class ModelInversion(Check):
    id = "model_inversion"
    title = "Model inversion"
    principle = Principle.PRIVACY
    question = "Does the released model show what patients of its training looked like?"
    inputs = ("training patients", "audit patients", "validation patients as public ones", "both models")
    runtime = Runtime.MINUTES
    limit = Limit("min_resistance", Direction.AT_LEAST)
    parameters = (
        Parameter("min_resistance", 0.99, "smallest tolerated share of patients not met", 0.9, 0.9999, (), "up"),
        Parameter("confidence", 0.95, "of each one-sided bound", 0.9, 0.999),
        Parameter("starts", 10, "searches of each class, from other starts", 1, 200, (), "up"),
        Parameter("steps", 200, "steps of each search", 1, 5000, (), "up"),
        Parameter("image_starts", 3, "as starts, for images", 1, 200, (), "up"),
        Parameter("image_steps", 100, "as steps, for images", 1, 5000, (), "up"),
        Parameter("side", 32, "pixels a side at which images are inverted; divisible by 4", 16, 64),
    )
    libraries = ("torch", "scipy")

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        import numpy as np

        from audits.domain.attacks.model_inversion import invert, remembered
        from audits.domain.attacks.similarity import NoYardstickError, attack_view, shrunk, yardstick

        validation, side = at.bench.splits.validation, at.settings["side"] // 4 * 4
        if min(at.train.n_patients, len(validation.x)) < LEAST:
            raise NotMeasured(
                f"{at.train.n_patients} training patients and {len(validation.x)} validation records are too few; "
                f"{LEAST} of each are needed"
            )
        cohorts = {"train": attack_view(at.train, side).x, "audit": attack_view(at.audit, side).x}
        public = validation.x
        if at.imaged:
            cohorts = {name: x[at.rng(name).permutation(len(x))[:MOST_IMAGES]] for name, x in cohorts.items()}
            public = shrunk(public[at.rng("public").permutation(len(public))[:MOST_PUBLIC]], side)
        try:
            # The control's patients set the yardstick: they look like the others, and the model never saw them.
            tau = yardstick(np.concatenate(list(cohorts.values())), public).tau
        except NoYardstickError as reason:
            raise NotMeasured(str(reason)) from reason
        starts, steps = (at.settings[f"image_{key}" if at.imaged else key] for key in ("starts", "steps"))
        counts: dict[str, Any] = {}
        for name in MODELS:
            inverted = invert(
                at.models[name], public, starts=starts, steps=steps, rng=at.rng(name),
                told=lambda step, name=name: at.tell(f"inverting the {MODELS[name]}", step, steps),  # type: ignore[misc]  # mypy cannot infer defaults
            )  # fmt: skip
            met = {cohort: remembered(inverted, x, tau) for cohort, x in cohorts.items()}
            counts[name] = {cohort: [len(rows), int(rows.sum())] for cohort, rows in met.items()}
        return {"counts": counts, "constant": bool(np.ptp(at.outcomes("primary").score) < SAME)}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> InversionAnswer:
        counts = {(name, cohort): tuple(raw["counts"][name][cohort]) for name in MODELS for cohort in COHORTS}
        for key, value in counts.items():
            whole = len(value) == 2 and all(type(v) is int for v in value)
            if not whole or not 0 <= value[1] <= value[0]:
                raise AnswerError(f"{' '.join(key)}: expected patients and those met among them, got {list(value)}")
        if type(raw["constant"]) is not bool:
            raise AnswerError(f"expected whether the model is constant, got {raw['constant']!r}")
        return InversionAnswer({key: (value[0], value[1]) for key, value in counts.items()}, raw["constant"])

    def counted(self, answer: InversionAnswer) -> int:
        return max(sum(answer.counts[name, cohort][0] for cohort in COHORTS) for name in MODELS)

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.attacks.bounds import resistance

        settings = gathered.settings
        required, confidence = settings["min_resistance"], settings["confidence"]
        shown = {}
        for key in ((name, cohort) for name in MODELS for cohort in COHORTS):
            patients, met = (sum(answer.counts[key][i] for answer in gathered.each) for i in (0, 1))
            shown[key] = resistance(met, patients, confidence=confidence)
        main, control = shown["primary", "train"], shown["primary", "audit"]
        constant = any(answer.constant for answer in gathered.each)
        sentences = [*_words(shown, required, confidence), _twin_words(shown)]
        if constant:
            sentences.append("The model gives the same answer to all patients of a site: it has nothing to invert.")
        sentences += [f"{site} is not tested: {reason}" for site, reason in sorted(gathered.absent.items())]
        return Result(
            _verdict(main, control, required, constant), tuple(sentences), main.value, main.lower, main.upper, required,
            confidence, tables=(_table(shown),), figures=(_chart(shown, required, confidence),),
            evidence={
                "public_records": "validation patients of the same site stand for public ones",
                "backend": "torch state vector, analytic, noiseless (no shots)",
                "not_measured": dict(gathered.absent), "settings": dict(settings),
            },
            seeds={"audit": gathered.seed},
        )  # fmt: skip


Shown = Mapping[tuple[str, str], "Resistance"]


def _verdict(main: Resistance, control: Resistance, required: float, constant: bool) -> Verdict:
    """Meeting strangers as often as training patients is chance, not memory: that fails nobody."""
    if main.upper < required and main.upper < control.lower:
        return Verdict.FAIL
    return Verdict.PASS if main.lower >= required and not constant else Verdict.INCONCLUSIVE


def _words(shown: Shown, required: float, confidence: float) -> list[str]:
    from audits.domain.attacks.bounds import attempts_needed

    main, control = shown["primary", "train"], shown["primary", "audit"]
    words = [
        f"Inputs that the quantum model takes for typical of a class come closer than public records do to "
        f"{main.successes} of {main.attempts} training patients: a resistance of {main.value:.4f} (at least "
        f"{main.lower:.4f}, at most {main.upper:.4f}, each with {confidence:.0%} confidence; "
        f"{required:g} is required).",
        f"Of patients that the model never saw, {control.successes} of {control.attempts} are met as closely; what is "
        "met there too is typical, not remembered. Public records alone meet 1 %.",
    ]
    needed = attempts_needed(main.successes, required=required, confidence=confidence)
    if main.attempts < needed:
        words.append(f"With so many met, {needed} training patients are needed to show this, not {main.attempts}.")
    return words


def _twin_words(shown: Shown) -> str:
    one, two = shown["primary", "train"], shown["baseline", "train"]
    apart = one.lower > two.upper or two.lower > one.upper
    which = "more" if one.successes < two.successes else "less"
    ending = f"the quantum model resists {which}" if apart else "the quantum model is not shown to resist more"
    return f"Beside it, the classical twin: {two.successes} of {two.attempts} training patients are met; {ending}."


def _table(shown: Shown) -> Table:
    rows = [
        (MODELS[name], COHORTS[cohort], one.attempts, one.successes, round(one.lower, 4), round(one.upper, 4))
        for (name, cohort), one in shown.items()
    ]
    return Table("Patients met", ("Model", "Patients", "n", "Met", "Resistance at least", "At most"), tuple(rows))


def _chart(shown: Shown, required: float, confidence: float) -> Figure:
    rows = [
        (f"{MODELS[name]}, {COHORTS[cohort]}", one.value, one.lower, one.upper, "plain")
        for (name, cohort), one in shown.items()
    ]
    options = {
        "threshold": required, "threshold_label": "required", "x_label": "Resistance", "allowed": "above",
        "level": f"{confidence:.0%}",
    }  # fmt: skip
    return Figure("intervals", "Resistance to model inversion", rows, options)
