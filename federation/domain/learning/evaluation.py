"""How well a model does on each patient of a site. Everything later (rates, gaps, charts, audits) is a sum over this.

A patient is flagged when his score reaches `THRESHOLD`. Segmentation scores a patient by his most suspicious pixel, so
that he is flagged exactly when any pixel is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from federation.domain.cells import MIN_CELL
from federation.domain.data.dataset import SiteData, Task
from federation.domain.group_rates import BRIER, CALIBRATION, DISTANCE, RANKING, THRESHOLD, Cell, tabulate
from federation.domain.learning.calibration import calibration_errors
from federation.domain.learning.distances import distance_shares
from federation.domain.models.base import REPRESENTATION_SIZE, Model, answering, as_batch
from federation.domain.quantum.errors import NotFinite

# A lesion burden is large from this share of a patient's pixels, over all his slices.
LARGE_BURDEN_FRACTION = 0.03
ROWS_AT_ONCE = 128


class AnswersNotFinite(ValueError):
    """A model's answers are no numbers, so that nothing can be said of how well it does.

    The text leaves the site, so it does not say for how many patients.
    """

    def __init__(self, site: str) -> None:
        super().__init__(
            f"expected answers that are finite numbers for the patients of {site}, got NaN or infinity. The weights "
            "have diverged or the inputs are far out of range: try a smaller learning rate, or check how they are "
            "scaled."
        )


@dataclass(frozen=True)
class RecordOutcomes:
    """One row a patient, in the order of `SiteData.record_ids`; arrays of shape (n,) unless said otherwise.

    Attributes
    ----------
    score : ndarray of float, in [0, 1]
        1: surely ill. Segmentation: the largest probability of any pixel.
    truth, flagged : ndarray of bool
        Whether the patient is ill (has a lesion), and whether the model said so.
    stratum : ndarray of int64
        Patients who may be compared with one another: classification, the label (0 or 1); segmentation, the lesion
        burden (0 none, 1 small, 2 large: at least `LARGE_BURDEN_FRACTION` of the patient's pixels).
    representation : ndarray of float32, shape (n, 4), in [-1, 1]
        `Model.represent`, averaged over a patient's slices.
    metrics : mapping of str to ndarray of float
        As `group_rates` defines them; NaN where undefined.
    """

    task: Task
    record_ids: tuple[str, ...]
    score: NDArray[np.float64]
    truth: NDArray[np.bool_]
    flagged: NDArray[np.bool_]
    stratum: NDArray[np.int64]
    representation: NDArray[np.float32]
    metrics: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Prediction:
    """A model's answer for each row.

    Attributes
    ----------
    probability : ndarray of float32, in [0, 1]
        Of disease, shape (m,); of lesion at each pixel, shape (m, height, width).
    label : ndarray of bool, same shape
        `probability` at least 0.5: the diagnosis, or the mask.
    confidence : ndarray of float32, shape (m,), in [0.5, 1]
        How sure the model is of what it said, by its own account (not calibrated). Classification: the probability of
        the given label. Segmentation: the mean probability within the mask; without a mask, 1 minus the largest
        probability.
    """

    probability: NDArray[np.float32]
    label: NDArray[np.bool_]
    confidence: NDArray[np.float32]


def predict(model: Model, x: NDArray[np.float32], task: Task) -> Prediction:
    """Ask the model about some rows or images.

    Parameters
    ----------
    x : ndarray of float32, shape (m, d) or (m, channels, height, width)
        Scaled as `SiteData.x`.
    task : "classification" or "segmentation"

    Raises
    ------
    ValueError
        If the model does another task, or an input has the wrong shape or is not finite.
    """
    if task != model.task:
        raise ValueError(f"expected a model for {task}, got one for {model.task}")
    if not np.isfinite(x).all():
        raise ValueError(
            f"expected finite inputs, got {int((~np.isfinite(x)).sum())} NaN or infinite; impute or refuse"
        )
    with torch.inference_mode(), answering(model):
        parts = [torch.sigmoid(model(batch.to(model.device))).cpu().numpy() for batch in _batches(x)]
    probability = np.concatenate(parts)
    label = probability >= THRESHOLD
    if task == "classification":
        return Prediction(probability, label, np.maximum(probability, 1 - probability))
    pixels = tuple(range(1, label.ndim))
    marked = label.sum(axis=pixels)
    inside = (probability * label).sum(axis=pixels) / np.maximum(marked, 1)
    confidence = np.where(marked > 0, inside, 1 - probability.max(axis=pixels))
    return Prediction(probability, label, confidence.astype(np.float32))


def evaluate(model: Model, data: SiteData, *, last: bool = False) -> RecordOutcomes:
    """Score each patient of a site.

    Parameters
    ----------
    last : bool
        Also the figures of the last round. In segmentation how far the outlines lie apart, which takes longer than
        all else, and whether the probabilities of pixels are what they say; in classification how well the scores
        rank, and how far the probabilities lie off.

    Raises
    ------
    ValueError
        If the data set is of another task or has no patient.
    AnswersNotFinite
        If the model answers with NaN, or its circuit refuses to.
    """
    if data.n_patients == 0:
        raise ValueError(f"expected at least one patient at {data.site}, got none")
    try:
        answer = predict(model, data.x, data.task)
    except NotFinite as error:
        raise AnswersNotFinite(data.site) from error
    if not np.isfinite(answer.probability).all():
        raise AnswersNotFinite(data.site)
    with torch.inference_mode(), answering(model):
        rows = np.concatenate([model.represent(batch.to(model.device)).cpu().numpy() for batch in _batches(data.x)])
    representation = np.zeros((data.n_patients, REPRESENTATION_SIZE))
    np.add.at(representation, data.patient_index, rows)
    representation /= np.bincount(data.patient_index, minlength=data.n_patients)[:, None]
    score = _classified if data.task == "classification" else _segmented
    outcomes = score(data, answer, representation.astype(np.float32))
    if not last:
        return outcomes
    return replace(outcomes, metrics={**outcomes.metrics, **_of_the_last_round(data, answer, outcomes)})


def _of_the_last_round(data: SiteData, answer: Prediction, outcomes: RecordOutcomes) -> dict[str, NDArray[np.float64]]:
    if data.task == "segmentation":
        truth, whose = data.y.astype(bool), (data.patient_index, data.n_patients)
        return {
            DISTANCE: distance_shares(truth, answer.label, *whose),
            CALIBRATION: calibration_errors(truth, answer.probability, *whose),
        }
    # A healthy patient alone could be placed among the ill by their mean, and the other way round.
    enough = MIN_CELL <= outcomes.truth.sum() <= data.n_patients - MIN_CELL
    ranks = placements(outcomes.truth, outcomes.score)
    return {
        RANKING: ranks if enough else np.full_like(ranks, np.nan),
        BRIER: (outcomes.score - outcomes.truth) ** 2,
    }


def cells(site: str, outcomes: RecordOutcomes, groups: Mapping[str, NDArray[np.str_]]) -> list[Cell]:
    """The site's counts by full combination of attributes, the only thing about patients that leaves it."""
    return tabulate(site=site, groups=groups, metrics=outcomes.metrics, truth=outcomes.truth, flagged=outcomes.flagged)


def placements(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of each ill patient, the share of the healthy ones whose score is lower; equal scores count half [1]_.

    Parameters
    ----------
    truth : ndarray of bool, shape (n,)
        True: ill.
    score : ndarray of float, shape (n,)

    Returns
    -------
    ndarray of float, shape (n,), in [0, 1]
        1: above every healthy patient. NaN for the healthy, and for all if there is none. The mean over the ill is
        the area under the ROC curve.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988), 837-845.
    """
    found, healthy = np.full(len(truth), np.nan), np.sort(score[~truth])
    if len(healthy):
        lower, upper = (np.searchsorted(healthy, score[truth], side=side) for side in ("left", "right"))
        found[truth] = (lower + upper) / (2 * len(healthy))
    return found


def segmentation_metrics(
    truth: NDArray[np.bool_], mask: NDArray[np.bool_], patient_index: NDArray[np.int64], n_patients: int
) -> dict[str, NDArray[np.float64]]:
    """Dice, tpr, fpr and selection rate of each patient's volume.

    Parameters
    ----------
    truth, mask : ndarray of bool, shape (m, height, width) or (m, depth, height, width)
        The lesion, and the pixels that the model marked.
    patient_index : ndarray of int64, shape (m,)

    Returns
    -------
    dict of str to ndarray of float, shape (n_patients,), in [0, 1]
        NaN where undefined, see `group_rates`.
    """

    def count(pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(
            patient_index, weights=pixels.reshape(len(pixels), -1).sum(axis=1), minlength=n_patients
        ).astype(float)

    lesion, marked, both = count(truth), count(mask), count(truth & mask)
    healthy = count(np.ones_like(truth)) - lesion
    return {
        "dice": _ratio(2 * both, lesion + marked),
        "tpr": _ratio(both, lesion),
        "fpr": _ratio(marked - both, healthy),
        "selection_rate": (marked > 0).astype(float),
    }


def _classified(data: SiteData, answer: Prediction, representation: NDArray[np.float32]) -> RecordOutcomes:
    order = np.argsort(data.patient_index)  # a row a patient, in any order
    truth, flagged = data.y[order].astype(bool), answer.label[order]
    metrics = {
        "tpr": np.where(truth, flagged, np.nan),
        "fpr": np.where(truth, np.nan, flagged),
        "accuracy": (truth == flagged).astype(float),
        "selection_rate": flagged.astype(float),
    }
    score = answer.probability[order].astype(float)
    return RecordOutcomes(
        data.task, data.record_ids, score, truth, flagged, truth.astype(np.int64), representation, metrics
    )


def _segmented(data: SiteData, answer: Prediction, representation: NDArray[np.float32]) -> RecordOutcomes:
    truth, n = data.y.astype(bool), data.n_patients
    metrics = segmentation_metrics(truth, answer.label, data.patient_index, n)
    score = np.zeros(n)
    np.maximum.at(score, data.patient_index, answer.probability.reshape(len(truth), -1).max(axis=1))
    pixels = np.bincount(data.patient_index, minlength=n) * truth[0].size
    burden = np.bincount(data.patient_index, weights=truth.reshape(len(truth), -1).sum(axis=1), minlength=n) / pixels
    stratum = (burden > 0).astype(np.int64) + (burden >= LARGE_BURDEN_FRACTION)
    return RecordOutcomes(
        data.task, data.record_ids, score, burden > 0, score >= THRESHOLD, stratum, representation, metrics
    )


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _batches(x: NDArray[np.float32]) -> Iterator[torch.Tensor]:
    for start in range(0, len(x), ROWS_AT_ONCE):
        yield as_batch(x[start : start + ROWS_AT_ONCE])
