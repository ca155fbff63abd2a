"""How far one LIME explanation can be relied on: the RCF score, and lesion mass.

    RCF = 100 * (R2 * C * F)^(1/3), for each explained record

R2 is how well the explanation fits the model near the record, C how alike the explanations are when LIME is run again
with another seed, F how much more the prediction falls when the parts called important are hidden than when random
parts are. R2 and C alone are not evidence: a model trained on permuted labels reached 97 of 100 on them in our
measurements, and 8 on RCF. RCF alone is not evidence either: a model that reads a tag in the corner reaches 92 or more,
and one with random weights 81. So `conclusion` also asks for negative controls that score well below and, for images,
for weight that lies on the lesion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


def finite(answers: Floats) -> Floats:
    """The answers of a model, if all are finite.

    Raises
    ------
    ValueError
        If one is NaN or infinite.
    """
    if not np.isfinite(answers).all():
        raise ValueError(f"expected finite answers, got {int((~np.isfinite(answers)).sum())} NaN or infinite")
    return answers


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
