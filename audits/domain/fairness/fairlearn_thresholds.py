"""Fairlearn's ThresholdOptimizer on the same counts: the common way, for comparison.

It may decide by lot: a patient near a threshold is flagged with a probability. Its rates here are therefore exact
expectations, not one draw. It sees each patient's score only as far as the counts tell it.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from audits.domain.fairness.thresholds import Outcome, ScoreCounts

CONSTRAINTS = ("equalized_odds", "true_positive_rate_parity")
MOST_ROWS = 1_000_000


class _Given(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose score is its only input."""

    def fit(self, x, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, x):
        return np.asarray(x)[:, 0]


def fairlearn_outcome(
    choosing: Sequence[ScoreCounts], judging: Sequence[ScoreCounts], *, constraint: str = "equalized_odds"
) -> Outcome | None:
    """Choose on one fold, and what that brings on the other; None if there are more than `MOST_ROWS` patients.

    Parameters
    ----------
    choosing, judging : one a group, in the same order
    constraint : what is to be equal, by Fairlearn's name
    """
    if sum(counts.n for counts in choosing) > MOST_ROWS:
        return None
    optimizer = importlib.import_module("fairlearn.postprocessing").ThresholdOptimizer
    score, label, group = _rows(choosing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of scores that separate the labels, which few bins often do
        fitted = optimizer(
            estimator=_Given().fit(None, None), constraints=constraint, objective="accuracy_score", prefit=True,
            predict_method="predict",
        ).fit(score, label, sensitive_features=group)  # fmt: skip
        bins = len(judging[0].ill)
        flagged = np.stack([
            fitted._pmf_predict(_scores(bins), sensitive_features=np.full(bins, name))[:, 1]
            for name in range(len(judging))
        ])  # fmt: skip
    ill, healthy = np.array([c.ill for c in judging]), np.array([c.healthy for c in judging])
    found, alarmed = (ill * flagged).sum(axis=1), (healthy * flagged).sum(axis=1)
    right = found.sum() + healthy.sum() - alarmed.sum()
    return Outcome.of(found / ill.sum(axis=1), alarmed / healthy.sum(axis=1), right / (ill.sum() + healthy.sum()))


def _scores(bins: int) -> np.ndarray:
    """One score a bin, rising."""
    return ((np.arange(bins) + 0.5) / bins)[:, None]


def _rows(counts: Sequence[ScoreCounts]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts as anonymous rows: score, label, group."""
    bins = len(counts[0].ill)
    numbers = np.array([[c.ill, c.healthy] for c in counts]).ravel()  # group, label, bin
    group, label, place = np.unravel_index(np.arange(len(numbers)), (len(counts), 2, bins))
    return (np.repeat(_scores(bins)[place], numbers, axis=0), np.repeat(1 - label, numbers), np.repeat(group, numbers))
