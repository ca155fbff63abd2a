"""What the LIME explanations of all sites are worth together: their score, two negative controls, and their content.

A score is no evidence alone (see `score`). A PASS also needs two models that cannot know to score well below, for
images weight that lies on the lesion, and for tables weight that is not all on one column, as a column that gives the
answer away would have it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite, sqrt
from typing import Any

from scipy.stats import t as student

from audits.domain.explain.score import RecordScore
from audits.domain.verdict import Verdict
from federation.domain.group_rates import Sums

LEAST_RECORDS = 2
CONTROLS = {
    "weights": "the same network with its learned weights in random order",
    "labels": "the same network trained on shuffled diagnoses",
}
PARTS = ("fit", "stability", "faithfulness", "rcf", "lesion_mass")
_ROUNDING = 1e-6


@dataclass(frozen=True)
class SiteExplanation:
    """What leaves a site: sums over the explained records, and mean weights. No single record's score or weights.

    Attributes
    ----------
    kind : "tabular" or "image"
    parts : mapping of `PARTS` to Sums
        Sums over records of values in [0, 1]; RCF is divided by 100. `lesion_mass` counts only outlined records.
    controls : mapping of `CONTROLS` to Sums
        RCF / 100 of the same kind of records explained with a model that cannot know; a control that could not be made
        is left out.
    weights : mapping of feature to float
        Share of the mean absolute weight, summing to 1 (tabular only).
    """

    kind: str
    parts: Mapping[str, Sums]
    controls: Mapping[str, Sums]
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        kind: str,
        scores: Sequence[RecordScore],
        controls: Mapping[str, Sequence[RecordScore]],
        weights: Mapping[str, float] | None = None,
    ) -> SiteExplanation:
        """Count the records of a site."""
        outlined = [row.lesion_mass for row in scores if row.lesion_mass is not None]
        parts = {name: sums_of([getattr(row, name) for row in scores]) for name in PARTS[:3]}
        parts |= {"rcf": sums_of([row.rcf / 100 for row in scores]), "lesion_mass": sums_of(outlined)}
        known = {name: sums_of([row.rcf / 100 for row in rows]) for name, rows in controls.items() if rows}
        return cls(kind, parts, known, dict(weights or {}))

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "parts": {name: asdict(sums) for name, sums in self.parts.items()},
            "controls": {name: asdict(sums) for name, sums in self.controls.items()},
            "weights": dict(self.weights),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, most: int) -> SiteExplanation:
        """Read what `as_dict` wrote, with suspicion.

        Parameters
        ----------
        most : int
            Records that were asked for.

        Raises
        ------
        ValueError
            For sums that no records can have, or weights that are no shares.
        """
        parts = {name: _read_sums(name, row, most) for name, row in raw["parts"].items()}
        controls = {name: _read_sums(name, row, most) for name, row in raw["controls"].items()}
        weights = {str(name): float(value) for name, value in raw["weights"].items()}
        if set(parts) != set(PARTS) or not set(controls) <= set(CONTROLS):
            raise ValueError(f"expected the sums of {', '.join(PARTS)}, got {sorted(parts)} and {sorted(controls)}")
        if len({parts[name].n for name in PARTS[:4]}) != 1 or parts["rcf"].n < LEAST_RECORDS:
            raise ValueError(f"expected every part of the same records, at least {LEAST_RECORDS}")
        shares = all(0 <= value <= 1 for value in weights.values())  # NaN is not
        if weights and not (shares and abs(sum(weights.values()) - 1) < 1e-3):
            raise ValueError(f"expected weights that are shares and sum to 1, got {sum(weights.values()):g}")
        return cls(str(raw["kind"]), parts, controls, weights)


def sums_of(values: Sequence[float]) -> Sums:
    return Sums(len(values), float(sum(values)), float(sum(value**2 for value in values)))


def _read_sums(name: str, raw: Mapping[str, Any], most: int) -> Sums:
    found = Sums(raw["n"], float(raw["total"]), float(raw["total_sq"]))
    whole = type(found.n) is int and 0 <= found.n <= most and isfinite(found.total) and isfinite(found.total_sq)
    inside = whole and -_ROUNDING <= found.total <= found.n + _ROUNDING
    if not inside or not -_ROUNDING <= found.total_sq <= found.total + _ROUNDING:
        raise ValueError(f"expected sums of {name} over 0 to {most} values in [0, 1], got {dict(raw)}")
    return found


@dataclass(frozen=True)
class Interval:
    """A mean over records with its 95 % interval (Student's t); bounds None below two records."""

    n: int
    mean: float
    lower: float | None
    upper: float | None

    @classmethod
    def of(cls, sums: Sums, *, highest: float = 1.0) -> Interval | None:
        """Mean and interval in units of `highest`, cut to [0, highest]; None without a record."""
        if sums.mean is None:
            return None
        if sums.variance is None:
            return cls(sums.n, highest * sums.mean, None, None)
        reach = float(student.ppf(0.975, sums.n - 1)) * sqrt(sums.variance / sums.n)
        lower, upper = max(0.0, sums.mean - reach), min(1.0, sums.mean + reach)
        return cls(sums.n, highest * sums.mean, highest * lower, highest * upper)


@dataclass(frozen=True)
class Rules:
    """What is asked for, fixed by the policy.

    Attributes
    ----------
    required : float, in [0, 100]
        RCF.
    margin : float
        By how much the lower bound of RCF must exceed each control's upper bound.
    lesion_required : float, in [0, 1]
        Lesion mass that its lower bound must exceed (images).
    most_on_one : float, in (0, 1]
        Largest share of the weight on one column (tables).
    """

    required: float = 80.0
    margin: float = 20.0
    lesion_required: float = 0.05
    most_on_one: float = 0.5


@dataclass(frozen=True)
class Explanation:
    """All sites together. Means are None where there was no record. `control` is the higher of the two `controls`."""

    verdict: Verdict
    rcf: Interval | None
    control: Interval | None
    controls: Mapping[str, Interval]
    fit: Interval | None
    stability: Interval | None
    faithfulness: Interval | None
    lesion_mass: Interval | None
    weights: Mapping[str, float]
    sites: tuple[str, ...]
    required: float
    doubts: tuple[str, ...]
    sentences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict.value}


