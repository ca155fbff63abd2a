"""Attribute inference: how much better somebody guesses a sensitive attribute for having the model's answers.

Without the model the attribute can be guessed from the other features; that is imputation, and no leak of the model
[1]_. So every attack is run twice on the same patients, with the model's answers and without, and only the difference
counts.

References
----------
.. [1] Jayaraman, Evans, "Are attribute inference attacks just imputation?", CCS 2022, arXiv:2209.01292.
.. [2] Yeom et al., "Privacy risk in machine learning", CSF 2018, arXiv:1709.01604.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import UNKNOWN

LEAST_KNOWN, LEAST_GROUP = 20, 5  # patients with whom the attacker learns, in all and of each of two groups
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Patients:
    """What an attacker has of n patients.

    Attributes
    ----------
    others : ndarray of float, shape (n, d)
        Other features, and the diagnosis.
    answers : mapping of model to ndarray of float, shape (n, k)
        What each model says of them.
    attribute : ndarray of str, shape (n,)
        Of those he learns from; of the targets, to judge him by.
    """

    others: Rows
    answers: Mapping[str, Rows]
    attribute: NDArray[np.str_]

    def take(self, rows: NDArray[np.bool_]) -> Patients:
        answers = {name: values[rows] for name, values in self.answers.items()}
        return Patients(self.others[rows], answers, self.attribute[rows])

    def recorded(self) -> Patients:
        """Those whose attribute is known."""
        return self.take(self.attribute != UNKNOWN)

    def and_(self, other: Patients) -> Patients:
        """Both, these first."""
        answers = {name: np.concatenate([values, other.answers[name]]) for name, values in self.answers.items()}
        attribute = np.concatenate([self.attribute, other.attribute])
        return Patients(np.concatenate([self.others, other.others]), answers, attribute)


@dataclass(frozen=True)
class Guesses:
    """Whether each target's attribute was guessed, shape (n,), 0 or 1."""

    with_model: Mapping[str, Rows]  # by model
    without: Rows


def columns_without(names: Sequence[str], attribute: str) -> NDArray[np.bool_]:
    """The features that do not spell the attribute out: "age_band" takes "age", "sex" takes "sex_male"."""
    stem = attribute.split("_")[0]
    return np.array([name.split("_")[0] != stem for name in names])


def image_summary(x: NDArray[np.float32], patient_index: NDArray[np.int64], n_patients: int) -> Rows:
    """What a patient's images look like without any model: level, spread and quantiles of each channel, (n, 7 c)."""
    return np.stack([_summary(x[patient_index == patient]) for patient in range(n_patients)])


def _summary(images: NDArray[np.float32]) -> Rows:
    values = images.swapaxes(0, 1).reshape(images.shape[1], -1).astype(float)
    return np.concatenate([values.mean(axis=1), values.std(axis=1), np.quantile(values, QUANTILES, axis=1).ravel()])


def assessable(known: NDArray[np.str_]) -> bool:
    """Whether an attacker who knows these patients' attribute can learn anything: enough of two groups at least."""
    _, counts = np.unique(known[known != UNKNOWN], return_counts=True)
    return bool(counts.sum() >= LEAST_KNOWN and (counts >= LEAST_GROUP).sum() >= 2)


def guess(attacker: str, known: Patients, targets: Mapping[str, Patients], *, seed: int) -> dict[str, Guesses]:
    """Learn from known patients and guess the targets' attribute, with each model's answers and without.

    Parameters
    ----------
    attacker : "linear" or "forest"
        Logistic regression, or 100 random trees; both weigh groups equally, so that a rare one is not just left out.
    known : Patients
        Their attribute recorded; `assessable`.
    targets : mapping of a name to Patients
        Their attribute recorded.

    Returns
    -------
    dict
        Name of the targets to `Guesses`.
    """

    def right(columns: Callable[[Patients], Rows]) -> dict[str, Rows]:
        learner = _learner(attacker, seed).fit(columns(known), known.attribute)
        return {
            name: (learner.predict(columns(part)) == part.attribute).astype(float) for name, part in targets.items()
        }

    without = right(lambda part: part.others)
    by_model = {
        model: right(lambda part, model=model: np.hstack([part.others, part.answers[model]]))  # type: ignore[misc]  # mypy cannot infer defaults
        for model in known.answers
    }
    return {name: Guesses({model: by_model[model][name] for model in by_model}, without[name]) for name in targets}


def _learner(attacker: str, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if attacker == "linear":
        return make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    return RandomForestClassifier(100, min_samples_leaf=3, class_weight="balanced", random_state=seed)
