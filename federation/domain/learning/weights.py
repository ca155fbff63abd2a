"""Model weights as arrays, as safetensors bytes, and their digest.

A *state* is a dict of name to float32 array. It is what sites send, strategies average and the ledger hashes.
safetensors holds no code, so bytes from a stranger can be refused but never run anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from federation.domain.learning import states
from federation.domain.learning.states import State, WeightsError, digest, to_bytes
from federation.domain.models.base import Model
from federation.domain.models.registry import build

__all__ = [
    "State", "WeightsError", "check_state", "digest", "from_bytes", "load_state", "map_state", "state_of", "to_bytes",
]  # fmt: skip


def state_of(model: Model) -> State:
    """A copy of the model's weights."""
    return {
        name: np.array(value.detach().cpu().numpy(), dtype=np.float32, order="C")
        for name, value in model.state_dict().items()
    }


def load_state(model: Model, state: Mapping[str, NDArray[np.float32]]) -> None:
    """Put weights into a model, after checking that they fit.

    Raises
    ------
    WeightsError
        If names or shapes differ from the model's, or a value is not finite. The model is then unchanged.
    """
    check_state(state, like=model)
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})


def map_state(model: Model, path: Path) -> None:
    """Put weights into a model that stay in their file: mapped into memory, read when used, shared by all processes.

    What the model lays out in another order than the file (the kernels of a U-Net: channels last, which computes 1.7
    times as fast) is copied into that order.

    Parameters
    ----------
    path : Path
        A safetensors file. It must not be changed while the model lives.

    Raises
    ------
    WeightsError
        If the file cannot be read, or the weights do not fit the model or are not finite. The model is then unchanged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"expected a safetensors file of weights, got an unreadable one: {error}") from error
    check_state({name: value.numpy() for name, value in state.items()}, like=model)
    for name, own in model.state_dict().items():
        if not own.is_contiguous():
            state[name] = state[name].contiguous(memory_format=torch.channels_last)
    model.load_state_dict(state, assign=True)


def from_bytes(data: bytes, *, like: Model | Mapping[str, Any]) -> State:
    """Read weights that someone else wrote.

    Parameters
    ----------
    data : bytes
        A safetensors file.
    like : Model, spec or state
        What the weights must fit: names, shapes and type.

    Raises
    ------
    WeightsError
        If the bytes are not safetensors, or the weights do not fit or are not finite.
    """
    return states.from_bytes(data, shapes=_shapes(like))


def check_state(state: Mapping[str, NDArray[Any]], *, like: Model | Mapping[str, Any]) -> None:
    """Raise `WeightsError` unless `state` has the names and shapes of `like`, in finite float32."""
    states.check(state, shapes=_shapes(like))


def _shapes(like: Model | Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    if isinstance(like, Mapping) and "kind" in like:
        like = build(like)
    return states.shapes_of(like.state_dict() if isinstance(like, Model) else like)
