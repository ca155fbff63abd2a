"""Runs that begin from a version: which one may be taken by whom, and what is frozen of it.

Versions stand a floor higher; the registry says through `finds_versions` what it knows of one. Whose patients a version
learned from has a say in where it goes: each of these institutions takes part in the new run, and so consents to it, or
the run stays in the federation that it made the version with, under an agreement that is in force. Synthetic data bind
nobody.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext as _

from accounts.models import User
from core import artefacts
from core.errors import Conflict, NotFound
from federation import training
from federation.domain.messages import digest
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.start import Start, start_of
from federation.domain.strategies.base import Aggregate
from federation.models import DataManifest, Federation, Participant, TrainingRun

KEYS = {"version", "encoder"}
UNKNOWN = "There is no such version, or it is not shown to you; choose one of those that the form offers."


@dataclass(frozen=True)
class Source:
    """A version as the registry knows it. `refusal`: why nothing may begin from it now; empty if it may."""

    version: str
    name: str
    run: TrainingRun
    weights: Mapping[str, str]  # model name -> SHA-256
    epsilon: float | None  # the most that a patient of its own run has spent; None: not bounded
    refusal: str
    before: Source | None  # the version that it began from


class Registry(Protocol):
    """What a higher floor tells of versions."""

    def find(self, version: uuid.UUID, user: User | None) -> Source | None:
        """A version that this person may see; without a person, any."""

    def offered(self, user: User, task: str) -> list[tuple[str, str, int]]:
        """Id, name and inputs of versions whose models, or encoders, fit the task: the newest that a person may see."""


_registry: list[Registry] = []


def finds_versions(registry: Registry) -> None:
    """Called once by the floor that keeps the versions."""
    _registry[:] = [registry]


def offered(user: User, federation: Federation) -> list[tuple[str, str]]:
    """Id and name of versions that a run of this federation might begin from; if one may is told when it is asked."""
    newest = DataManifest.objects.filter(participant__federation=federation).order_by("-created_at").first()
    if newest is None or not _registry:
        return []
    inputs = newest.content["shape"][0]
    return [(found, name) for found, name, had in _registry[0].offered(user, federation.task) if had == inputs]


def source_for(federation: Federation, given: Mapping[str, Any] | None, *, actor: User) -> Source | None:
    """The version that a proposal names, if nothing stands in the way of it.

    Raises
    ------
    NotFound, Conflict
        With the reason.
    """
    if given is None:
        return None
    try:
        asked = uuid.UUID(str(given.get("version")))
    except ValueError:
        raise NotFound(UNKNOWN) from None
    source = _found(asked, actor)
    _refuse(source, federation, training_here=_active(federation))
    return source


def refuse_unless_usable(run: TrainingRun) -> None:
    """Once more before a run starts: days may lie between proposal and start. Raises Conflict with the reason."""
    if (start := start_of(run.config)) is not None:
        source = _found(uuid.UUID(start.version), None)
        _refuse(source, run.federation, training_here=training.participants_of(run))


def _found(version: uuid.UUID, user: User | None) -> Source:
    source = _registry[0].find(version, user) if _registry else None
    if source is None:
        raise NotFound(UNKNOWN)
    return source


def _active(federation: Federation) -> list[Participant]:
    return list(federation.participants.filter(is_active=True).select_related("institution"))


def line_of(source: Source) -> Iterator[Source]:
    """The version and those before it, the newest first."""
    found: Source | None = source
    while found is not None:
        yield found
        found = found.before


def _refuse(source: Source, federation: Federation, *, training_here: list[Participant]) -> None:
    here = {participant.institution_id for participant in training_here}
    for one in line_of(source):
        if one.refusal:
            raise Conflict(_("No run can begin from %(version)s: %(why)s") % {"version": one.name, "why": one.refusal})
        if one.run.federation.synthetic:
            continue
        outside = [p for p in training.participants_of(one.run) if p.institution_id not in here]
        if one.run.federation_id == federation.id:
            outside = [p for p in outside if not _agrees(p)]
        if outside:
            raise Conflict(
                _(
                    "%(version)s learned from patients of %(institutions)s, who neither take part in this run, and so "
                    "consent to it, nor lend their data to this federation under an agreement in force. Admit them to "
                    "the federation, or choose another version."
                )
                % {"version": one.name, "institutions": ", ".join(sorted(str(p) for p in outside))}
            )


def _agrees(participant: Participant) -> bool:
    newest = participant.agreements.first()
    return newest is not None and newest.is_current


def models_and_start(
    source: Source, given: Mapping[str, Any], federation: Federation, held: Mapping[str, DataManifest], *, seed: int
) -> tuple[dict[str, dict], dict[str, Any]]:
    """The models of the run, and its part `start`. What is taken is stored under its digest.

    Raises
    ------
    ValueError
        If the part is malformed, the version does not fit, or patients held out here are known to it.
    """
    from federation.domain.learning import starting  # torch: only who proposes or begins a run loads it

    if not set(given) <= KEYS:
        raise ValueError(f"expected a start with {' and '.join(sorted(KEYS))}, got {', '.join(sorted(given))}")
    encoder, config = given.get("encoder") or None, source.run.config
    shape = tuple(next(iter(held.values())).content["shape"])
    models = starting.specs_for(config["models"], encoder, task=federation.task, shape=shape)
    try:
        had = {name: artefacts.get(source.weights[name]) for name in MODEL_NAMES}
    except artefacts.ArtefactError as error:
        raise ValueError(f"the weights of {source.name} cannot be had: {error}") from error
    taken = {
        name: artefacts.put(starting.taken_from(config["models"][name], had[name], encoder)) for name in MODEL_NAMES
    }
    lenders = {str(p) for one in line_of(source) for p in training.participants_of(one.run)}
    start = Start(
        version=source.version, name=source.name, encoder=encoder, weights=dict(source.weights), taken=taken,
        learned_from=tuple(sorted(lenders)), unclear=_unclear(source, held, seed=seed), epsilon=_spent(source),
    )  # fmt: skip
    return models, start.as_dict()


def _unclear(source: Source, held: Mapping[str, DataManifest], *, seed: int) -> tuple[str, ...]:
    """Sites where the version learned from other data of the same institution.

    On the same data the seed decides who is held out, so with the same seed nobody held out here was learned from.
    """
    unclear = set()
    for one in line_of(source):
        lent = {p.institution_id: p.site for p in training.participants_of(one.run)}
        for site, manifest in held.items():
            then = lent.get(manifest.participant.institution_id)
            if then is None:
                continue
            if (then, one.run.config["data_digests"][then]) != (site, digest(manifest.content)):
                unclear.add(site)
            elif one.run.config["seed"] != seed:
                raise ValueError(
                    f"expected the seed {one.run.config['seed']}, with which {one.name} learned from the same data of "
                    f"{site}, got {seed}: with another one it has met patients who are held out here"
                )
    return tuple(sorted(unclear))


def _spent(source: Source) -> float | None:
    """What a patient has spent at most over the version and those before it."""
    each = [one.epsilon for one in line_of(source)]
    return None if None in each else sum(value for value in each if value is not None)


def first_weights(config: RunConfig, name: str) -> bytes:
    """The weights of one model that the first round begins with."""
    from federation.domain.learning import weights
    from federation.domain.learning.starting import started
    from federation.domain.models.registry import build

    if config.start is None:
        return weights.to_bytes(weights.state_of(build(config.models[name], seed=config.seed)))
    start = Start.from_dict(config.start)
    taken = artefacts.get(start.taken[name])
    return weights.to_bytes(started(config.models[name], seed=config.seed, taken=taken, encoder=start.encoder))


Combine = Callable[..., dict[str, Aggregate]]


def holding(combine: Combine) -> Combine:
    """The same way of putting updates together, with frozen encoders as they were: nobody's update moves them."""
    from federation.domain.learning import states
    from federation.domain.learning.starting import frozen_names

    def held(round_: Any, config: RunConfig, updates: Any, *, only: str = "") -> dict[str, Aggregate]:
        out = {}
        for name, done in combine(round_, config, updates, only=only).items():
            start = states.from_bytes(artefacts.get(round_.start_weights[name]))
            kept = {key: start[key] for key in frozen_names(config.models[name])}
            out[name] = Aggregate({**done.state, **kept}, done.memory, done.notes)
        return out

    return held
