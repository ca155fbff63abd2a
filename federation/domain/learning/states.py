"""Weights as arrays, without torch: what aggregation and the coordinator's checks need of them.

A *state* is a dict of name to float32 array; `weights` puts one into a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

State = dict[str, NDArray[np.float32]]
Shapes = dict[str, tuple[int, ...]]


class WeightsError(ValueError):
    """Weights that do not fit: unreadable bytes, wrong names, shapes or types, or values that are not finite."""


def shapes_of(state: Mapping[str, Any]) -> Shapes:
    return {name: tuple(value.shape) for name, value in state.items()}


def check(state: Mapping[str, NDArray[Any]], *, shapes: Shapes) -> None:
    """Raise `WeightsError` unless `state` has these names and shapes, in finite float32."""
    if set(state) != set(shapes):
        missing, extra = sorted(set(shapes) - set(state)), sorted(set(state) - set(shapes))
        raise WeightsError(f"expected the weights of the model; missing {missing}, unexpected {extra}")
    for name, shape in shapes.items():
        value = state[name]
        if value.dtype != np.float32 or tuple(value.shape) != shape:
            raise WeightsError(f"{name}: expected float32 of shape {shape}, got {value.dtype} of shape {value.shape}")
        if not np.isfinite(value).all():
            bad = int((~np.isfinite(value)).sum())
            raise WeightsError(f"{name}: expected finite values, got {bad} of {value.size} NaN or infinite; refuse it")


def to_bytes(state: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The canonical safetensors form: equal states give equal bytes, whatever their order in the dict.

    Raises
    ------
    WeightsError
        If an array is not float32 or a value is not finite.
    """
    check(state, shapes=shapes_of(state))
    return save({name: np.ascontiguousarray(state[name]) for name in sorted(state)})


def from_bytes(data: bytes, *, shapes: Shapes | None = None) -> State:
    """Read what `to_bytes` wrote, whoever says so.

    Parameters
    ----------
    shapes : names and shapes that it must have, or None for any

    Raises
    ------
    WeightsError
        If the bytes are not safetensors, or the weights do not fit or are not finite.
    """
    try:
        state = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(
            f"expected a safetensors file of weights, got {len(data)} unreadable bytes: {error}"
        ) from error
    check(state, shapes=shapes_of(state) if shapes is None else shapes)
    return state


def digest(data: bytes) -> str:
    """SHA-256 in lower-case hexadecimal (64 characters)."""
    return hashlib.sha256(data).hexdigest()
