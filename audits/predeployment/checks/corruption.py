"""Robustness against what goes wrong by accident: noise, blur, motion; missing and mistyped values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    Check,
    Direction,
    Gathered,
    Limit,
    NotMeasured,
    Parameter,
    Principle,
    Result,
    Runtime,
)
from audits.predeployment.checks.stress import (
    MODELS,
    StressAnswer,
    drop_chart,
    drop_rules,
    drop_sentence,
    drop_table,
    read_stress,
    says_the_same_to_all,
    sums_of,
    twin_sentence,
)

if TYPE_CHECKING:
    from audits.domain.robustness.drops import Drop, WorstDrop
    from audits.domain.robustness.paired import Key
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.paired import PairedSums

WORDS = {
    "table": {
        "noise": "errors of measurement",
        "missing": "missing values",
        "unit_slip": "values ten times too large or small",
    },
    "image": {
        "noise": "noise",
        "blur": "blur",
        "bias_field": "uneven brightness",
        "motion": "motion of the patient",
        "contrast": "another contrast",
    },
}
SEVERITIES = {1: "mild", 2: "marked", 3: "severe"}
COUNTS = ("flagged by primary",)


class Corruption(Check):
    id = "corruption"
    title = "Noise, artefacts and errors of entry"
    principle = Principle.PERFORMANCE
    question = "How much worse does the model become when inputs are as imperfect as they are on a bad day?"
    inputs = ("audit patients", "training patients", "both models")
    runtime = Runtime.MINUTES
    limit = Limit("tolerated_drop", Direction.AT_MOST)
    parameters = (
        Parameter("tolerated_drop", 0.1, "largest drop in the score that is tolerated", 0.01, 0.9, tightens="down"),
        Parameter("severity", 2, "strength judged: 1 mild, 2 marked, 3 severe", 1, 3, tightens="up"),
        Parameter("slices", 8, "slices of each imaged patient, those with most of the lesion", 1, 256),
        Parameter("min_count", 30, "fewest patients of a group that is judged", 10, 10_000),
        Parameter("confidence", 0.95, "of all bounds together", 0.9, 0.999),
    )
    libraries = ("scipy", "torch")

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        from audits.domain.robustness.paired import EVERYONE, pair_up, shareable, to_rows
        from audits.domain.robustness.scores import flagged, patient_scores, some_slices

        data = some_slices(at.audit, at.settings["slices"])
        parts = shareable(data.groups, data.n_patients)
        if not parts:
            raise NotMeasured(f"{data.n_patients} audit patients are too few for sums that single nobody out")
        corrupt = _corrupter(at)
        clean = {name: patient_scores(at.models[name], data) for name in MODELS}
        sums: dict[Key, PairedSums] = {}
        what = "image" if data.imaged else "table"
        kinds = WORDS[what]
        for number, kind in enumerate(kinds):
            for severity in SEVERITIES:
                at.tell(f"{kinds[kind]}, {SEVERITIES[severity]}", 3 * number + severity, 3 * len(kinds))
                x = corrupt(kind, data.x, severity)
                after = {name: patient_scores(at.models[name], data, x) for name in MODELS}
                for name in MODELS:
                    sums |= pair_up(f"{name}/{kind}/{severity}", clean[name], after[name], parts)
                sums |= pair_up(
                    f"twins/{kind}/{severity}", after["primary"], after["baseline"], {EVERYONE: parts[EVERYONE]}
                )
        counts = {"flagged by primary": flagged(at.models["primary"], data)}
        return {"patients": data.n_patients, "of": what, "counts": counts, "rows": to_rows(sums)}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> StressAnswer:
        kinds = WORDS.get(str(raw.get("of")), {})
        return read_stress(raw, cases=_cases(kinds), counts=COUNTS)

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.robustness.drops import worst_drop

        chosen = gathered.settings
        tolerated, confidence, severity = chosen["tolerated_drop"], chosen["confidence"], chosen["severity"]
        sums, rules = sums_of(gathered), drop_rules(gathered)
        kinds = _kinds(sums)
        judged = {
            name: worst_drop(sums, tuple(f"{name}/{kind}/{severity}" for kind in kinds), **rules) for name in MODELS
        }
        found, doubt = judged["primary"], says_the_same_to_all(gathered)
        verdict = Verdict.INCONCLUSIVE if found.verdict is Verdict.PASS and doubt else found.verdict
        said = [*_said(gathered, found.worst, sums, kinds), *([doubt] if doubt else [])]
        groups = _by_group(kinds, judged)
        shown = [(f"{label}, {drop.who}", drop) for label, drop in groups if not drop.attribute]
        value = found.worst.value if found.worst else None
        return Result(
            verdict, tuple(said), value, found.lower, found.upper, tolerated, confidence,
            tables=(
                drop_table("Drop of all patients by kind and strength", _by_strength(sums, kinds, rules)),
                drop_table(f"Drop by group under {SEVERITIES[severity]} corruption", groups),
            ),
            figures=(drop_chart(f"Drop under {SEVERITIES[severity]} corruption", shown, tolerated, confidence),),
            evidence={
                "patients": {site: a[0].patients for site, a in sorted(gathered.answers.items())},
                "not_measured": dict(gathered.absent), "settings": dict(chosen),
                "backend": "torch state vector, analytic, noiseless (no shots)",
            },
            seeds={"audit": gathered.seed},
        )  # fmt: skip


def _kinds(sums: Mapping[Key, PairedSums]) -> Mapping[str, str]:
    """The corruptions that the sites measured, in words: those of images or those of tables."""
    from audits.domain.robustness.paired import EVERYONE

    measured = (words for words in WORDS.values() if all((f"primary/{kind}/1", *EVERYONE) in sums for kind in words))
    return next(measured, WORDS["table"])


def _said(
    gathered: Gathered, worst: Drop | None, sums: Mapping[Key, PairedSums], kinds: Mapping[str, str]
) -> list[str]:
    """Through which corruption most is lost, beside the twin, and what would be tolerated."""
    from audits.domain.robustness.paired import EVERYONE

    chosen, task = gathered.settings, gathered.task
    confidence, strength = chosen["confidence"], SEVERITIES[chosen["severity"]]
    said = []
    if worst is not None:
        kind = worst.case.split("/")[1]
        what = f"The most is lost through {strength} {kinds[kind]}: with it"
        twins = sums[f"twins/{kind}/{chosen['severity']}", *EVERYONE]
        said.append(drop_sentence(worst, what, task, confidence))
        said.append(twin_sentence(twins, "Under this corruption", task, confidence))
    said.append(
        f"At most {chosen['tolerated_drop']:g} is tolerated for {strength} corruption of each kind, for everyone and "
        f"for each group that is large enough; all bounds hold together with {confidence:.0%} confidence."
    )
    return said


def _by_strength(
    sums: Mapping[Key, PairedSums], kinds: Mapping[str, str], rules: Mapping[str, Any]
) -> list[tuple[str, Drop]]:
    """Everyone's drop under each kind and strength, both models side by side."""
    from audits.domain.robustness.drops import worst_drop

    return [
        (f"{MODELS[name]}, {words}, {strength}", worst_drop(sums, (f"{name}/{kind}/{severity}",), **rules).drops[0])
        for kind, words in kinds.items() for severity, strength in SEVERITIES.items() for name in MODELS
    ]  # fmt: skip