def combine(sites: Mapping[str, SiteExplanation], rules: Rules | None = None) -> Explanation:
    """All sites' explanations, and what they are worth.

    Returns
    -------
    Explanation
        FAIL if the upper bound of RCF is below `required`. PASS if its lower bound is not, both controls are `margin`
        below it and the weight lies where it should. NOT_ASSESSABLE without records. INCONCLUSIVE otherwise.

    Raises
    ------
    ValueError
        If sites differ in kind.
    """
    rules = rules or Rules()
    if len({site.kind for site in sites.values()}) > 1:
        raise ValueError("expected every site to explain the same kind of records, got tables and images")
    parts = {name: _pooled([s.parts[name] for s in sites.values()]) for name in PARTS}
    found = {name: Interval.of(sums, highest=100.0 if name == "rcf" else 1.0) for name, sums in parts.items()}
    controls = {
        name: read
        for name in CONTROLS
        if (read := Interval.of(_pooled([s.controls[name] for s in sites.values() if name in s.controls]), highest=100))
    }
    weights = _mean_weights(sites.values())
    doubts = [*_control_doubts(found["rcf"], controls, rules.margin)]
    if any(site.kind == "image" for site in sites.values()):
        doubts += _lesion_doubts(found["lesion_mass"], rules.lesion_required)
    doubts += _column_doubts(weights, rules.most_on_one)
    verdict = _verdict(found["rcf"], doubts, rules.required)
    worst = max(controls.values(), key=lambda control: control.upper or control.mean, default=None)
    return Explanation(
        verdict, found["rcf"], worst, controls, found["fit"], found["stability"], found["faithfulness"],
        found["lesion_mass"], weights, tuple(sorted(sites)), rules.required, tuple(doubts),
        _sentences(verdict, found, controls, weights, rules.required, doubts),
    )  # fmt: skip


