"""How a version's weights came about, computed again: the facts behind the check "lineage"."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from audits.predeployment.checks.links import Link, State
from core import artefacts
from federation import training
from federation.consents import left_at
from federation.domain import messages
from federation.domain.messages import MessageError, digest
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.start import start_of
from federation.models import DataManifest, Participant, Round, SiteOrder, SiteUpdate
from models_registry import origins
from models_registry.models import Version


def lineage(version: Version) -> dict[str, Any]:
    """Each link from the data to the weights: see `checks.lineage`."""
    links = [*_configuration(version), *_manifests(version), *_start(version)]
    rounds = list(version.run.rounds.filter(state=Round.State.DONE).order_by("number"))
    participants = training.participants_of(version.run)
    gone = left_at(version.run)
    for before, round_ in zip([None, *rounds], rounds, strict=False):
        links += _round(round_, before, participants, gone)
    links += _final(version, rounds[-1] if rounds else None)
    return {
        "links": [link.as_fact() for link in links], "manifests": dict(version.manifests),
        "weights": {"primary": version.weights_digest, "baseline": version.baseline_digest},
    }  # fmt: skip


def _same(what: str, expected: str | None, found: str | None) -> Link:
    if expected and expected == found:
        return Link(what, State.HOLDS, str(found))
    return Link(what, State.BROKEN, f"expected {expected or 'a digest'}, found {found or 'none'}")


def _configuration(version: Version) -> Iterator[Link]:
    run = version.run
    yield _same("hash of the run's configuration", run.config_hash, digest(run.config))
    yield _same("configuration of the version", run.config_hash, digest(version.config))
    yield _same("hash on the version", run.config_hash, version.config_hash)


def _manifests(version: Version) -> Iterator[Link]:
    """The data of each site are those that its manifest, and so its consent, names."""
    promised = version.run.config["data_digests"]
    for site in sorted({*promised, *version.manifests}):
        expected = promised.get(site)
        yield _same(f"data manifest of {site} on the version", expected, version.manifests.get(site))
        stored = DataManifest.objects.filter(
            participant__federation=version.model.federation_id, participant__site=site, digest=expected or ""
        ).first()
        yield _same(f"content of the data manifest of {site}", expected, digest(stored.content) if stored else None)


def _start(version: Version) -> Iterator[Link]:
    """What a version that began from another one took, and whether it could have met who is held out from it."""
    start = start_of(version.config)
    if start is None:
        return
    source = origins.before(version)
    what = f"{start.name}, from which it began"
    if source is None:
        yield Link(what, State.BROKEN, f"expected the version {start.version}, found none")
        return
    for name, stored in (("primary", source.weights_digest), ("baseline", source.baseline_digest)):
        yield _same(f"{what}: weights, {name}", start.weights[name], stored)
    yield from _begun(version, what)
    for site in start.unclear:
        said = "it learned from other data of the same institution; whether they are among them cannot be told"
        yield Link(f"{what}: patients held out at {site}", State.UNKNOWN, said)
    whose = ", ".join(start.learned_from)
    yield Link(f"{what}: whose patients it learned from", State.HOLDS, f"patients of {whose} influenced these weights")


def _begun(version: Version, what: str) -> Iterator[Link]:
    """The first round's weights, made again from what was taken."""
    from federation.domain.learning.states import WeightsError, digest
    from federation.starting import first_weights

    first, config = version.run.rounds.order_by("number").first(), RunConfig.from_dict(version.config)
    for name in MODEL_NAMES:
        try:
            again = digest(first_weights(config, name))
        except (artefacts.ArtefactError, WeightsError) as error:
            yield Link(f"{what}: what was taken, {name}", State.BROKEN, str(error))
            continue
        began = first.start_weights.get(name) if first else None
        yield _same(f"round 1, {name}: begins with what was taken", began, again)