def _by_group(kinds: Mapping[str, str], found: Mapping[str, WorstDrop]) -> list[tuple[str, Drop]]:
    return [
        (f"{MODELS[name]}, {kinds[drop.case.split('/')[1]]}", drop)
        for name, result in found.items() for drop in result.drops
    ]  # fmt: skip


def _cases(kinds: Mapping[str, str]) -> list[str]:
    return [f"{name}/{kind}/{severity}" for name in (*MODELS, "twins") for kind in kinds for severity in SEVERITIES]


def _corrupter(at: AtSite) -> Any:
    """`corrupt(kind, x, severity)` for this site's data; the same draw for both models."""
    import numpy as np

    from audits.domain.robustness import corruptions
    from audits.domain.robustness.attacks import measured_columns
    from federation.domain.data.heart import MEASURES

    if at.imaged:
        return lambda kind, x, severity: corruptions.IMAGE[kind](x, severity, at.rng(kind, severity))
    seen = at.train.x if at.train.n_patients else at.audit.x
    scales = {name: measure.scale for name, measure in MEASURES.items()}
    table = corruptions.Table(at.audit.feature_names, np.median(seen, axis=0), measured_columns(seen), scales)
    return lambda kind, x, severity: corruptions.TABULAR[kind](x, severity, at.rng(kind, severity), table)
