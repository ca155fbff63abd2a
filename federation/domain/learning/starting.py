"""A run that begins from another version: which weights are taken, and which stay as they are.

What is taken is a state of its own (`taken_of`): of all weights, or of the encoder's, under the names that hybrid and
twin, and a model with another head, share. Its digest is frozen with the run, so a site can tell whether the weights
that it is sent begin where its people have agreed to, and whether a frozen encoder has stayed the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from federation.domain.learning.states import State, check, digest, from_bytes, shapes_of, to_bytes
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.base import Model
from federation.domain.models.registry import build, transferred_specs
from federation.domain.models.transferred import TransferError, encoder_in
from federation.domain.start import Start

Specs = Mapping[str, Mapping[str, Any]]  # "primary" and "baseline"


def specs_for(sources: Specs, encoder: str | None, *, task: str, shape: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """The models of a run that begins from a version: the version's own, or classifiers on its encoders.

    Parameters
    ----------
    sources : specs of the version's models
    encoder : as `Start` has it
    task : of the run
    shape : of a record at the run's sites

    Raises
    ------
    TransferError
        If the version does not fit the task or the data, or has no encoder to hand on.
    """
    had = build(sources["primary"]).task
    if task == had:
        found = {name: dict(spec) for name, spec in sources.items()}
    elif encoder is not None and task == "classification":
        found = dict(zip(sources, transferred_specs([sources["primary"], sources["baseline"]]), strict=True))
    else:
        raise TransferError(
            f"expected a version for {task}, got one for {had}"
            + (", whose encoder has no way back to an image" if encoder else "; its encoder alone could be taken")
        )
    for name, spec in found.items():
        _require_fit(name, build(spec), encoder, shape)
    return found


def _require_fit(name: str, model: Model, encoder: str | None, shape: tuple[int, ...]) -> None:
    if encoder is not None:
        encoder_in(model)
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, *shape))
    except (ValueError, RuntimeError) as error:
        raise TransferError(
            f"the {name} model of the version does not fit the sites' data, records of shape {list(shape)}: {error}"
        ) from error


def taken_of(model: Model, encoder: str | None) -> State:
    """A copy of what a run takes of a model: all weights, or its encoder's."""
    if encoder is None:
        return state_of(model)
    return {name: value.numpy().copy() for name, value in encoder_in(model).state_dict().items()}


def taken_from(spec: Mapping[str, Any], weights: bytes, encoder: str | None) -> bytes:
    """What a run takes of a version's weights, as it is stored and named by its digest.

    Raises
    ------
    WeightsError
        If the weights are not those of such a model.
    """
    source = build(spec)
    load_state(source, from_bytes(weights))
    return to_bytes(taken_of(source, encoder))


def started(spec: Mapping[str, Any], *, seed: int, taken: bytes, encoder: str | None) -> State:
    """The weights that the first round begins with: those taken, and for the rest initial ones of the seed.

    Raises
    ------
    WeightsError
        If what was taken is not of such a model.
    """
    model, state = build(spec, seed=seed), from_bytes(taken)
    if encoder is None:
        load_state(model, state)
        return state_of(model)
    part = encoder_in(model)
    check(state, shapes=shapes_of(part.state_dict()))
    part.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return state_of(model)


def begins_as_agreed(model: Model, start: Start, name: str) -> bool:
    """Whether a model holds what the configuration says is taken for it."""
    return digest(to_bytes(taken_of(model, start.encoder))) == start.taken[name]


def freeze(model: Model, start: Start) -> None:
    """Let the encoder learn nothing, if it was agreed so: it then has no gradient, to clip or otherwise."""
    if start.freezes:
        encoder_in(model).requires_grad_(False)


def frozen_names(spec: Mapping[str, Any]) -> frozenset[str]:
    """Names, in the model, of the weights of its encoder."""
    model = build(spec)
    own = {id(value) for value in encoder_in(model).parameters()}
    return frozenset(name for name, value in model.named_parameters() if id(value) in own)