def _round(
    round_: Round, before: Round | None, participants: list[Participant], gone: Mapping[str, datetime]
) -> Iterator[Link]:
    if before is not None:
        for name in MODEL_NAMES:
            what = f"round {round_.number}, {name}: starts where round {before.number} ended"
            yield _same(what, before.weights.get(name), round_.start_weights.get(name))
    updates = {u.participant.site: u for u in round_.updates.select_related("participant")}
    left_out = {e.participant.site: e for e in round_.exclusions.filter(phase="train").select_related("participant")}
    for participant in participants:
        what = f"round {round_.number}, update of {participant.site}"
        if participant.site not in updates and participant.site in left_out:
            exclusion = left_out[participant.site]
            yield Link(what, State.HOLDS, f"left out, and on the record: {exclusion.get_kind_display().lower()}")
            continue
        if participant.site not in updates:
            when = gone.get(participant.site)
            if when is not None and (round_.finished_at is None or when <= round_.finished_at):
                yield Link(what, State.HOLDS, f"none: its institution left the run at {when:%F %T} UTC")
            else:
                yield Link(what, State.BROKEN, "expected an update, found none")
            continue
        yield _signed(what, updates[participant.site], participant)
    for name in MODEL_NAMES:
        yield _averaged(round_, name, list(updates.values()))


def _signed(what: str, update: SiteUpdate, participant: Participant) -> Link:
    """The update is the very message that the site signed. Its weights are read, which checks them by their name."""
    order = SiteOrder.objects.filter(
        subject=update.round_id, participant=participant, kind="train", state=SiteOrder.State.ANSWERED
    ).first()
    if order is None:
        return Link(what, State.UNKNOWN, "the message that the signature covers is no longer kept")
    try:
        files = {name: artefacts.get(stored) for name, stored in update.weights.items()}
        text = json.dumps({
            "v": messages.VERSION, "kind": order.kind, "sender": participant.site, "recipient": "coordinator",
            "key": order.key, "ok": True, "body": order.answer, "signature": update.signature,
            "attachments": {name: base64.b64encode(data).decode() for name, data in files.items()},
        })  # fmt: skip
        message, _ = messages.unseal(text, sender=participant.site, public_key=participant.public_key)
    except artefacts.ArtefactError as error:
        return Link(what, State.BROKEN, str(error))
    except MessageError as error:
        return Link(what, State.BROKEN, f"expected a message signed by {participant.site}: {error}")
    if messages.message_digest(message) != update.message_digest or message.body["n_records"] != update.n_records:
        return Link(what, State.BROKEN, "expected the signed message, found another digest or number of records")
    return Link(what, State.HOLDS, f"signed by {participant.site}, {update.n_records} records")


def _averaged(round_: Round, name: str, updates: list[SiteUpdate]) -> Link:
    """The round's weights are what the run's rule makes of its updates, computed again."""
    from federation.aggregation import mode_of
    from federation.domain.learning import states
    from federation.domain.secure.aggregation import AggregationRefused
    from federation.domain.strategies.base import AggregationError

    what = f"round {round_.number}, {name}: average of the updates"
    try:
        config = RunConfig.from_dict(round_.run.config)
        done = mode_of(config)(round_, config, updates, only=name)[name]
        again = states.digest(states.to_bytes(done.state))
    except (artefacts.ArtefactError, AggregationError, AggregationRefused, states.WeightsError, KeyError) as error:
        return Link(what, State.BROKEN, f"the average cannot be computed again: {error}")
    return _same(what, round_.weights.get(name), again)


def _final(version: Version, last: Round | None) -> Iterator[Link]:
    for name, stored in zip(MODEL_NAMES, (version.weights_digest, version.baseline_digest), strict=True):
        what = f"weights of the version, {name}"
        yield _same(f"{what}: those of the last round", last.weights.get(name) if last else None, stored)
        try:
            artefacts.get(stored)
        except artefacts.ArtefactError as error:
            yield Link(what, State.BROKEN, str(error))
        else:
            yield Link(what, State.HOLDS, "stored under their digest")
