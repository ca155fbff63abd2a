"""Models that cannot know: negative controls, without which a high explanation score shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.base import Model
from federation.domain.models.registry import build

MOST_SLICES = 64  # of the label-permuted control; more only cost time
_BATCH = {"classification": 32, "segmentation": 8}
_RATE = {"classification": 0.03, "segmentation": 0.005}  # as `learning.defaults`


def permuted_parameters(parameters: Mapping[str, NDArray], rng: np.random.Generator) -> dict[str, NDArray]:
    """Each array with its own entries in random order: the size of the weights stays, what was learned is lost."""
    return {name: rng.permuted(np.asarray(value).ravel()).reshape(value.shape) for name, value in parameters.items()}


def randomised(model: Model, rng: np.random.Generator) -> Model:
    """The same network with its learned weights in random order."""
    control = build(model.spec)
    load_state(control, permuted_parameters(state_of(model), rng))
    return control.eval()


def label_permuted(
    model: Model,
    data: SiteData,
    rng: np.random.Generator,
    *,
    steps: int,
    tell: Callable[[int, int], None] = lambda step, steps: None,
) -> Model | None:
    """The same network, trained from the start on the site's training patients with shuffled labels.

    An imaged patient's slices get the lesion outlines of other slices. The number of steps bounds the time, so that the
    same seed gives the same control on a slow machine too.

    Parameters
    ----------
    data : SiteData
        Training patients; never the audit's.
    steps : int, >= 1
        At most; at least one pass is made.
    tell : callable
        Called with each finished step and the number of steps.

    Returns
    -------
    Model or None
        None where there is nothing to shuffle: fewer than two rows, or all with the same label.
    """
    most = MOST_SLICES if data.task == "segmentation" else len(data.x)
    rows = np.sort(rng.permutation(len(data.x))[:most])
    x, y = data.x[rows], data.y[rows]
    if len(y) < 2 or (y == y[0]).all():
        return None
    shuffled = replace(
        data, x=x, y=y[rng.permutation(len(y))], patient_index=np.arange(len(y)),
        record_ids=tuple(map(str, range(len(y)))), groups={},
    )  # fmt: skip
    batch = _BATCH[data.task]
    epochs = max(1, steps // -(-len(y) // batch))
    control = build(model.spec, seed=int(rng.integers(2**31)))
    config = LocalConfig(epochs=min(epochs, 1000), batch_size=batch, learning_rate=_RATE[data.task])
    train_local(
        control, shuffled, config, seed=int(rng.integers(2**31)), progress=lambda now: tell(now.step, now.steps)
    )
    return control.eval()
