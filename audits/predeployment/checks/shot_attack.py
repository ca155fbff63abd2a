"""The gradient attack as a holder of a quantum computer could make it: parameter shifts and finite shots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    AnswerError,
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
    StressAnswer,
    drop_chart,
    drop_table,
    read_stress,
    says_the_same_to_all,
)

if TYPE_CHECKING:
    from audits.domain.robustness.drops import Drop
    from audits.predeployment.checks.at_site import AtSite

CASES = {
    "shots": "quantum model, gradient from shots",
    "exact": "quantum model, exact gradient",
    "twin": "classical twin, exact gradient",
}
AT_ONCE = 4  # patients between two signs of life
NO_CIRCUIT = {"applicable": False}


@dataclass(frozen=True)
class ShotAnswer:
    """One site's sums, and what the gradients cost.

    Attributes
    ----------
    circuits : int
        Executed for all attacked patients.
    cosine, signs : float
        Sums over patients of `shot_gradients.agreement` with the exact gradient.
    """

    sums: StressAnswer
    circuits: int
    cosine: float
    signs: float


class ShotAttack(Check):
    id = "shot_attack"
    title = "Attack from measurements of the circuit"
    principle = Principle.SECURITY
    question = "How far does an attacker get who can only run the circuit and count, and what does it cost?"
    inputs = ("audit patients", "both models")
    tasks = ("classification",)
    runtime = Runtime.MINUTES
    limit = Limit("tolerated_drop", Direction.AT_MOST)
    parameters = (
        Parameter("tolerated_drop", 0.2, "largest drop in the share judged rightly", 0.01, 0.9, tightens="down"),
        Parameter("epsilon", 0.03, "largest change of any input value (1 is its whole range)", 0.001, 0.25),
        Parameter("shots", 1000, "measurements in each circuit", 10, 1_000_000),
        Parameter("patients", 24, "most patients attacked at a site, drawn at random", 3, 500, tightens="up"),
        Parameter("confidence", 0.95, "of the interval", 0.9, 0.999),
    )
    libraries = ("pennylane", "torch")

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        import numpy as np

        from audits.domain.robustness.attacks import Box, probe
        from audits.domain.robustness.paired import pair_up, shareable, to_rows
        from audits.domain.robustness.scores import flagged, patient_scores, some_patients
        from audits.domain.robustness.shot_gradients import agreement, quantum_core, shot_gradient

        chosen, model, twin = at.settings, at.models["primary"], at.models["baseline"]
        if quantum_core(model) is None:
            return NO_CIRCUIT
        data = some_patients(at.audit, chosen["patients"], at.rng("patients"))
        parts = shareable({}, data.n_patients)
        if not parts:
            raise NotMeasured(f"{data.n_patients} audit patients are too few for sums that single nobody out")
        box = Box.around(data.x, chosen["epsilon"])
        estimated, circuits = [], 0
        for start in range(0, data.n_patients, AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            seed = int(at.rng("shots", start).integers(2**31))
            found = shot_gradient(model, data.x[rows], data.y[rows], shots=chosen["shots"], seed=seed)
            estimated.append(found.gradient)
            circuits += found.circuits
            at.tell("gradients from shots", min(start + AT_ONCE, data.n_patients), data.n_patients)
        gradient = np.concatenate(estimated)
        clean = probe(model, data, data.x)
        own = probe(twin, data, data.x)

        def after(which: Any, step: Any) -> Any:
            return patient_scores(which, data, box.into(data.x + chosen["epsilon"] * np.sign(step)))

        shots, exact = after(model, gradient), after(model, clean.gradient)
        sums = pair_up("shots", clean.scores, shots, parts) | pair_up("exact", clean.scores, exact, parts)
        sums |= pair_up("twin", own.scores, after(twin, own.gradient), parts) | pair_up("between", shots, exact, parts)
        cosine, signs = agreement(clean.gradient, gradient)
        return {
            "applicable": True, "patients": data.n_patients, "rows": to_rows(sums), "circuits": circuits,
            "counts": {"flagged by primary": flagged(model, data)},
            "cosine": cosine * data.n_patients, "signs": signs * data.n_patients,
        }  # fmt: skip

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> ShotAnswer | None:
        if raw == NO_CIRCUIT:
            return None
        sums = read_stress(raw, cases=(*CASES, "between"), counts=("flagged by primary",))
        circuits, figures = raw.get("circuits"), (raw.get("cosine"), raw.get("signs"))
        if type(circuits) is not int or circuits < sums.patients:
            raise AnswerError(f"expected at least one circuit for each of {sums.patients} patients, got {circuits!r}")
        if not all(isinstance(v, int | float) and abs(v) <= sums.patients + 1e-6 for v in figures):
            raise AnswerError(f"expected agreements from -1 to 1 for each patient, got {figures}")
        return ShotAnswer(sums, circuits, float(raw["cosine"]), float(raw["signs"]))

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.robustness.drops import drop_of
        from audits.domain.robustness.paired import EVERYONE, merged

        if not _has_circuit(gathered):
            return Result(Verdict.NOT_APPLICABLE, ("No circuit takes this model's inputs directly, as angles.",))
        chosen, confidence = gathered.settings, gathered.settings["confidence"]
        sums = merged(answer.sums.sums for answer in gathered.each)
        drops = {
            case: drop_of((case, *EVERYONE), sums[case, *EVERYONE], confidence=confidence, binary=True)
            for case in CASES
        }
        found, tolerated = drops["shots"], chosen["tolerated_drop"]
        circuits = sum(answer.circuits for answer in gathered.each)
        cosine, signs = (
            sum(getattr(answer, name) for answer in gathered.each) / found.n for name in ("cosine", "signs")
        )
        reasons = _reasons(gathered, drops["exact"].upper, tolerated)
        between = sums["between", *EVERYONE].interval(confidence, binary=True)
        rows = [(CASES[case], drop) for case, drop in drops.items()]
        return Result(
            _verdict(found, tolerated, reasons),
            (
                *_damage(drops, between, chosen, circuits / found.n),
                f"The estimated gradient agrees with the exact one in {signs:.0%} of its signs (mean cosine "
                f"{cosine:.2f}).",
                _twin(drops["twin"]), *reasons,
            ),
            found.value, found.lower, found.upper, tolerated, confidence,
            tables=(drop_table("Drop after one gradient step", rows),),
            figures=(drop_chart("Drop after one gradient step", rows, tolerated, confidence),),
            evidence={
                "backend": "PennyLane default.qubit, noiseless, finite shots", "shots": chosen["shots"],
                "circuits": circuits, "circuits_per_gradient": circuits / found.n, "cosine": cosine,
                "equal_signs": signs, "patients": patients_of_sites(gathered), "settings": dict(chosen),
            },
            seeds={"audit": gathered.seed},
        )  # fmt: skip


def _has_circuit(gathered: Gathered) -> bool:
    """Whether the sites attacked a circuit; behind convolutions the exact gradient is attacked alone."""
    from audits.domain.robustness.shot_gradients import turns_rotations

    silent = [answer is None for answer in gathered.each]
    spec = gathered.config.get("models", {}).get("primary", {})
    if any(silent) and (turns_rotations(spec) or not all(silent)):
        raise AnswerError("expected attacks on one and the same circuit from every site, got none from some")
    return not all(silent)


def _verdict(found: Drop, tolerated: float, reasons: list[str]) -> Verdict:
    if found.lower > tolerated:
        return Verdict.FAIL
    return Verdict.PASS if found.upper <= tolerated and not reasons else Verdict.INCONCLUSIVE


def _damage(
    drops: Mapping[str, Drop], between: tuple[float, float], chosen: Mapping[str, Any], circuits: float
) -> tuple[str, str]:
    """What the step does, and what its gradient cost in circuits beside the exact one."""
    found, (low, high) = drops["shots"], between
    weaker = "is the weaker one" if low > 0 else "is not shown to be weaker"
    return (
        f"With gradients from {chosen['shots']} shots a circuit, one step of {chosen['epsilon']:g} takes the share "
        f"of patients judged rightly from {found.before:.3f} to {found.after:.3f}: a drop of {found.value:.3f} "
        f"({chosen['confidence']:.0%} interval {found.lower:.3f} to {found.upper:.3f}, n = {found.n}); at most "
        f"{chosen['tolerated_drop']:g} is tolerated.",
        f"Each gradient took {circuits:.0f} circuits ({circuits * chosen['shots']:.0f} shots) by the "
        "parameter-shift rule. With the simulator's exact gradient the drop is "
        f"{drops['exact'].value:.3f}: the attack from shots {weaker} ({low:+.3f} to {high:+.3f}).",
    )


def _twin(drop: Drop) -> str:
    return (
        f"The classical twin loses {drop.value:.3f} by the same step along its exact gradient "
        f"({drop.lower:.3f} to {drop.upper:.3f})."
    )


def patients_of_sites(gathered: Gathered) -> dict[str, int]:
    return {site: sum(a.sums.patients for a in answers) for site, answers in sorted(gathered.answers.items())}


def _reasons(gathered: Gathered, exact_upper: float, tolerated: float) -> list[str]:
    """Why a small drop from shots would not reassure."""
    inner = Gathered(
        gathered.task, gathered.settings, gathered.seed,
        {site: tuple(a.sums for a in answers) for site, answers in gathered.answers.items()},
    )  # fmt: skip
    reasons = [said] if (said := says_the_same_to_all(inner)) else []
    if exact_upper > tolerated:
        reasons.append(
            f"The exact gradient may cost up to {exact_upper:.3f}: who copies the weights needs no quantum computer."
        )
    return reasons
