"""Asking a version's model. Models are kept in the process, named by the digest of their weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import artefacts
from core.errors import ApplicationError
from models_registry.models import Version

if TYPE_CHECKING:  # torch is loaded by the first prediction, not by every web process
    from federation.domain.models.base import Model


class ModelUnavailable(ApplicationError):
    """The weights cannot be read, or are not those that were approved."""

    status = 503
    code = "model_unavailable"


@dataclass(frozen=True)
class Answer:
    """The model's answer for one case.

    Attributes
    ----------
    score : float in [0, 1]
        Probability of disease; segmentation: the largest probability of any pixel.
    flagged : bool
        Whether the model says ill; segmentation: whether it marked any pixel.
    confidence : float in [0.5, 1]
        As `federation.domain.learning.evaluation.Prediction`, over all slices of the case. Not calibrated.
    mask : ndarray of bool, shape (slices, height, width), or None
    """

    score: float
    flagged: bool
    confidence: float
    mask: NDArray[np.bool_] | None


def infer(version: Version, inputs: list[NDArray[np.float32]]) -> list[Answer | None]:
    """Ask the model about each case; None where it gave no finite number (inputs far outside anything seen)."""
    from federation.domain.learning.evaluation import predict

    task = version.config["task"]
    model = _model(version.weights_digest, json.dumps(version.config["models"]["primary"], sort_keys=True))
    answers: list[Answer | None] = [None] * len(inputs)
    for shape in {x.shape[1:] for x in inputs}:
        places = [i for i, x in enumerate(inputs) if x.shape[1:] == shape]
        prediction = predict(model, np.concatenate([inputs[i] for i in places]), task)
        start = 0
        for place in places:
            rows = slice(start, start + len(inputs[place]))
            start = rows.stop
            answers[place] = _answer(prediction.probability[rows], prediction.label[rows], task)
    return answers


def _answer(probability: NDArray[np.float32], label: NDArray[np.bool_], task: str) -> Answer | None:
    if not np.isfinite(probability).all():
        return None
    score = float(probability.max())
    flagged = bool(label.any())
    if task == "classification":
        return Answer(score, flagged, max(score, 1 - score), None)
    confidence = float(probability[label].mean()) if flagged else 1 - score
    return Answer(score, flagged, confidence, label)


@lru_cache(maxsize=4)
def _model(weights_digest: str, spec: str) -> Model:
    import torch

    from federation.domain.learning import weights
    from federation.domain.models.registry import build

    torch.set_num_threads(1)  # web processes share the machine
    torch.set_flush_denormal(True)
    model = build(json.loads(spec))
    try:
        weights.load_state(model, weights.from_bytes(artefacts.get(weights_digest), like=model))
    except (artefacts.ArtefactError, weights.WeightsError) as error:
        raise ModelUnavailable(f"The model cannot be loaded, so nothing is predicted: {error}") from error
    return model.eval()
