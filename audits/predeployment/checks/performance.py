"""How good the model is at all, and whether it is better than its classical twin."""

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
    Table,
)

if TYPE_CHECKING:
    from audits.domain.robustness.auc import SiteAuc
    from audits.domain.robustness.paired import Key
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.paired import PairedSums

Interval = tuple[float, float, float]  # value, lower, upper
CASES = {"classification": ("score",), "segmentation": ("score", "primary", "baseline")}
COLUMNS = ("Figure", "n", "Quantum", "From", "To", "Twin", "From", "To", "Difference", "From", "To")
RATES = {"ill": "Sensitivity", "healthy": "Specificity"}


@dataclass(frozen=True)
class PerformanceAnswer:
    """One site's sums.

    Attributes
    ----------
    patients : int
        Scored: all of them, or for segmentation those with a lesion.
    score : mapping of (case, attribute, group) to PairedSums
        Quantum model and twin on the same patients; for segmentation each also against 0, for the spread of its Dice.
    ill, healthy : PairedSums or None
        Who was found, who was left alone; None where either are too few to leave the site.
    auc : SiteAuc or None
    """

    patients: int
    score: Mapping[Key, PairedSums]
    ill: PairedSums | None
    healthy: PairedSums | None
    auc: SiteAuc | None


class Performance(Check):
    id = "performance"
    title = "Performance beside the classical twin"
    principle = Principle.PERFORMANCE
    question = "How often is the model right, and is the quantum part worth having?"
    inputs = ("audit patients", "both models")
    limit = Limit("required", Direction.AT_LEAST)
    parameters = (
        Parameter(
            "required", 0.7, "least AUC of a classifier, least Dice of a segmentation", 0.5, 0.999, tightens="up"
        ),
        Parameter("confidence", 0.95, "of each interval", 0.9, 0.999),
    )
    libraries = ("scipy",)

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        import numpy as np

        from audits.domain.robustness.auc import SiteAuc
        from audits.domain.robustness.paired import pair_up, shareable, to_rows
        from federation.domain.paired import PairedSums

        own, twin = (at.outcomes(name) for name in ("primary", "baseline"))
        truth, metric = own.truth, "accuracy" if at.task == "classification" else "dice"
        scored = np.ones(len(truth), dtype=bool) if metric == "accuracy" else truth
        groups = {name: values[scored] for name, values in at.audit.groups.items()}
        parts = shareable(groups, int(scored.sum()))
        if not parts:
            raise NotMeasured(f"{int(scored.sum())} patients to score are too few for sums that single nobody out")
        first, second = (outcomes.metrics[metric][scored] for outcomes in (own, twin))
        sums = pair_up("score", first, second, parts)
        if metric == "dice":
            nothing = np.zeros(len(first))
            sums |= pair_up("primary", first, nothing, parts) | pair_up("baseline", second, nothing, parts)
        split = {}
        if min(len(shareable({}, int(part.sum()))) for part in (truth, ~truth)):
            split["ill"] = PairedSums.of(own.flagged[truth] * 1.0, twin.flagged[truth] * 1.0).as_list()
            split["healthy"] = PairedSums.of(1.0 - own.flagged[~truth], 1.0 - twin.flagged[~truth]).as_list()
        area = SiteAuc.of(truth, own.score, twin.score)
        at.tell("scored", 1, 1)
        return {
            "task": at.task, "patients": int(scored.sum()), "rows": to_rows(sums), "split": split,
            "auc": area.as_list() if area else None,
        }  # fmt: skip

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> PerformanceAnswer:
        from audits.domain.robustness.auc import SiteAuc
        from audits.domain.robustness.paired import from_rows
        from federation.domain.paired import PairedSums

        patients, split = raw["patients"], raw["split"]
        if type(patients) is not int or patients < 1 or raw["task"] not in CASES:
            raise AnswerError(f"expected patients and a task, got {patients!r} and {raw['task']!r}")
        try:
            sums = from_rows(raw["rows"], patients=patients, cases=CASES[raw["task"]])
            rates = {name: PairedSums.from_list(split[name]) if split else None for name in RATES}
            area = SiteAuc.from_list(raw["auc"]) if raw["auc"] is not None else None
        except (KeyError, TypeError, ValueError) as error:
            raise AnswerError(str(error)) from error
        return PerformanceAnswer(patients, sums, rates["ill"], rates["healthy"], area)

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.robustness.auc import pooled_auc
        from audits.domain.robustness.paired import EVERYONE, merged

        confidence, required = gathered.settings["confidence"], gathered.settings["required"]
        sums = merged(answer.score for answer in gathered.each)
        binary = gathered.task == "classification"
        areas = [answer.auc for answer in gathered.each if answer.auc is not None]
        area = pooled_auc(areas, confidence) if areas else None
        score = _compared(sums, EVERYONE, confidence, binary=binary)
        rows = [_row("Accuracy" if binary else "Dice of patients with a lesion", sums["score", *EVERYONE].n, *score)]
        rates = {name: [r for answer in gathered.each if (r := getattr(answer, name)) is not None] for name in RATES}
        rows += _rate_rows(rates, confidence)
        if area:
            rows.append(_row("AUC within a site", area.ill + area.healthy, area.first, area.second, area.difference))
        judged = (area.first, area.difference) if binary and area else (score[0], score[2]) if not binary else None
        sentences = [
            *_said(judged, required, confidence, binary=binary),
            *_plain(rows[0], confidence, rates, binary=binary),
        ]
        verdict = Verdict.NOT_ASSESSABLE if judged is None else _verdict(judged[0], required)
        value, lower, upper = judged[0] if judged else (None, None, None)
        by_group = _group_rows(sums, confidence, binary=binary)
        return Result(
            verdict, tuple(sentences), value, lower, upper, required, confidence,
            tables=(
                Table("Both models on the same patients", COLUMNS, tuple(rows), "An empty cell was not measured."),
                Table("By group", COLUMNS, tuple(by_group), "Groups with fewer than 3 patients stay at their site."),
            ),
            figures=(_chart(rows, confidence),),
            evidence={
                "backend": "torch state vector, analytic, noiseless (no shots)",
                "patients": {site: a[0].patients for site, a in sorted(gathered.answers.items())},
                "sites_with_auc": sum(answer.auc is not None for answer in gathered.each),
                "not_measured": dict(gathered.absent),
            },
        )  # fmt: skip


