"""Asking a version's model, in a pool of a few threads of which each computes with one core.

Models are kept in the process, the last few, named by the digest of their weights. The weights stay in their file,
mapped into memory: all web processes share one copy, and the system may drop what is not used (but for kernels of
convolutions, which are copied into an order that computes faster).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from core import artefacts
from core.errors import ApplicationError
from models_registry.models import Version

if TYPE_CHECKING:  # torch is loaded by the first prediction, not by every web process
    from federation.domain.data.dataset import Task
    from federation.domain.models.base import Model


class ModelUnavailable(ApplicationError):
    """The weights cannot be read, or are not those that were approved."""

    status = 503
    code = "model_unavailable"


class ModelBusy(ApplicationError):
    """As many cases are being predicted as this process computes at once."""

    status = 503
    code = "busy"


MODELS_KEPT = 4
_loading, _making = Lock(), Lock()  # of two first requests, one loads the model and one makes the pool


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
    """Ask the model about each case; None where it gave no finite number (inputs far outside anything seen).

    Raises
    ------
    ModelUnavailable
        If the weights are missing, changed or unusable.
    ModelBusy
        If no thread of the pool became free in time.
    """
    task, spec = version.config["task"], json.dumps(version.config["models"]["primary"], sort_keys=True)
    with _slot() as pool:
        return pool.submit(_infer, version.weights_digest, spec, task, inputs).result()


def _infer(weights_digest: str, spec: str, task: Task, inputs: list[NDArray[np.float32]]) -> list[Answer | None]:
    with _loading:
        model = _model(weights_digest, spec)
    answers: list[Answer | None] = [None] * len(inputs)
    for shape in {x.shape[1:] for x in inputs}:
        places = [i for i, x in enumerate(inputs) if x.shape[1:] == shape]
        for place, answer in zip(places, _ask(model, [inputs[i] for i in places], task), strict=True):
            answers[place] = answer
    return answers


def _ask(model: Model, inputs: list[NDArray[np.float32]], task: Task) -> list[Answer | None]:
    """The answers to cases of one shape.

    A circuit refuses a whole batch for one case that it can do nothing with; asked one by one, only that case goes
    without an answer.
    """
    from federation.domain.learning.evaluation import predict
    from federation.domain.quantum.errors import NotFinite, ZeroNorm

    try:
        found = predict(model, np.concatenate(inputs), task)
    except (NotFinite, ZeroNorm):
        return [None] if len(inputs) == 1 else [answer for x in inputs for answer in _ask(model, [x], task)]
    ends = np.cumsum([len(x) for x in inputs])[:-1]
    parts = zip(np.split(found.probability, ends), np.split(found.label, ends), strict=True)
    return [_answer(probability, label, task) for probability, label in parts]


@contextmanager
def _slot() -> Iterator[ThreadPoolExecutor]:
    """The pool, once one of its threads is free: who waits does so here, never in a queue without end."""
    with _making:
        pool, free = _pool()
    if not free.acquire(timeout=settings.INFERENCE_WAIT_SECONDS):
        raise ModelBusy(
            f"All {settings.INFERENCE_WORKERS} threads of this process are predicting. Nothing was stored; send the "
            "request again."
        )
    try:
        yield pool
    finally:
        free.release()


@lru_cache(maxsize=1)
def _pool() -> tuple[ThreadPoolExecutor, BoundedSemaphore]:
    """Made by the first prediction, so that a server that forks its workers gives each a pool of its own."""
    workers = settings.INFERENCE_WORKERS
    return ThreadPoolExecutor(workers, "inference", initializer=_one_core), BoundedSemaphore(workers)


def _one_core() -> None:
    """Both settings belong to the thread that makes them."""
    import torch

    torch.set_num_threads(1)  # web processes share the machine
    torch.set_flush_denormal(True)


def _answer(probability: NDArray[np.float32], label: NDArray[np.bool_], task: Task) -> Answer | None:
    if not np.isfinite(probability).all():
        return None
    score = float(probability.max())
    flagged = bool(label.any())
    if task == "classification":
        return Answer(score, flagged, max(score, 1 - score), None)
    confidence = float(probability[label].mean()) if flagged else 1 - score
    return Answer(score, flagged, confidence, label)


@lru_cache(maxsize=MODELS_KEPT)
def _model(weights_digest: str, spec: str) -> Model:
    from federation.domain.learning import weights
    from federation.domain.models.registry import build

    model = build(json.loads(spec))
    try:
        weights.map_state(model, artefacts.checked_file(weights_digest))
    except (artefacts.ArtefactError, weights.WeightsError) as error:
        raise ModelUnavailable(f"The model cannot be loaded, so nothing is predicted: {error}") from error
    return model.eval()
