"""The price of opacity: the model under audit beside one that people can read, on the same patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from audits.predeployment.checks.stress import MODELS, score_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audits.domain.explain.glass_box import GlassBox
    from audits.domain.robustness.auc import SiteAuc
    from audits.domain.robustness.paired import Key
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.data.dataset import SiteData
    from federation.domain.paired import PairedSums

SHOWN, CURVES = 10, 3
STEPS = 16  # of a curve, as `explain.glass_box.BINS`
LEAST_OF_EACH = 5  # training patients of each label
_HIGHEST_LOG_ODDS = 50.0


@dataclass(frozen=True)
class GlassAnswer:
    """One site's sums: both models against the readable one, areas (tables only), and the readable model's curves."""

    patients: int
    trained_on: int
    sums: Mapping[Key, PairedSums]
    auc: SiteAuc | None
    importance: Mapping[str, float]
    shapes: Mapping[str, tuple[float | None, ...]]


class PriceOfOpacity(Check):
    id = "glass_box"
    title = "Price of opacity"
    principle = Principle.TRANSPARENCY
    question = "What does this model do better than one that people can read?"
    inputs = ("audit patients", "training patients", "both models")
    runtime = Runtime.MINUTES
    limit = Limit("worth", Direction.AT_LEAST)
    parameters = (
        Parameter("worth", 0.02, "gain in the score from which an opaque model is worth its opacity", 0.0, 0.5,
                  tightens="up"),
        Parameter("bags", 4, "machines that the readable model averages", 1, 50),
        Parameter("side", 32, "pixels across at which images are judged by the readable model", 4, 128),
        Parameter("pixels", 8000, "training pixels of the readable model", 500, 200_000),
        Parameter("confidence", 0.95, "of each interval", 0.9, 0.999),
    )  # fmt: skip
    libraries = ("interpret-core", "scikit-learn")

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        from audits.domain.robustness.auc import SiteAuc
        from audits.domain.robustness.paired import pair_up, to_rows
        from federation.domain.paired import LEAST

        if at.audit.n_patients < LEAST:
            raise NotMeasured(f"{at.audit.n_patients} audit patients are too few; {LEAST} are needed")
        at.tell("training the readable model", 1, 2)
        classifies = at.task == "classification"
        names, box, score, probability = _tabular(at) if classifies else _pixels(at)
        at.tell("scoring both models", 2, 2)
        everyone = {("", ""): score == score}
        sums: dict[Key, PairedSums] = {}
        for name in MODELS:
            sums |= pair_up(f"{name}/glass", _score(at, name), score, everyone)
        opaque = at.outcomes("primary")
        auc = SiteAuc.of(opaque.truth, opaque.score, probability) if probability is not None else None
        return {
            "patients": at.audit.n_patients, "trained_on": at.train.n_patients, "rows": to_rows(sums),
            "auc": auc.as_list() if auc else None,
            "importance": dict(zip(names, box.importance.round(3).tolist(), strict=True)),
            "shapes": dict(zip(names, box.shapes.round(2).tolist(), strict=True)),
        }  # fmt: skip

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> GlassAnswer:
        from audits.domain.robustness.auc import SiteAuc
        from audits.domain.robustness.paired import from_rows

        for name in ("patients", "trained_on"):
            if type(raw[name]) is not int or raw[name] < 1:
                raise AnswerError(f"expected the number of patients, got {raw[name]!r}")
        sums = from_rows(raw["rows"], patients=raw["patients"], cases=[f"{name}/glass" for name in MODELS])
        importance = {str(name): float(value) for name, value in raw["importance"].items()}
        shapes = {str(name): tuple(row) for name, row in raw["shapes"].items()}
        values = [*importance.values(), *(v for row in shapes.values() for v in row if v is not None)]
        if set(shapes) != set(importance) or not all(-_HIGHEST_LOG_ODDS <= v <= _HIGHEST_LOG_ODDS for v in values):
            raise AnswerError("expected one curve and one importance for each column, as finite log-odds")
        if any(len(row) != STEPS for row in shapes.values()):
            raise AnswerError(f"expected curves of {STEPS} steps, got {sorted({len(row) for row in shapes.values()})}")
        if min(importance.values(), default=0.0) < 0:
            raise AnswerError("expected importances of at least 0")
        auc = None if raw["auc"] is None else SiteAuc.from_list(raw["auc"])
        return GlassAnswer(raw["patients"], raw["trained_on"], sums, auc, importance, shapes)

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.robustness.paired import merged

        answers, chosen = gathered.each, gathered.settings
        level, worth, binary = chosen["confidence"], chosen["worth"], gathered.task == "classification"
        sums = merged(answer.sums for answer in answers)
        pair = sums["primary/glass", "", ""]
        lower, upper = pair.interval(level, binary=binary)
        verdict = Verdict.PASS if lower >= worth else Verdict.FAIL if upper < worth else Verdict.INCONCLUSIVE
        importance = _averaged(answers)
        heaviest = sorted(importance, key=lambda name: -importance[name])
        sentences = [*_sentences(gathered, sums, verdict), f"It relies most on {', '.join(heaviest[:CURVES])}."]
        auc = _auc(answers, level)
        if auc is not None:
            value, low, high = auc.difference
            sentences.append(
                f"In telling ill from healthy patients of one hospital (AUC), {auc.first[0]:.3f} against "
                f"{auc.second[0]:.3f}: {value:+.3f} ({low:+.3f} to {high:+.3f})."
            )
        sentences.append(
            "Each hospital trained the readable model on its own patients alone; the audited model learned from all."
        )
        return Result(
            verdict, tuple(sentences), pair.difference, lower, upper, worth, level,
            tables=_tables(sums, answers, importance, heaviest, level, binary),
            figures=_figures(answers, importance, heaviest),
            evidence={
                "auc": auc, "importance": importance, "settings": dict(chosen), "not_measured": dict(gathered.absent),
                "patients": {site: rows[0].patients for site, rows in sorted(gathered.answers.items())},
                "trained_on": {site: rows[0].trained_on for site, rows in sorted(gathered.answers.items())},
                "shapes": {name: _curve(answers, name) for name in heaviest[:SHOWN]},
            },
            seeds={"audit": gathered.seed},
        )  # fmt: skip


def _tabular(at: AtSite) -> tuple[tuple[str, ...], GlassBox, NDArray[np.float64], NDArray[np.float64] | None]:
    """Names, the readable model, its score and its probability for each audit patient."""
    from audits.domain.explain.glass_box import fit
    from audits.domain.robustness.scores import scored

    ill = int(at.train.y.sum())
    if min(ill, len(at.train.y) - ill) < LEAST_OF_EACH:
        raise NotMeasured(f"the readable model needs {LEAST_OF_EACH} ill and {LEAST_OF_EACH} healthy training patients")
    names, rows = _columns(at.audit)
    seed = int(at.rng("machine").integers(2**31))
    box = fit(_columns(at.train)[1], at.train.y, bags=at.settings["bags"], seed=seed)
    probability = box.probability(rows)
    return names, box, scored(probability, at.audit), probability[_by_patient(at)]


def _columns(data: SiteData) -> tuple[tuple[str, ...], NDArray[np.floating]]:
    """What people can read of each row: its columns; of an image, the mean, spread and peak of each channel."""
    from audits.domain.robustness.operating_range import inputs_of

    if not data.imaged:
        return data.feature_names, data.x
    names, figures = inputs_of(data)
    return names, figures[data.patient_index]


def _pixels(at: AtSite) -> tuple[tuple[str, ...], GlassBox, NDArray[np.float64], None]:
    from audits.domain.explain.glass_box import fit_pixels, pixel_names
    from audits.domain.robustness.scores import scored

    if at.train.n_patients < LEAST_OF_EACH:
        raise NotMeasured(f"the readable model needs {LEAST_OF_EACH} training patients")
    side = next(s for s in range(min(at.settings["side"], at.train.x.shape[2]), 0, -1) if _divides(s, at))
    try:
        judge = fit_pixels(
            at.train.x, at.train.y, side=side, most=at.settings["pixels"], bags=at.settings["bags"],
            rng=at.rng("machine"),
        )  # fmt: skip
    except ValueError as error:
        raise NotMeasured(f"no readable model could be trained here: {error}") from error
    score = scored(judge.marks(at.audit.x).astype(float), at.audit)
    return pixel_names(at.audit.feature_names), judge.box, score, None


def _divides(side: int, at: AtSite) -> bool:
    return all(length % side == 0 for length in at.train.x.shape[2:])


def _by_patient(at: AtSite) -> NDArray[np.int64]:
    import numpy as np

    return np.argsort(at.audit.patient_index)


def _score(at: AtSite, name: str) -> NDArray[np.float64]:
    """One score a patient, as `scored` defines it, from what was measured once for the whole audit."""
    import numpy as np

    outcomes = at.outcomes(name)
    if not np.isfinite(outcomes.score).all():
        raise ValueError(f"expected finite answers, got {int((~np.isfinite(outcomes.score)).sum())} NaN or infinite")
    score = outcomes.metrics["accuracy" if at.task == "classification" else "dice"]
    return np.where(np.isnan(score), 1.0, score)


def _sentences(gathered: Gathered, sums: Mapping[Key, PairedSums], verdict: Verdict) -> Iterator[str]:
    level, worth = gathered.settings["confidence"], gathered.settings["worth"]
    binary, words = gathered.task == "classification", score_words(gathered.task)
    pair, twin = (sums[f"{name}/glass", "", ""] for name in MODELS)
    lower, upper = pair.interval(level, binary=binary)
    yield (
        f"The {words} is {pair.first / pair.n:.3f} for the audited model and {pair.second / pair.n:.3f} for a model "
        f"that people can read: a difference of {pair.difference:+.3f} ({level:.0%} interval {lower:+.3f} to "
        f"{upper:+.3f}, {pair.n} patients)."
    )
    if upper < 0:
        yield "The readable model is the better one: the opaque model buys nothing."
    elif verdict is Verdict.FAIL:
        yield f"The readable model is as good, within {worth:g}: the opaque model buys nothing worth having."
    elif verdict is Verdict.PASS:
        yield f"The opaque model is better by at least {worth:g}: that is what its opacity buys."
    else:
        yield f"It is not shown that the opaque model buys {worth:g} or more; a readable one may do as well."
    low, high = twin.interval(level, binary=binary)
    yield (
        f"The classical twin differs from the readable model by {twin.difference:+.3f} ({low:+.3f} to {high:+.3f}) "
        "on the same patients."
    )
    if not binary:
        yield "The readable model marks images pixel by pixel at low resolution, which limits its Dice."


def _auc(answers: list[GlassAnswer], level: float) -> Any:
    from audits.domain.robustness.auc import pooled_auc

    known = [answer.auc for answer in answers if answer.auc is not None]
    return pooled_auc(known, level) if known else None


def _averaged(answers: list[GlassAnswer]) -> dict[str, float]:
    """Importance of each column, weighted by training patients."""
    total = sum(answer.trained_on for answer in answers)
    names = dict.fromkeys(name for answer in answers for name in answer.importance)
    return {name: sum(a.trained_on * a.importance.get(name, 0.0) for a in answers) / total for name in names}


def _curve(answers: list[GlassAnswer], name: str) -> list[tuple[float, float]]:
    """(middle of the bin, mean log-odds over the sites that have patients there)."""
    curves = [(answer.trained_on, answer.shapes[name]) for answer in answers if name in answer.shapes]
    points = []
    for place, values in enumerate(zip(*(row for _, row in curves), strict=True)):
        known = [(n, value) for (n, _), value in zip(curves, values, strict=True) if value is not None]
        if known:
            total = sum(n for n, _ in known)
            points.append(((place + 0.5) / len(curves[0][1]), round(sum(n * v for n, v in known) / total, 2)))
    return points


def _tables(
    sums: Mapping[Key, PairedSums], answers: list[GlassAnswer], importance: Mapping[str, float], heaviest: list[str],
    level: float, binary: bool,
) -> tuple[Table, ...]:  # fmt: skip
    rows = tuple(
        (MODELS[name], pair.n, *(round(v, 4) for v in (
            pair.first / pair.n, pair.second / pair.n, pair.difference, *pair.interval(level, binary=binary)
        )))
        for name in MODELS for pair in (sums[f"{name}/glass", "", ""],)
    )  # fmt: skip
    columns = ("Model", "n", "Its score", "Readable model", "Difference", "From", "To")
    rules = []
    for name in heaviest[:SHOWN]:
        curve = _curve(answers, name)
        low, high = (curve[0], curve[-1]) if curve else ((None, None), (None, None))
        rules.append((name, round(importance[name], 3), low[0], low[1], high[0], high[1]))
    heads = ("Column", "Importance", "Lowest value", "adds", "Highest value", "adds")
    note = (
        "Log-odds: +0.7 doubles the odds, -0.7 halves them. Values are in the column's range from 0 to 1, at fixed "
        "steps; means over sites. Steps with too few patients are left out."
    )
    return Table("Opaque and readable", columns, rows), Table("What the readable model says", heads, tuple(rules), note)


def _figures(
    answers: list[GlassAnswer], importance: Mapping[str, float], heaviest: list[str]
) -> tuple[Figure, ...]:  # fmt: skip
    bars = [(name, importance[name]) for name in heaviest[:SHOWN]]
    lines = [(name, curve) for name in heaviest[:CURVES] if len(curve := _curve(answers, name)) > 1]
    figures = [Figure("bars", "What the readable model relies on", bars, {"x_label": "Mean change of the log-odds"})]
    if lines:
        options = {"x_label": "Value in its range, 0 to 1", "y_label": "Added log-odds"}
        figures.append(Figure("lines", "How the strongest columns change its answer", lines, options))
    return tuple(figures)
