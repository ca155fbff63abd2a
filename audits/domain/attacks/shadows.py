"""Shadow models: the run's training repeated on random halves of a site's patients, from fresh weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from audits.domain.attacks.lira import Shadows
from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.learning.loss import loss_per_row
from federation.domain.models.base import Model, as_batch
from federation.domain.models.registry import build

LEAST_LOSS = 1e-9
ROWS_AT_ONCE = 128


@dataclass(frozen=True)
class Recipe:
    """How one shadow is trained: the run's local training, `rounds` times over, without other sites."""

    spec: Mapping[str, Any]
    local: LocalConfig
    rounds: int

    def train(self, data: SiteData, seed: int) -> Model:
        """A model of its own weights; the same seed and data give the same."""
        streams = np.random.SeedSequence(seed).generate_state(self.rounds + 1, np.uint64)
        model = build(self.spec, seed=int(streams[0]))
        for stream in streams[1:]:
            train_local(model, data, self.local, seed=int(stream))
        return model.eval()


def statistic(model: Model, data: SiteData) -> NDArray[np.float64]:
    """How right and sure a model is of each patient, shape (n,); higher is better, 0 is a guess.

    Classification: the logit of the true class, log(p / (1 - p)), which is close to Gaussian over models
    (arXiv:2112.03570, section IV). Segmentation: minus the logarithm of the training loss, averaged over the
    patient's slices.

    Raises
    ------
    ValueError
        If the model answers NaN or an infinity.
    """
    parts = []
    with torch.inference_mode():
        for start in range(0, len(data.x), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            logits = model(as_batch(data.x[rows]))
            truth = torch.from_numpy(data.y[rows].astype(np.float32))
            if data.task == "classification":
                parts.append(((2 * truth - 1) * logits).numpy())
            else:
                parts.append(loss_per_row(logits, truth, data.task).numpy())
    rows_total = np.concatenate(parts).astype(float)
    if not np.isfinite(rows_total).all():
        raise ValueError(f"expected finite answers, got {int((~np.isfinite(rows_total)).sum())} NaN or infinite")
    sums = np.bincount(data.patient_index, weights=rows_total, minlength=data.n_patients)
    means = sums / np.bincount(data.patient_index, minlength=data.n_patients)
    return means if data.task == "classification" else -np.log(np.maximum(means, LEAST_LOSS))


def train_shadows(
    recipe: Recipe,
    data: SiteData,
    *,
    count: int,
    rng: np.random.Generator,
    told: Callable[[int], None] = lambda done: None,
) -> Shadows:
    """Train `count` shadows on halves of `data`, such that each patient is in half of them.

    Parameters
    ----------
    data : SiteData
        At least four patients.
    count : int, even, >= 4
    told : callable
        Called with the number of shadows trained.

    Raises
    ------
    ValueError
        If there are too few patients or shadows.
    federation.domain.learning.local.TrainingDiverged
        If the run's own training diverges on these patients.
    """
    if data.n_patients < 4 or count < 4 or count % 2:
        raise ValueError(f"expected 4 patients and an even number of 4 shadows or more, got {data.n_patients}, {count}")
    trained_on = np.zeros((count, data.n_patients), dtype=bool)
    for pair in range(0, count, 2):  # a random half and its complement: balanced for each patient
        trained_on[pair, rng.permutation(data.n_patients)[: data.n_patients // 2]] = True
        trained_on[pair + 1] = ~trained_on[pair]
    found = np.empty((count, data.n_patients))
    for shadow in range(count):
        model = recipe.train(data.take(np.flatnonzero(trained_on[shadow])), int(rng.integers(2**62)))
        found[shadow] = statistic(model, data)
        told(shadow + 1)
    return Shadows(found, trained_on)
