"""Robustness against inputs that were changed on purpose, by gradients through the whole model."""

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
    counted,
    drop_chart,
    drop_rules,
    drop_sentence,
    drop_table,
    patients_of,
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

ATTACKS = {"fgsm": "one gradient step (FGSM)", "pgd": "many gradient steps (PGD)", "random": "random signs (control)"}
FACTORS = (0.5, 1.0, 2.0)  # of epsilon; the verdict is drawn at 1
JUDGED = 1
FLAT_SHARE = 0.1  # of patients without any gradient, above which attacks by gradients show nothing
COUNTS = tuple(f"{what} {model}" for what in ("flagged by", "no gradient from") for model in MODELS)


class Adversarial(Check):
    id = "adversarial"
    title = "Attacks by gradients"
    principle = Principle.SECURITY
    question = "How many more patients are misjudged when somebody changes the inputs imperceptibly, on purpose?"
    inputs = ("audit patients", "both models")
    runtime = Runtime.MINUTES
    limit = Limit("tolerated_drop", Direction.AT_MOST)
    parameters = (
        Parameter("tolerated_drop", 0.2, "largest drop in the score that is tolerated", 0.01, 0.9, tightens="down"),
        Parameter("epsilon", 0.03, "largest change of any input value (1 is its whole range)", 0.001, 0.25),
        Parameter("steps", 20, "steps of PGD at the strength judged, half of them at others", 1, 200, tightens="up"),
        Parameter("starts", 2, "starting points of PGD on tables; images start at the FGSM point alone", 1, 20),
        Parameter("columns", "all", "which columns of a table are changed", choices=("all", "measured")),
        Parameter("patients", 400, "most patients attacked at a site, drawn at random", 10, 5000),
        Parameter("images", 32, "the same for imaged patients", 10, 5000),
        Parameter("slices", 2, "slices attacked of each imaged patient, those with most of the lesion", 1, 64),
        Parameter("min_count", 30, "fewest patients of a group that is judged", 10, 10_000),
        Parameter("confidence", 0.95, "of all bounds together", 0.9, 0.999),
    )
    libraries = ("torch",)

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        from audits.domain.robustness.attacks import attack, measured_columns
        from audits.domain.robustness.paired import pair_up, shareable, to_rows
        from audits.domain.robustness.scores import flagged, some_patients, some_slices

        chosen = at.settings
        tabular = not at.imaged
        most = chosen["patients" if tabular else "images"]
        data = some_slices(some_patients(at.audit, most, at.rng("patients")), chosen["slices"])
        parts = shareable(data.groups, data.n_patients)
        if not parts:
            raise NotMeasured(f"{data.n_patients} audit patients are too few for sums that single nobody out")
        movable = measured_columns(data.x) if tabular and chosen["columns"] == "measured" else None
        if movable is not None and not movable.any():
            raise NotMeasured("no column holds a measured quantity")
        counts = {f"flagged by {name}": flagged(at.models[name], data) for name in MODELS}
        sums: dict[Key, PairedSums] = {}
        everyone = dict([next(iter(parts.items()))])
        starts = chosen["starts"] if tabular else 1
        for level, factor in enumerate(FACTORS):
            steps = chosen["steps"] if level == JUDGED else -(-chosen["steps"] // 2)
            found = {
                name: attack(
                    at.models[name], data, epsilon=factor * chosen["epsilon"], rng=at.rng("signs", level),
                    steps=steps, starts=starts, movable=movable,
                    tell=lambda step, of, name=name, level=level: at.tell(  # type: ignore[misc]  # mypy cannot infer defaults
                        f"attack {level + 1} of {len(FACTORS)} on the {MODELS[name]}", step, of
                    ),
                )
                for name in MODELS
            }  # fmt: skip
            for name, result in found.items():
                counts[f"no gradient from {name}"] = result.flat
                for way in ATTACKS:
                    sums |= pair_up(f"{name}/{way}/{level}", result.clean, result.scores[way], parts)
                mask = pair_up(f"{name}/mask/{level}", result.scores["fgsm"], result.scores["random"], everyone)
                sums |= mask
            one, two = found["primary"], found["baseline"]
            sums |= pair_up(f"twins/pgd/{level}", one.scores["pgd"], two.scores["pgd"], everyone)
        return {"patients": data.n_patients, "counts": counts, "rows": to_rows(sums)}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> StressAnswer:
        return read_stress(raw, cases=_cases(), counts=COUNTS)

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.robustness.drops import worst_drop

        tolerated, confidence = gathered.settings["tolerated_drop"], gathered.settings["confidence"]
        sums, rules = sums_of(gathered), drop_rules(gathered)
        strongest = {name: worst_drop(sums, (f"{name}/pgd/{JUDGED}",), **rules) for name in MODELS}
        found, doubts = strongest["primary"], _doubts(gathered, sums, confidence)
        verdict = found.verdict
        if verdict is Verdict.PASS and doubts:
            verdict = Verdict.INCONCLUSIVE
        value = found.worst.value if found.worst else None
        said, groups = _said(gathered, found, sums, doubts), _by_group(strongest)
        return Result(
            verdict, tuple(said), value, found.lower, found.upper, tolerated, confidence,
            tables=(
                drop_table("Drop by group under PGD", groups),
                drop_table("Drop of all patients by attack and strength", _by_strength(gathered, sums, rules)),
            ),
            figures=(drop_chart("Drop under PGD", groups, tolerated, confidence),),
            evidence=_evidence(gathered, doubts), seeds={"audit": gathered.seed},
        )  # fmt: skip


def _cases() -> list[str]:
    levels = range(len(FACTORS))
    ways = [f"{name}/{way}/{level}" for name in MODELS for way in (*ATTACKS, "mask") for level in levels]
    return [*ways, *(f"twins/pgd/{level}" for level in levels)]


def _said(gathered: Gathered, found: WorstDrop, sums: Mapping[Key, PairedSums], doubts: list[str]) -> list[str]:
    """What the strongest attack at the strength judged does, to everyone, to the worst group and to the twin."""
    from audits.domain.robustness.paired import EVERYONE

    chosen, task, confidence = gathered.settings, gathered.task, gathered.settings["confidence"]
    everyone = next(drop for drop in found.drops if not drop.attribute)
    what = f"With every input value changed by at most {chosen['epsilon']:g} of its range on purpose"
    said = [drop_sentence(everyone, what, task, confidence)]
    if found.worst is not None and found.worst.attribute:
        said.append(drop_sentence(found.worst, "In the worst group", task, confidence))
    said.append(
        f"At most {chosen['tolerated_drop']:g} is tolerated, for everyone and for each group that is large enough; all "
        f"bounds hold together with {confidence:.0%} confidence."
    )
    said.append(twin_sentence(sums[f"twins/pgd/{JUDGED}", *EVERYONE], "Under this attack", task, confidence))
    return [*said, *doubts, *_notes(task, chosen)]


def _doubts(gathered: Gathered, sums: Mapping[Key, PairedSums], confidence: float) -> list[str]:
    """Why a small drop would prove nothing."""
    from audits.domain.robustness.paired import EVERYONE

    doubts = [said] if (said := says_the_same_to_all(gathered)) else []
    flat, n = counted(gathered, "no gradient from primary"), patients_of(gathered)
    if flat > FLAT_SHARE * n:
        doubts.append(f"For {flat} of {n} patients the gradient is zero: attacks by gradients cannot find a way there.")
    for level, factor in enumerate(FACTORS):
        pair = sums[f"primary/mask/{level}", *EVERYONE]
        if pair.interval(confidence, binary=gathered.task == "classification")[0] > 0:
            doubts.append(
                f"At {factor:g} times epsilon random signs hurt more than the gradient step: the gradient is masked, "
                "and the attacks are weaker than they could be."
            )
    return doubts


def _notes(task: str, chosen: Mapping[str, Any]) -> list[str]:
    """What the figure is and is not."""
    if task == "segmentation":
        return [f"Up to {chosen['slices']} slices of each patient were attacked; their Dice is not that of the volume."]
    if chosen["columns"] == "all":
        return [
            "Codes such as the sex are changed by fractions too, which no patient has: this is the worst case, not a "
            "forecast."
        ]
    return []


def _by_group(strongest: Mapping[str, WorstDrop]) -> list[tuple[str, Any]]:
    """Both models side by side in each group."""
    rows = [(drop.who, MODELS[name], drop) for name, found in strongest.items() for drop in found.drops]
    rows.sort(key=lambda row: (row[0] != "all patients", row[0]))
    return [(f"{model}, {who}", drop) for who, model, drop in rows]


def _by_strength(
    gathered: Gathered, sums: Mapping[Key, PairedSums], rules: Mapping[str, Any]
) -> list[tuple[str, Drop]]:
    """Everyone's drop by model, attack and strength."""
    from audits.domain.robustness.drops import worst_drop

    return [
        (
            f"{MODELS[name]}, {ATTACKS[way]}, epsilon {factor * gathered.settings['epsilon']:g}",
            worst_drop(sums, (f"{name}/{way}/{level}",), **rules).drops[0],
        )
        for name in MODELS for way in ATTACKS for level, factor in enumerate(FACTORS)
    ]  # fmt: skip


def _evidence(gathered: Gathered, doubts: list[str]) -> dict[str, Any]:
    return {
        "patients": {site: sum(a.patients for a in answers) for site, answers in sorted(gathered.answers.items())},
        "not_measured": dict(gathered.absent),
        "no_gradient": {name: counted(gathered, f"no gradient from {name}") for name in MODELS},
        "epsilons": [factor * gathered.settings["epsilon"] for factor in FACTORS],
        "gradient_masking": doubts,
        "backend": "torch state vector, analytic, noiseless (no shots); equal to PennyLane default.qubit by test",
        "settings": dict(gathered.settings),
    }
