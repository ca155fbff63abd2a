"""Attribute inference: do the model's answers help to guess a patient's sensitive attribute?"""

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
from audits.predeployment.checks.membership_result import SILENT
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    import numpy as np

    from audits.domain.attacks.attribute import Patients
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.data.dataset import SiteData
    from federation.domain.paired import PairedSums

COHORTS = {"train": "training patients", "audit": "patients outside training"}
ATTACKERS = {"linear": "logistic regression", "forest": "random forest"}
Key = tuple[str, str, str, str]  # attribute, model, cohort, attacker


@dataclass(frozen=True)
class AttributeAnswer:
    """One site's sums: patients whose attribute was guessed with the model's answers, and without."""

    sums: Mapping[Key, PairedSums]
    skipped: Mapping[str, str]  # attribute to why it was not tried
    constant: bool


class AttributeInference(Check):
    id = "attribute_inference"
    title = "Attribute inference"
    principle = Principle.PRIVACY
    question = "Do the model's answers help somebody to guess a sensitive attribute of a patient?"
    inputs = ("training patients", "validation patients", "audit patients", "both models")
    runtime = Runtime.MINUTES
    limit = Limit("max_advantage", Direction.AT_MOST)
    parameters = (
        Parameter("max_advantage", 0.1, "largest tolerated gain in the share of right guesses", 0.01, 0.9, (), "down"),
        Parameter("confidence", 0.95, "of all intervals together", 0.9, 0.999),
    )
    libraries = ("torch", "scipy", "scikit-learn")

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        import numpy as np

        from audits.domain.attacks.attribute import assessable, guess
        from federation.domain.paired import PairedSums

        if not at.train.n_patients:
            raise NotMeasured("no patient of this site was trained on")
        half = at.rng("known").permutation(at.audit.n_patients) % 2 == 0
        rows: list[list[Any]] = []
        skipped: dict[str, str] = {}
        attributes = sorted(at.audit.groups)
        for step, attribute in enumerate(attributes):
            at.tell(f"guessing {attribute}", step + 1, len(attributes))
            outside = _patients(at, "audit", attribute)
            known = outside.take(half)
            if at.bench.splits.validation.n_patients:
                known = _patients(at, "validation", attribute).and_(known)
            known = known.recorded()
            targets = {"train": _patients(at, "train", attribute).recorded(), "audit": outside.take(~half).recorded()}
            if not assessable(known.attribute) or min(len(part.attribute) for part in targets.values()) < LEAST:
                skipped[attribute] = "too few patients, or only one group, whose attribute is recorded"
                continue
            for attacker in ATTACKERS:
                found = guess(attacker, known, targets, seed=int(at.rng(attribute, attacker).integers(2**31)))
                for cohort, guesses in found.items():
                    for name, right in guesses.with_model.items():
                        sums = PairedSums.of(right, guesses.without)
                        rows.append([attribute, name, cohort, attacker, *sums.as_list()])
        if not rows:
            reasons = "; ".join(f"{attribute}: {reason}" for attribute, reason in skipped.items())
            raise NotMeasured(reasons or "no sensitive attribute is recorded")
        return {"rows": rows, "skipped": skipped, "constant": bool(np.ptp(at.outcomes("primary").score) < SAME)}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> AttributeAnswer:
        from federation.domain.paired import PairedSums

        sums: dict[Key, PairedSums] = {}
        for attribute, name, cohort, attacker, *values in raw["rows"]:
            key = (str(attribute), name, cohort, attacker)
            if key in sums or name not in MODELS or cohort not in COHORTS or attacker not in ATTACKERS:
                raise AnswerError(f"expected each attack once, got {key}")
            sums[key] = PairedSums.from_list(values)
        tried = {key[0] for key in sums}
        if len(sums) != len(tried) * len(MODELS) * len(COHORTS) * len(ATTACKERS):
            raise AnswerError("expected every attack on each attribute that was tried")
        if type(raw["constant"]) is not bool:
            raise AnswerError(f"expected whether the model is constant, got {raw['constant']!r}")
        skipped = {str(name): str(reason) for name, reason in raw["skipped"].items()}
        return AttributeAnswer(sums, skipped, raw["constant"])

    def conclude(self, gathered: Gathered) -> Result:
        sums: dict[Key, PairedSums] = {}
        for answer in gathered.each:
            for key, one in answer.sums.items():
                sums[key] = sums[key] + one if key in sums else one
        limit, confidence = gathered.settings["max_advantage"], gathered.settings["confidence"]
        judged = [key for key in sums if key[1:3] == ("primary", "train")]
        each = 1 - (1 - confidence) / len(judged)
        bounds = {key: (one.difference, *one.interval(each, binary=True)) for key, one in sums.items()}
        value, lower, upper = (max(bounds[key][i] for key in judged) for i in range(3))
        constant = any(answer.constant for answer in gathered.each)
        verdict = Verdict.FAIL if lower > limit else Verdict.PASS if upper <= limit else Verdict.INCONCLUSIVE
        if verdict is Verdict.PASS and constant:
            verdict = Verdict.INCONCLUSIVE
        sentences = _words(sums, bounds, judged, limit, confidence)
        if constant:
            sentences.append(SILENT)
        sentences += _gaps(gathered)
        return Result(
            verdict, tuple(sentences), value, lower, upper, limit, confidence,
            tables=(_table(sums, bounds),), figures=(_chart(bounds, judged, limit, confidence),),
            evidence={
                "skipped": {site: dict(answers[0].skipped) for site, answers in gathered.answers.items()},
                "not_measured": dict(gathered.absent), "settings": dict(gathered.settings),
                "backend": "torch state vector, analytic, noiseless (no shots)",
            },
            seeds={"audit": gathered.seed},
        )  # fmt: skip


