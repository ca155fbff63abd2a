"""How far a model's LIME explanations can be relied on: the RCF score, its negative control, and lesion mass.

    RCF = 100 * (R2 * C * F)^(1/3), for each explained record

R2 is how well the explanation fits the model near the record, C how alike the explanations are when LIME is run again
with another seed, F how much more the prediction falls when the parts called important are hidden than when random
parts are. R2 and C alone are not evidence: a model trained on permuted labels reached 97 of 100 on them in our
measurements, and 8 on RCF. RCF alone is not evidence either: a model that reads a tag in the corner reaches 92 or more,
and one with random weights 81. So a PASS also needs a negative control that scores well below and, for images, weight
that lies on the lesion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from audits.domain.verdict import Verdict

Floats = NDArray[np.float64]
MIN_DROP = 0.1  # a prediction that hardly falls with everything hidden has nothing to explain


@dataclass(frozen=True)
class RecordScore:
    """One explained record; all values in [0, 1] but `rcf`, in [0, 100]. Higher is better.

    `lesion_mass`: share of the positive weight that lies on the true lesion, corrected for its area: 0 is chance or
    worse, 1 all of it. None without a lesion outline.
    """

    fit: float
    stability: float
    faithfulness: float
    rcf: float
    lesion_mass: float | None = None


@dataclass(frozen=True)
class SiteExplanation:
    """What leaves a site: scores and mean weights. No record, no image, no single record's weights.

    Attributes
    ----------
    scores : tuple of RecordScore
    control : tuple of float
        RCF of the same records explained with a model that cannot know (the negative control).
    weights : mapping of str to float
        Feature to mean absolute weight, summing to 1 (tabular only).
    settings : what was fixed in advance (segmenter, samples, k, seeds)
    """

    site: str
    kind: str  # "tabular" or "image"
    scores: tuple[RecordScore, ...]
    control: tuple[float, ...]
    weights: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping) -> SiteExplanation:
        """The inverse of `as_dict`."""
        scores = tuple(RecordScore(**row) for row in raw["scores"])
        control = tuple(map(float, raw["control"]))
        return cls(raw["site"], raw["kind"], scores, control, dict(raw["weights"]), dict(raw["settings"]))


@dataclass(frozen=True)
class Interval:
    """A mean over records with its 95 % interval (Student's t); bounds None below two records."""

    n: int
    mean: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Explanation:
    """All sites together. The verdict informs; it does not gate. Means are None where there was no record."""

    verdict: Verdict
    rcf: Interval | None
    control: Interval | None
    fit: Interval | None
    stability: Interval | None
    faithfulness: Interval | None
    lesion_mass: Interval | None
    weights: Mapping[str, float]
    sites: tuple[str, ...]
    required: float
    sentences: tuple[str, ...]

    def as_dict(self) -> dict:
        return asdict(self) | {"verdict": self.verdict.value}


def rcf(fit: float, stability: float, faithfulness: float) -> float:
    """100 times the geometric mean of three parts, each cut to [0, 1]; 0 if any part is 0, 100 if all are 1."""
    parts = np.clip([fit, stability, faithfulness], 0.0, 1.0)
    return float(100.0 * np.prod(parts) ** (1 / 3))


def stability(weights: Floats) -> float:
    """Mean pairwise cosine of the positive parts of several explanations of one record.

    Parameters
    ----------
    weights : ndarray, shape (seeds, parts), seeds >= 2

    Returns
    -------
    float in [0, 1]
        1: every run weighs the parts alike; 0: they share nothing. An explanation without a positive weight counts 0.
    """
    if weights.ndim != 2 or len(weights) < 2:
        raise ValueError(f"expected at least two explanations, shape (seeds, parts), got {weights.shape}")
    positive = np.maximum(weights, 0.0)
    norms = np.linalg.norm(positive, axis=1, keepdims=True)
    unit = np.divide(positive, norms, out=np.zeros_like(positive), where=norms > 0)
    return float(np.mean((unit @ unit.T)[np.triu_indices(len(unit), 1)]))


def faithfulness(whole: float, top_hidden: float, random_hidden: float, all_hidden: float) -> float:
    """How much more hiding the important parts lowers the prediction than hiding random ones.

    Parameters
    ----------
    whole, top_hidden, random_hidden, all_hidden : float
        The prediction with nothing, the top k parts, k random parts (mean) and everything hidden.

    Returns
    -------
    float in [0, 1]
        1: the top parts carry all of the prediction; 0: they carry no more than random parts, or the prediction falls
        by less than 0.1 with everything hidden, so that there is nothing to explain.
    """
    total = whole - all_hidden
    return float(np.clip((random_hidden - top_hidden) / total, 0.0, 1.0)) if total >= MIN_DROP else 0.0


def lesion_mass(weight: Floats, lesion: NDArray[np.bool_]) -> float | None:
    """Share of positive weight on the lesion, corrected for area: (share - area) / (1 - area), cut to [0, 1].

    Parameters
    ----------
    weight : ndarray, shape (height, width)
        Weight of the part that each pixel belongs to.
    lesion : ndarray of bool, shape (height, width)

    Returns
    -------
    float or None
        0: no more on the lesion than its area; 1: all on it. None if there is no lesion or it fills the image.
    """
    area = float(lesion.mean())
    if not 0 < area < 1:
        return None
    positive = np.maximum(weight, 0.0)
    total = float(positive.sum())
    share = float(positive[lesion].sum()) / total if total > 0 else 0.0
    return float(np.clip((share - area) / (1 - area), 0.0, 1.0))


def permuted_parameters(parameters: Mapping[str, NDArray], rng: np.random.Generator) -> dict[str, NDArray]:
    """Parameters for the negative control: each array with its own entries in random order.

    The model keeps its architecture and the size of its weights, and loses what it has learned.
    """
    return {name: rng.permuted(np.asarray(value).ravel()).reshape(value.shape) for name, value in parameters.items()}


def interval(values: Sequence[float], *, highest: float = 1.0) -> Interval | None:
    """Mean and 95 % interval, cut to [0, highest]; None without a value."""
    if not len(values):
        return None
    x = np.asarray(values, dtype=float)
    mean = float(x.mean())
    if len(x) < 2:
        return Interval(1, mean, None, None)
    reach = float(student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return Interval(len(x), mean, max(0.0, mean - reach), min(highest, mean + reach))


def combine(
    sites: Sequence[SiteExplanation], *, required: float = 80.0, margin: float = 20.0, lesion_required: float = 0.05
) -> Explanation:
    """All sites' explanations, and what they are worth.

    Parameters
    ----------
    required : float in [0, 100]
        RCF asked for.
    margin : float
        By how much the lower bound of RCF must exceed the control's upper bound.
    lesion_required : float in [0, 1]
        Lesion mass that its lower bound must exceed (images only).

    Returns
    -------
    Explanation
        FAIL if the upper bound of RCF is below `required`. PASS if its lower bound is not, the control is `margin`
        below it and, for images, the weight lies on lesions. NOT_ASSESSABLE without records. INCONCLUSIVE otherwise.

    Raises
    ------
    ValueError
        If a site comes twice, or sites differ in kind or settings.
    """
    if len({s.site for s in sites}) != len(sites):
        raise ValueError(f"expected each site once, got {sorted(s.site for s in sites)}")
    if any((s.kind, s.settings) != (sites[0].kind, sites[0].settings) for s in sites):
        raise ValueError("expected every site to use the settings fixed in advance, got different ones")
    scores = [row for s in sites for row in s.scores]
    found = {name: interval([getattr(row, name) for row in scores]) for name in ("fit", "stability", "faithfulness")}
    found["rcf"] = interval([row.rcf for row in scores], highest=100.0)
    control = interval([value for s in sites for value in s.control], highest=100.0)
    mass = interval([row.lesion_mass for row in scores if row.lesion_mass is not None])
    image = any(s.kind == "image" for s in sites)
    doubts = _doubts(found["rcf"], control, mass, image, margin, lesion_required)
    verdict = _verdict(found["rcf"], doubts, required)
    sentences = _sentences(verdict, found["rcf"], control, mass, required, doubts)
    return Explanation(
        verdict, found["rcf"], control, found["fit"], found["stability"], found["faithfulness"], mass,
        _mean_weights(sites), tuple(s.site for s in sites), required, sentences,
    )  # fmt: skip


def _doubts(
    score: Interval | None, control: Interval | None, mass: Interval | None, image: bool, margin: float, wanted: float
) -> list[str]:
    """What stands between a high score and a PASS."""
    out = []
    if control is None or control.upper is None:
        out.append("There is no negative control of at least two records.")
    elif score is not None and score.lower is not None and score.lower < control.upper + margin:
        out.append("A model that cannot know scores nearly as high, so a high score shows little here.")
    if image and (mass is None or mass.lower is None or mass.lower <= wanted):
        out.append(
            "It is not shown that the weight lies on lesions; a shortcut elsewhere in the image could score as well."
        )
    return out


def _verdict(score: Interval | None, doubts: Sequence[str], required: float) -> Verdict:
    if score is None:
        return Verdict.NOT_ASSESSABLE
    if score.lower is None or score.upper is None:
        return Verdict.INCONCLUSIVE
    if score.upper < required:
        return Verdict.FAIL
    return Verdict.PASS if score.lower >= required and not doubts else Verdict.INCONCLUSIVE


def _mean_weights(sites: Sequence[SiteExplanation]) -> dict[str, float]:
    """Mean over records of the sites' mean absolute weights."""
    total = sum(len(s.scores) for s in sites if s.weights)
    names = dict.fromkeys(name for s in sites for name in s.weights)
    return {name: sum(len(s.scores) * s.weights.get(name, 0.0) for s in sites) / total for name in names}


def _sentences(
    verdict: Verdict,
    score: Interval | None,
    control: Interval | None,
    mass: Interval | None,
    required: float,
    doubts: Sequence[str],
) -> tuple[str, ...]:
    if score is None:
        return (f"No record was explained. {verdict.explanation}",)
    out = [f"The explanations score {_words(score)} of 100 (RCF); {required:g} are asked for."]
    if control is not None:
        out.append(f"A model that cannot know, explained in the same way, scores {_words(control)}.")
    if mass is not None:
        out.append(f"The share of weight on the lesion, beyond its area, is {_words(mass)} of 1.")
    return (*out, *(doubts if verdict is Verdict.INCONCLUSIVE else ()), verdict.explanation)


def _words(found: Interval) -> str:
    if found.lower is None or found.upper is None:
        return f"{found.mean:.3g} (one record, no interval)"
    return f"{found.mean:.3g} ({found.n} records, 95% interval {found.lower:.3g} to {found.upper:.3g})"
