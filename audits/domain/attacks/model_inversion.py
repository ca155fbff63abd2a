"""Model inversion: what the released model itself shows of the patients it was trained on.

Inputs are searched of which the model is as sure as can be that they belong to a class (gradient ascent [1]_). If they
are more like training patients than the class mean of public records is, the model remembers patients.

References
----------
.. [1] Fredrikson, Jha, Ristenpart, "Model inversion attacks that exploit confidence information", CCS 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from audits.domain.attacks.similarity import Records, similarity
from federation.domain.models.base import Model

STEP = 0.05  # of Adam on the inputs
STAY = 1e-2  # pull towards the start, so that inputs do not wander to where no patient is
CLASSES = (0, 1)


@dataclass(frozen=True)
class Inverted:
    """Inputs that the model takes for its own, by class.

    Attributes
    ----------
    inputs : ndarray of float, shape (k, ...), in [0, 1]
    score : ndarray of float, shape (k,)
        The model's own confidence in the class, in [0, 1].
    """

    inputs: NDArray[np.float64]
    score: NDArray[np.float64]


def invert(
    model: Model, public: Records, *, starts: int, steps: int, rng: np.random.Generator,
    told: Callable[[int], None] = lambda step: None,
) -> Inverted:  # fmt: skip
    """Search inputs of both classes from `starts` random starts and from the public mean.

    Parameters
    ----------
    public : ndarray, shape (n, d) or (n, channels, height, width), at least one record
        What the attacker knows without the model.
    starts : int, >= 1
        Of each class.

    Returns
    -------
    Inverted
        With 2 x (starts + 1) inputs. Segmentation: class 1 marks lesion everywhere it can, class 0 nowhere.
    """
    middle = np.asarray(public, dtype=np.float64).mean(axis=0)
    begin = np.concatenate([middle[None], rng.random((starts, *middle.shape))])
    begin = np.clip(np.concatenate([begin, begin]), 0, 1).astype(np.float32)
    wanted = torch.repeat_interleave(torch.tensor(CLASSES, dtype=torch.float32), starts + 1)
    first = torch.from_numpy(begin)
    x = first.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([x], lr=STEP)
    for step in range(steps):
        optimizer.zero_grad()
        away = (x - first).square().flatten(1).mean(dim=1)
        (STAY * away - torch.nn.functional.logsigmoid(_evidence(model, x, wanted))).sum().backward(inputs=[x])
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        told(step + 1)
    with torch.inference_mode():
        score = torch.sigmoid(_evidence(model, x, wanted)).double().numpy()
    return Inverted(x.detach().double().numpy(), score)


def remembered(inverted: Inverted, patients: Records, tau: float) -> NDArray[np.bool_]:
    """Which patients are met by an inverted input more closely than `tau`, shape (n,)."""
    return similarity(patients, inverted.inputs).max(axis=1) > tau


def _evidence(model: Model, x: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    logits = model(x)
    if logits.dim() > 1:
        logits = logits.flatten(1).mean(dim=1)
    return (2 * wanted - 1) * logits