def _pooled(parts: Sequence[Sums]) -> Sums:
    return sum(parts, Sums(0, 0.0, 0.0))


def _control_doubts(score: Interval | None, controls: Mapping[str, Interval], margin: float) -> list[str]:
    """Why the controls take a high score's meaning away."""
    out = []
    for name, words in CONTROLS.items():
        control = controls.get(name)
        if control is None or control.upper is None:
            out.append(f"The control is missing: {words} could not be explained on at least two records.")
        elif score is not None and score.lower is not None and score.lower < control.upper + margin:
            out.append(f"The control ({words}) cannot know and may score nearly as high, so the score shows little.")
    return out


def _lesion_doubts(mass: Interval | None, wanted: float) -> list[str]:
    if mass is not None and mass.lower is not None and mass.lower > wanted:
        return []
    return ["It is not shown that the weight lies on lesions; a shortcut elsewhere in the image could score as well."]


def _column_doubts(weights: Mapping[str, float], most: float) -> list[str]:
    if not weights:
        return []
    heaviest = max(weights, key=lambda name: weights[name])
    if weights[heaviest] <= most:
        return []
    return [
        f"The column {heaviest} carries {weights[heaviest]:.0%} of the weight, over the {most:.0%} that is accepted: "
        "it may give the answer away. Find out whether it is known before the diagnosis."
    ]


def _verdict(score: Interval | None, doubts: Sequence[str], required: float) -> Verdict:
    if score is None:
        return Verdict.NOT_ASSESSABLE
    if score.lower is None or score.upper is None:
        return Verdict.INCONCLUSIVE
    if score.upper < required:
        return Verdict.FAIL
    return Verdict.PASS if score.lower >= required and not doubts else Verdict.INCONCLUSIVE


def _mean_weights(sites: Collection[SiteExplanation]) -> dict[str, float]:
    """Mean over records of the sites' mean absolute weights."""
    weighted = [site for site in sites if site.weights]
    total = sum(site.parts["rcf"].n for site in weighted)
    names = dict.fromkeys(name for site in weighted for name in site.weights)
    return {name: sum(s.parts["rcf"].n * s.weights.get(name, 0.0) for s in weighted) / total for name in names}


def _sentences(
    verdict: Verdict,
    found: Mapping[str, Interval | None],
    controls: Mapping[str, Interval],
    weights: Mapping[str, float],
    required: float,
    doubts: Sequence[str],
) -> tuple[str, ...]:
    score, mass = found["rcf"], found["lesion_mass"]
    if score is None:
        return (f"No record was explained. {verdict.explanation}",)
    out = [f"LIME's reasons for single answers score {_words(score)} of 100 (RCF); {required:g} are asked for."]
    out += [f"As a check of this score, {CONTROLS[name]} scores {_words(read)}." for name, read in controls.items()]
    if mass is not None:
        out.append(f"The share of weight on the lesion, beyond its area, is {_words(mass)} of 1.")
    if weights:
        heaviest = sorted(weights, key=lambda name: -weights[name])[:3]
        out.append(f"The heaviest columns are {', '.join(f'{name} ({weights[name]:.0%})' for name in heaviest)}.")
    return (*out, *doubts) if verdict is Verdict.INCONCLUSIVE and doubts else (*out, verdict.explanation)


def _words(found: Interval) -> str:
    if found.lower is None or found.upper is None:
        return f"{found.mean:.3g} (one record, no interval)"
    return f"{found.mean:.3g} ({found.n} records, 95% interval {found.lower:.3g} to {found.upper:.3g})"
