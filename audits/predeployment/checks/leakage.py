"""Whether the model's representation gives away who its patients are. Reported: that is no harm by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from audits.domain.fairness.quantum_mmd import holm
from audits.domain.quantum.leakage import Leakage, Patients, SiteLeakage, can_learn, combine, hold_out, site_leakage
from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    Check,
    Direction,
    Figure,
    Gathered,
    Limit,
    Parameter,
    Principle,
    Result,
    Runtime,
    Table,
)
from audits.predeployment.checks.cells import require, scored
from audits.predeployment.checks.quantum_mmd import recorded_attributes
from federation.domain.data.dataset import UNKNOWN
from federation.domain.run_config import MODEL_NAMES

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite

ADVERSARIES = {"logistic": "logistic model", "mlp": "small network", "vqc": "quantum circuit"}
MODELS = {"primary": "quantum model", "baseline": "classical twin"}
_ROUNDING = 1e-6
_NO_HARM = (
    "That a representation encodes an attribute is no harm by itself, and an adversary that finds nothing shows only "
    "that these three found nothing."
)
SiteAnswer = dict[str, dict[str, SiteLeakage | None]]  # by model and attribute; None where it is not recorded


class LeakageCheck(Check):
    id = "leakage"
    title = "Leakage of protected attributes"
    principle = Principle.FAIRNESS
    question = "Can an adversary tell a patient's group from what the model makes of the patient, the label aside?"
    inputs = ("audit patients and their attributes", "training patients, to train the adversaries", "both models")
    runtime = Runtime.SECONDS
    limit = Limit("largest_auc", Direction.AT_MOST)
    parameters = (
        Parameter("largest_auc", 0.7, "The share of pairs that an adversary may tell apart.", 0.5, 1, tightens="down"),
        Parameter("confidence", 0.95, "How sure all bounds of a model together are.", 0.9, 0.999, tightens="up"),
        Parameter("alpha", 0.05, "The chance of flagging any attribute of a fair model.", 0.001, 0.2),
        Parameter("permutations", 499, "Random namings of the groups.", 99, 9_999, tightens="up"),
        Parameter("qubits", 4, "Of the quantum adversary.", 4, 8),
        Parameter("layers", 3, "Of the quantum adversary.", 1, 8),
        Parameter("epochs", 60, "Steps in which each adversary is trained.", 10, 500, tightens="up"),
    )
    libraries = ("torch", "numpy", "scipy")

    def measure(self, at: AtSite) -> dict[str, Any]:
        recorded = recorded_attributes(at)
        found: dict[str, dict[str, Any]] = {model: {} for model in MODEL_NAMES}
        steps = [(model, attribute) for model in MODEL_NAMES for attribute in recorded]
        for step, (model, attribute) in enumerate(steps):
            at.tell(f"guessing {attribute} from the {MODELS[model]}", step, len(steps))
            found[model][attribute] = _leakage(at, model, attribute, recorded[attribute]).as_dict()
        return {"models": found, "not_recorded": sorted(at.reference_groups.keys() - recorded.keys())}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> SiteAnswer:
        answer: SiteAnswer = {}
        for model in MODEL_NAMES:
            tests = {name: SiteLeakage.from_dict(row) for name, row in raw["models"][model].items()}
            for attribute, found in tests.items():
                _check(site, f"{model}, {attribute}", found, settings["permutations"] + 1)
            answer[model] = {**dict.fromkeys(raw["not_recorded"]), **tests}
        require(
            len({frozenset(tests) for tests in answer.values()}) == 1, "expected the same attributes of both models"
        )
        return answer

    def conclude(self, gathered: Gathered) -> Result:
        rows = _rows(gathered)
        mine = [row for row in rows if row["model"] == "primary"]
        known = [row for row in mine if row["auc"] is not None]
        missing = sorted({row["attribute"] for row in mine if row["auc"] is None})
        limit = gathered.settings["largest_auc"]
        verdict = _verdict(known, missing, limit)
        worst = max(known, key=lambda row: row["auc"], default=None)
        return Result(
            verdict,
            tuple(_sentences(rows, worst, missing, gathered.settings["alpha"])),
            value=worst["auc"] if worst else None,
            lower=max((row["lower"] for row in known), default=None),
            upper=max((row["upper"] for row in known), default=None),
            threshold=limit,
            level=gathered.settings["confidence"],
            tables=(_table(rows),),
            figures=_figures(known, limit, gathered.settings["confidence"]),
            evidence={
                "rows": rows, "adjustment": "Holm over attributes, for each adversary apart",
                "bounds": "simultaneous over attributes and adversaries", "settings": dict(gathered.settings),
                "facts": _facts(gathered), "not_tested": missing,
            },
            seeds={"adversaries": gathered.seed},
        )  # fmt: skip


def _leakage(at: AtSite, model: str, attribute: str, reference: str) -> SiteLeakage:
    from functools import partial

    from audits.domain.quantum.adversaries import train

    rng = at.rng(attribute)  # so that both models meet the same patients, namings and initial weights
    learn, test = _patients(at, model, attribute, "train"), _patients(at, model, attribute, "audit")
    if not can_learn(learn, reference):  # a site that brings audit patients only
        learn, test = hold_out(test, rng)
    seed = int(rng.integers(2**31))
    settings = _adversary_settings(at.settings)
    return site_leakage(
        learn, test, {name: partial(train, name, settings=settings, seed=seed) for name in ADVERSARIES},
        site=at.site, reference_group=reference, permutations=at.settings["permutations"], rng=rng,
    )  # fmt: skip


def _patients(at: AtSite, model: str, attribute: str, split: str) -> Patients:
    data = getattr(at.bench.splits, split)
    group = data.groups.get(attribute, np.full(data.n_patients, UNKNOWN))
    if not data.n_patients:
        return Patients(np.empty((0, scored(at, model).representation.shape[1])), np.empty(0, dtype=np.int64), group)
    found = scored(at, model, split)
    return Patients(found.representation, found.stratum, group)


def _adversary_settings(settings: Mapping[str, Any]) -> Any:
    from audits.domain.quantum.adversaries import AdversarySettings

    return AdversarySettings(**{name: settings[name] for name in ("qubits", "layers", "epochs")})


def _check(site: str, what: str, found: SiteLeakage, length: int) -> None:
    require(found.site == site, f"{what}: expected sums of {site}, got those of {found.site!r}")
    require(
        set(found.adversaries) in (set(), set(ADVERSARIES)),
        f"{what}: expected the adversaries {sorted(ADVERSARIES)} or none, got {sorted(found.adversaries)}",
    )
    require(1 <= found.inputs <= 64, f"{what}: expected 1 to 64 inputs, got {found.inputs}")
    require(all(min(row.reference, row.others) >= 5 for row in found.used), f"{what}: a stratum is too small")
    pairs = sum(row.reference * row.others for row in found.used)
    n = sum(row.reference + row.others for row in found.used)
    for name, sums in found.adversaries.items():
        require(pairs > 0, f"{what}: expected no adversary where no patients can be compared, got {name}")
        values = np.array(sums.concordant)
        require(len(values) == length, f"{what}: expected {length} counts of {name}, got {len(values)}")
        inside = bool(np.isfinite(values).all() and (values >= 0).all() and (values <= pairs).all())
        require(inside, f"{what}: expected counts of {name} from 0 to its {pairs} pairs, got others")
        finite = bool(np.isfinite([sums.bits, sums.bits_squared]).all())
        possible = finite and sums.bits**2 <= n * sums.bits_squared + _ROUNDING
        require(possible, f"{what}: expected the bits of {name} to be those of {n} patients, got others")


def _rows(gathered: Gathered) -> list[dict[str, Any]]:
    """One row a model, attribute and adversary."""
    attributes = sorted({name for answer in gathered.each for name in answer["primary"]})
    joint = 1 - (1 - gathered.settings["confidence"]) / max(1, len(attributes) * len(ADVERSARIES))
    rows = []
    for model in MODEL_NAMES:
        for adversary in ADVERSARIES:
            found = {}
            for attribute in attributes:
                shares = [a[model][attribute] for a in gathered.each if a[model].get(attribute) is not None]
                found[attribute] = combine(shares, adversary, confidence=joint)
            adjusted = holm({name: leak.p for name, leak in found.items() if leak})
            rows += [
                {"model": model, "attribute": name, "adversary": adversary, **_figures_of(leak),
                 "p_holm": adjusted.get(name)}
                for name, leak in found.items()
            ]  # fmt: skip
    return rows


def _figures_of(leak: Leakage | None) -> dict[str, Any]:
    return asdict(leak) if leak else dict.fromkeys(Leakage.__dataclass_fields__)


def _verdict(known: Sequence[Mapping[str, Any]], missing: Sequence[str], limit: float) -> Verdict:
    if not known:
        return Verdict.NOT_ASSESSABLE
    if any(row["lower"] > limit for row in known):
        return Verdict.FAIL
    if missing or any(row["upper"] > limit for row in known):
        return Verdict.INCONCLUSIVE
    return Verdict.PASS


def _sentences(
    rows: Sequence[Mapping[str, Any]], worst: Mapping[str, Any] | None, missing: Sequence[str], alpha: float
) -> list[str]:
    if worst is None:
        return ["No attribute could be tested: nowhere were there enough patients of two groups with the same label."]
    mine = [row for row in rows if row["model"] == "primary"]
    flagged = [row for row in mine if row["p_holm"] is not None and row["p_holm"] <= alpha]
    read_by = {name: [row["attribute"] for row in flagged if row["adversary"] == name] for name in ADVERSARIES}
    named = "; ".join(f"{ADVERSARIES[name]}: {', '.join(which) or 'nothing'}" for name, which in read_by.items())
    found = [
        f"Of two patients with the same label, one of either group of {worst['attribute']}, the best adversary "
        f"({ADVERSARIES[worst['adversary']]}) tells which is which in {worst['auc']:.0%} of pairs (bounds "
        f"{worst['lower']:.0%} to {worst['upper']:.0%}); guessing gives 50%.",
        _side_by_side([row for row in rows if row["attribute"] == worst["attribute"]]),
        f"Read better than by guessing (p at most {alpha:g}, adjusted over attributes for each adversary): {named}.",
        _NO_HARM,
    ]
    return [*found, f"Could not be tested: {', '.join(missing)}."] if missing else found


def _side_by_side(rows: Sequence[Mapping[str, Any]]) -> str:
    """The quantum adversary beside the classical ones, and the quantum model beside its twin, for one attribute."""
    mine = {row["adversary"]: row for row in rows if row["model"] == "primary"}
    twin = max(row["auc"] for row in rows if row["model"] == "baseline" and row["auc"] is not None)
    ahead = mine["vqc"]["lower"] > max(row["upper"] for name, row in mine.items() if name != "vqc")
    figures = ", ".join(f"{ADVERSARIES[name]} {row['auc']:.3f}" for name, row in mine.items())
    return (
        f"From the quantum model's representation: {figures}; the quantum adversary "
        f"{'reads more than the classical ones' if ahead else 'is not shown to read more than the classical ones'}. "
        f"From the classical twin's the best reaches {twin:.3f}."
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = tuple(
        (MODELS[r["model"]], r["attribute"], ADVERSARIES[r["adversary"]], r["n"], r["auc"], r["lower"], r["upper"],
         r["bits"], r["bits_lower"], r["bits_upper"], r["p"], r["p_holm"])
        for r in rows
    )  # fmt: skip
    columns = (
        "Representation of", "Attribute", "Adversary", "Patients", "AUC", "At least", "At most", "Bits a patient",
        "Bits at least", "Bits at most", "p", "p (Holm)",
    )  # fmt: skip
    note = "AUC: 0.5 guesses, 1 always knows. Bits: what is learned beyond the label; below 0, something untrue."
    return Table("What each adversary reads", columns, cells, note)


def _figures(known: Sequence[Mapping[str, Any]], limit: float, confidence: float) -> tuple[Figure, ...]:
    if not known:
        return ()
    rows = tuple(
        (f"{r['attribute']}: {ADVERSARIES[r['adversary']]}", r["auc"], r["lower"], r["upper"],
         _verdict([r], (), limit).value)
        for r in sorted(known, key=lambda r: r["attribute"])
    )  # fmt: skip
    options = {
        "threshold": limit, "x_range": (0.0, 1.0), "x_label": "Pairs told apart; 0.5 is guessing",
        "level": f"{confidence:.0%}".replace("%", " %"),
    }  # fmt: skip
    return (Figure("intervals", "What each adversary reads from the quantum model", rows, options),)


def _facts(gathered: Gathered) -> dict[str, Any]:
    from audits.domain.quantum.adversaries import facts

    inputs = [leak.inputs for answer in gathered.each for leak in answer["primary"].values() if leak]
    return {"seed": gathered.seed, **facts(max(inputs), _adversary_settings(gathered.settings))} if inputs else {}
