"""How a version's weights came about, computed again: the facts behind the check "lineage"."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from audits.predeployment.checks.links import Link, State
from core import artefacts
from federation import secure_rounds, training
from federation.domain import messages
from federation.domain.messages import MessageError, digest
from federation.domain.run_config import MODEL_NAMES
from federation.models import DataManifest, Participant, Round, SiteOrder, SiteUpdate
from models_registry.models import Version

RECOMPUTED = "fedavg"  # the strategy whose averages are computed again here


def lineage(version: Version) -> dict[str, Any]:
    """Each link from the data to the weights: see `checks.lineage`."""
    links = [*_configuration(version), *_manifests(version)]
    rounds = list(version.run.rounds.filter(state=Round.State.DONE).order_by("number"))
    participants = training.participants_of(version.run)
    for before, round_ in zip([None, *rounds], rounds, strict=False):
        links += _round(round_, before, participants)
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


def _round(round_: Round, before: Round | None, participants: list[Participant]) -> Iterator[Link]:
    if before is not None:
        for name in MODEL_NAMES:
            what = f"round {round_.number}, {name}: starts where round {before.number} ended"
            yield _same(what, before.weights.get(name), round_.start_weights.get(name))
    updates = {u.participant.site: u for u in round_.updates.select_related("participant")}
    for participant in participants:
        what = f"round {round_.number}, update of {participant.site}"
        if participant.site not in updates:
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
    """The round's weights are the average of its updates, computed again."""
    from federation.domain.learning import weights
    from federation.domain.models.registry import build
    from federation.domain.secure.aggregation import AggregationRefused
    from federation.domain.strategies import fedavg
    from federation.domain.strategies.base import AggregationError, Update

    what, config = f"round {round_.number}, {name}: average of the updates", round_.run.config
    if config["strategy"] != RECOMPUTED:
        return Link(what, State.UNKNOWN, f"averages by {config['strategy']} are not computed again here")
    model = build(config["models"][name])
    try:
        if secure_rounds.is_masked(round_.run):
            opened = secure_rounds.averaged(round_)[name]
            return _same(what, round_.weights.get(name), weights.digest(weights.to_bytes(opened)))
        received = [
            Update(u.participant.site, weights.from_bytes(artefacts.get(u.weights[name]), like=model), u.n_records)
            for u in updates
        ]
        again = weights.digest(weights.to_bytes(fedavg.aggregate(received)))
    except (artefacts.ArtefactError, AggregationError, AggregationRefused, weights.WeightsError, KeyError) as error:
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