Bounds = Mapping[Key, tuple[float, float, float]]


def _patients(at: AtSite, split: str, attribute: str) -> Patients:
    """What the attacker may know of the patients of a split, at least one, and the attribute."""
    import numpy as np

    from audits.domain.attacks.attribute import Patients

    data: SiteData = getattr(at.bench.splits, split)
    answers = {}
    for name in MODELS:
        outcomes = at.outcomes(name, split)
        score = np.clip(outcomes.score, 1e-6, 1 - 1e-6)
        answers[name] = np.column_stack([np.log(score / (1 - score)), outcomes.flagged])
    others = np.column_stack([_features(data, attribute), outcomes.stratum])
    return Patients(others, answers, data.groups[attribute])


def _features(data: SiteData, attribute: str) -> np.ndarray:
    import numpy as np

    from audits.domain.attacks.attribute import columns_without, image_summary

    if data.imaged:
        return image_summary(data.x, data.patient_index, data.n_patients)
    order = np.argsort(data.patient_index)
    return data.x[order][:, columns_without(data.feature_names, attribute)].astype(float)


def _words(
    sums: Mapping[Key, PairedSums], bounds: Bounds, judged: list[Key], limit: float, confidence: float
) -> list[str]:
    worst = max(judged, key=lambda key: bounds[key][0])
    one, (value, lower, upper) = sums[worst], bounds[worst]
    attribute, _, _, attacker = worst
    outside, twin = bounds[attribute, "primary", "audit", attacker], bounds[attribute, "baseline", "train", attacker]
    apart = upper < twin[1] or twin[2] < lower
    which = "less" if value < twin[0] else "more"
    return [
        f"With the quantum model's answers the best attack ({ATTACKERS[attacker]}) guesses {attribute} of "
        f"{one.first / one.n:.1%} of {one.n} training patients, without them of {one.second / one.n:.1%}: a gain of "
        f"{value:+.3f} (interval {lower:+.3f} to {upper:+.3f}, {confidence:.0%} over all attacks); at most {limit:g} "
        "is tolerated.",
        f"For patients outside training the gain is {outside[0]:+.3f} ({outside[1]:+.3f} to {outside[2]:+.3f}).",
        f"Beside it, the classical twin: a gain of {twin[0]:+.3f} ({twin[1]:+.3f} to {twin[2]:+.3f}); "
        + (f"the quantum model tells {which}." if apart else "the two are not shown to differ."),
        "Only the gain counts: what the other features tell anyway is no leak of the model. Whoever knows all other "
        "features exactly and the answer to many digits may find more than these two attacks.",
    ]


def _gaps(gathered: Gathered) -> list[str]:
    told = [f"{site} is not tested: {reason}." for site, reason in sorted(gathered.absent.items())]
    for site, answers in sorted(gathered.answers.items()):
        told += [f"{attribute} is not tested at {site}: {reason}." for attribute, reason in answers[0].skipped.items()]
    return told


def _table(sums: Mapping[Key, PairedSums], bounds: Bounds) -> Table:
    rows = []
    for key, one in sorted(sums.items()):
        attribute, name, cohort, attacker = key
        shares = (round(one.first / one.n, 4), round(one.second / one.n, 4))
        figures = (round(v, 4) for v in bounds[key])
        rows.append((attribute, MODELS[name], COHORTS[cohort], ATTACKERS[attacker], one.n, *shares, *figures))
    columns = (
        *("Attribute", "Model", "Patients", "Attack", "n", "Guessed with the model", "Without"),
        *("Gain", "From", "To"),
    )
    return Table("Guesses", columns, tuple(rows))


def _chart(bounds: Bounds, judged: list[Key], limit: float, confidence: float) -> Figure:
    rows = []
    for key in judged:
        value, lower, upper = bounds[key]
        tone = "fail" if lower > limit else "pass" if upper <= limit else "inconclusive"
        rows.append((f"{key[0]}, {ATTACKERS[key[3]]}", value, lower, upper, tone))
    options = {"threshold": limit, "threshold_label": "tolerated", "x_label": "Gain", "level": f"{confidence:.0%}"}
    return Figure("intervals", "Gain from the quantum model's answers", rows, options)
