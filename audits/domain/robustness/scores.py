"""One score a patient, in [0, 1], however the patient's input was changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData
from federation.domain.group_rates import THRESHOLD
from federation.domain.learning.evaluation import predict, segmentation_metrics
from federation.domain.models.base import Model

Images = NDArray[np.float32]


def patient_scores(model: Model, data: SiteData, x: Images | None = None) -> NDArray[np.float64]:
    """How well the model does on each patient of `data`, seen as `x`.

    Returns
    -------
    ndarray of float, shape (n,), in [0, 1]
        Classification: 1 if right. Segmentation: Dice of the patient's volume, 1 where neither a lesion nor a mark is.

    Raises
    ------
    ValueError
        If an input or an answer is not finite.
    """
    return scored(predict(model, data.x if x is None else x, data.task).probability, data)


def scored(probability: NDArray[np.floating], data: SiteData) -> NDArray[np.float64]:
    """The scores of some answers: probabilities of shape (m,) or (m, height, width)."""
    if not np.isfinite(probability).all():
        raise ValueError(f"expected finite answers, got {int((~np.isfinite(probability)).sum())} NaN or infinite")
    label = probability >= THRESHOLD
    if data.task == "classification":
        right = np.zeros(data.n_patients)
        right[data.patient_index] = label == data.y.astype(bool)
        return right
    dice = segmentation_metrics(data.y.astype(bool), label, data.patient_index, data.n_patients)["dice"]
    return np.where(np.isnan(dice), 1.0, dice)


def flagged(model: Model, data: SiteData) -> int:
    """How many patients the model calls ill (marks anything in): none or all means that it does not look."""
    label = predict(model, data.x, data.task).label
    rows = label if data.task == "classification" else label.any(axis=(1, 2))
    return len(np.unique(data.patient_index[rows]))


def some_patients(data: SiteData, most: int, rng: np.random.Generator) -> SiteData:
    """At most `most` patients drawn at random, in their order."""
    chosen = np.sort(rng.permutation(data.n_patients)[:most]).astype(np.int64)
    return data.take(chosen)


def some_slices(data: SiteData, most: int) -> SiteData:
    """At most `most` slices a patient: those with most of the lesion, then evenly spaced ones. Without outlines, all.

    What is measured on some slices is a score of these slices, not of the whole volume.
    """
    if data.task == "classification":
        return data
    area = data.y.astype(bool).sum(axis=(1, 2))
    keep: list[int] = []
    for patient in range(data.n_patients):
        rows = np.flatnonzero(data.patient_index == patient)
        if area[rows].any():
            keep.extend(rows[np.argsort(-area[rows], kind="stable")[:most]])
        else:
            keep.extend(rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))])
    chosen = np.sort(np.array(keep, dtype=np.int64))
    return replace(data, x=data.x[chosen], y=data.y[chosen], patient_index=data.patient_index[chosen])