def _compared(
    sums: Mapping[Key, PairedSums], part: tuple[str, str], confidence: float, *, binary: bool
) -> tuple[Interval, Interval, Interval]:
    """Quantum model, twin and their difference on one part of the patients."""
    pair = sums["score", *part]
    difference = (pair.difference, *pair.interval(confidence, binary=binary))
    if binary:
        return pair.rate("first", confidence), pair.rate("second", confidence), difference
    means = [sums[name, *part] for name in ("primary", "baseline")]
    one, two = (
        (mean.difference, *(max(0.0, bound) for bound in mean.interval(confidence, binary=False))) for mean in means
    )
    return one, two, difference  # type: ignore[return-value]  # the generator forgets that each has three members


def _row(
    label: str, n: int, one: Interval | None, two: Interval | None, difference: Interval | None
) -> tuple[Any, ...]:
    blank = (None, None, None)
    parts = (one or blank, two or blank, difference or blank)
    return (label, n, *(None if v is None else round(v, 4) for part in parts for v in part))


def _group_rows(sums: Mapping[Key, PairedSums], confidence: float, *, binary: bool) -> list[tuple[Any, ...]]:
    """Accuracy or Dice of each group."""
    return [
        _row(f"{attribute} = {group}", pair.n, *_compared(sums, (attribute, group), confidence, binary=binary))
        for (case, attribute, group), pair in sorted(sums.items()) if case == "score" and attribute
    ]  # fmt: skip


def _rate_rows(rates: Mapping[str, list[PairedSums]], confidence: float) -> list[tuple[Any, ...]]:
    """Sensitivity, specificity and the predictive values, which hold for the share of ill patients seen here."""
    from federation.domain.intervals import wilson

    if not all(rates.values()):
        return []
    total = {name: sum(found[1:], start=found[0]) for name, found in rates.items()}
    rows = [
        _row(
            RATES[name], pair.n, pair.rate("first", confidence), pair.rate("second", confidence),
            (pair.difference, *pair.interval(confidence, binary=True)),
        )
        for name, pair in total.items()
    ]  # fmt: skip
    ill, healthy = total["ill"], total["healthy"]

    def share(right: float, wrong: float) -> Interval | None:
        called = right + wrong
        return (right / called, *wilson(right, round(called), confidence)) if called >= 1 else None

    for label, right, wrong in (
        ("Positive predictive value", ill, healthy),
        ("Negative predictive value", healthy, ill),
    ):
        one, two = (share(getattr(right, which), wrong.n - getattr(wrong, which)) for which in ("first", "second"))
        rows.append(_row(label, ill.n + healthy.n, one, two, None))
    return rows


def _verdict(figure: Interval, required: float) -> Verdict:
    _, lower, upper = figure
    return Verdict.PASS if lower >= required else Verdict.FAIL if upper < required else Verdict.INCONCLUSIVE


def _said(judged: tuple[Interval, Interval] | None, required: float, confidence: float, *, binary: bool) -> list[str]:
    if judged is None:
        return ["No site has enough ill and healthy patients, so nobody can say how well the model tells them apart."]
    (value, lower, upper), (difference, low, high) = judged
    if binary:
        what = (
            f"In {value:.1%} of pairs of an ill and a healthy patient of one hospital the ill one scores higher (AUC)"
        )
    else:
        what = f"Patients with a lesion have a mean Dice of {value:.3f}"
    won = (
        "the quantum model wins"
        if low > 0
        else "the quantum model loses"
        if high < 0
        else "the quantum model does not win"
    )
    return [
        f"{what}; {confidence:.0%} interval {lower:.3f} to {upper:.3f}, at least {required:g} is required.",
        f"Against its classical twin on the same patients {won}: the difference is {difference:+.3f} "
        f"({low:+.3f} to {high:+.3f}).",
    ]


def _plain(
    row: tuple[Any, ...], confidence: float, rates: Mapping[str, list[PairedSums]], *, binary: bool
) -> list[str]:
    if not binary:
        return []
    said = f"It is right for {row[2]:.1%} of {row[1]} patients ({confidence:.0%} interval {row[3]:.1%} to {row[4]:.1%})"
    ill, healthy = (sum(pair.n for pair in rates[name]) for name in RATES)
    if ill + healthy == 0:
        return [f"{said}."]
    most = max(ill, healthy) / (ill + healthy)
    return [f"{said}; saying the more frequent answer to everybody would be right for {most:.1%}."]


def _chart(rows: list[tuple[Any, ...]], confidence: float) -> Figure:
    points = [
        (f"{row[0]}, {who}", *row[start : start + 3], tone)
        for row in rows for who, start, tone in (("quantum model", 2, "info"), ("classical twin", 5, "muted"))
    ]  # fmt: skip
    options = {"threshold": None, "x_label": "Share or area", "level": f"{confidence:.0%}", "allowed": ""}
    return Figure("intervals", "Quantum model and classical twin", points, options)
