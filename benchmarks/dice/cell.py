"""One cell of the comparison: one way of training, one seed, one held-out fold."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.dice import data as sets
from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.distances import hausdorff95
from federation.domain.learning.evaluation import predict, segmentation_metrics
from federation.domain.learning.gradients import Rows
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.base import Model
from federation.domain.models.registry import build
from federation.domain.strategies.base import Update
from federation.domain.strategies.fedavg import aggregate

LOOK_EVERY = 10  # rounds between two looks at the training patients
ENOUGH = 0.9


@dataclass(frozen=True)
class Plan:
    """A way of training.

    Attributes
    ----------
    spec : the model's, whose "inputs" follow from context
    where : "federated", "central" (all records in one place) or "alone" (each site trains and is tested by itself)
    rounds : passes over the patients
    """

    spec: Mapping[str, Any]
    local: LocalConfig
    rounds: int
    where: str = "federated"
    context: int = 0
    slab: int = 0
    curve: bool = True  # look at the training patients every few rounds

    @property
    def digest(self) -> str:
        """Names the plan in a results file: a cell of another plan is another cell."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def run(plan: Plan, *, fold: int, seed: int, device: str, path: Path) -> dict[str, Any]:
    """Train without the fold, and score its patients. Everything in the answer is plain JSON."""
    started = time.perf_counter()
    outside, inside = sets.split(sets.sites(path), fold)
    train = {code: sets.prepared(part, context=plan.context, slab=plan.slab) for code, part in outside.items()}
    test = sets.prepared(sets.pooled(inside), context=plan.context, slab=plan.slab)
    if plan.where == "alone":
        return _alone(plan, train, inside, seed=seed, device=device)
    if plan.where == "central":
        train = {"all": sets.pooled(train)}
    model, seen = _trained(plan, train, seed=seed, device=device)
    found = scores(model, test)
    answer: dict[str, Any] = {"dice": found[0], "hd95": found[1], "curve": seen}
    if plan.spec["kind"] == "hybrid_unet":
        with silent_core(model, sets.pooled(train).x[:256]):
            answer["silent"] = scores(model, test, distances=False)[0]
    return answer | {"seconds": round(time.perf_counter() - started, 2)}


def _alone(
    plan: Plan, train: Mapping[str, SiteData], inside: Mapping[str, SiteData], *, seed: int, device: str
) -> dict[str, Any]:
    """Each site's patients are answered by the model of their own site; who has none has no answer and scores 0."""
    started = time.perf_counter()
    dice: dict[str, float] = {}
    distances: dict[str, float] = {}
    unanswered: list[str] = []
    for code, own in inside.items():
        if code not in train:
            unanswered += [name[:12] for name in own.record_ids]
            dice |= dict.fromkeys(unanswered, 0.0)
            continue
        model, _ = _trained(plan, {code: train[code]}, seed=seed, device=device)
        found = scores(model, sets.prepared(own, context=plan.context, slab=plan.slab))
        dice, distances = dice | found[0], distances | found[1]
    found = {"dice": dice, "hd95": distances, "curve": [], "unanswered": unanswered}
    return found | {"seconds": round(time.perf_counter() - started, 2)}


def _trained(plan: Plan, train: Mapping[str, SiteData], *, seed: int, device: str) -> tuple[Model, list[list[float]]]:
    """Rounds of local training and averaging, as the platform runs them."""
    inputs = next(iter(train.values())).x.shape[1]
    model = build({**plan.spec, "inputs": inputs}, seed=seed).to(device)
    twin = build(model.spec).to(device)
    rows = {code: Rows.of(own, device) for code, own in train.items()}
    seen: list[list[float]] = []
    for number in range(plan.rounds):
        updates = []
        state = state_of(model)
        for code, own in train.items():
            load_state(twin, state)
            result = train_local(
                twin,
                own,
                plan.local,
                seed=_own(f"{seed}:{code}:{number}"),
                done=number / plan.rounds,
                rows=rows[code],
            )
            updates.append(Update(code, result.state, result.n_records))
        load_state(model, aggregate(updates))
        if plan.curve and (number + 1) % LOOK_EVERY == 0:
            model.eval()
            dice = [value for own in train.values() for value in scores(model, own, distances=False)[0].values()]
            seen.append([number + 1, round(float(np.mean(dice)), 4)])
    return model.eval(), seen


def scores(model: Model, data: SiteData, *, distances: bool = True) -> tuple[dict[str, float], dict[str, float]]:
    """Dice and 95 % Hausdorff distance (in pixels and slices of 64 px) of each patient's volume.

    A patient without a lesion, or without a mask from the model, has no distance; without a lesion there is no Dice.
    """
    mask, truth = predict(model, data.x, data.task).label, data.y.astype(bool)
    if mask.ndim == 4:  # slabs: a patient's last one is filled up with black slices, which are nobody's
        mask = mask & data.x.any(axis=(1, 3, 4))[..., None, None]
    dice = segmentation_metrics(truth, mask, data.patient_index, data.n_patients)["dice"]
    names = [name[:12] for name in data.record_ids]
    ill = [bool(truth[data.patient_index == number].any()) for number in range(data.n_patients)]
    found = {name: round(float(value), 4) for name, value, has in zip(names, dice, ill, strict=True) if has}
    far: dict[str, float] = {}
    for number, name in enumerate(names if distances else []):
        own = data.patient_index == number
        volume, true = _volume(mask[own]), _volume(truth[own])
        if volume.any() and true.any():
            far[name] = round(hausdorff95(volume, true), 3)
    return found, far


def _volume(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask.reshape(-1, *mask.shape[-2:])


@contextmanager
def silent_core(model: Model, background: NDArray[np.float32]):
    """Give each wire of the circuit the mean angle of some training images: it is told nothing about the patient."""
    gate = model.core.circuit
    told: list[torch.Tensor] = []
    handle = gate.register_forward_pre_hook(lambda module, inputs: told.append(inputs[0]))
    predict(model, background, model.task)
    handle.remove()
    mean = torch.cat(told).mean(dim=0)
    handle = gate.register_forward_pre_hook(lambda module, inputs: (mean.expand_as(inputs[0]),))
    try:
        yield
    finally:
        handle.remove()


def rounds_to(curve: list[list[float]], share: float = ENOUGH) -> float | None:
    """The first round at which the mean Dice of the training patients was seen at the share; None if never."""
    return next((number for number, dice in curve if dice >= share), None)


def _own(text: str) -> int:
    return int.from_bytes(hashlib.sha256(f"dice:{text}".encode()).digest()[:8], "big")
