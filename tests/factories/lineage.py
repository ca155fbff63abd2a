"""A version whose whole history is on record: consents, signed updates, and averages that follow from them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from django.utils import timezone

from core import artefacts
from federation.domain import messages
from federation.domain.learning import weights
from federation.domain.messages import Message, dump_public, new_key
from federation.domain.models.registry import build
from federation.domain.run_config import MODEL_NAMES
from federation.domain.strategies import fedavg
from federation.domain.strategies.base import Update
from federation.models import Participant, Round, SiteOrder, SiteUpdate, TrainingRun
from models_registry import services
from models_registry.models import Version
from tests.factories.federation import World, make_run
from tests.factories.rounds import make_consents

MODELS = {name: {"loss": 0.4, "seconds": 1.0, "steps": 5, "sample_rate": 0.2} for name in MODEL_NAMES}


def make_recorded_version(world: World, *, rounds: int = 2, consents: tuple[str, ...] = ("north", "south")) -> Version:
    """Two sites, `rounds` rounds; each update is the round's weights with a little added, signed by its site."""
    keys = {}
    for site, participant in world.participants.items():
        keys[site] = new_key()
        participant.public_key = dump_public(keys[site])
        participant.save(update_fields=["public_key"])
    run = make_run(world, state=TrainingRun.State.FINISHED, rounds=rounds)
    make_consents(world, run, of=consents)
    run.started_at, run.finished_at = timezone.now(), timezone.now() + timedelta(seconds=1)
    run.save(update_fields=["started_at", "finished_at"])
    states = {name: weights.state_of(build(run.config["models"][name], seed=1)) for name in MODEL_NAMES}
    for number in range(1, rounds + 1):
        states = _round(run, number, states, list(world.participants.values()), keys)
    return services.version_create(run=run)


def _round(run: TrainingRun, number: int, states: dict, participants: list[Participant], keys: dict) -> dict:
    start = {name: artefacts.put(weights.to_bytes(state)) for name, state in states.items()}
    round_ = Round.objects.create(
        run=run, number=number, state=Round.State.DONE, start_weights=start, weights={}, finished_at=timezone.now(),
        metrics={"epsilon": dict.fromkeys(p.site for p in participants)} | {name: _metrics() for name in MODEL_NAMES},
    )  # fmt: skip
    received: dict[str, list[Update]] = {name: [] for name in MODEL_NAMES}
    for index, participant in enumerate(participants):
        moved = {
            name: {key: (value + np.float32(0.01 * (index + 1))) for key, value in state.items()}
            for name, state in states.items()
        }
        _update(round_, participant, moved, keys[participant.site], n_records=50 + index)
        for name in MODEL_NAMES:
            received[name].append(Update(participant.site, moved[name], 50 + index))
    averaged = {name: fedavg.aggregate(received[name]) for name in MODEL_NAMES}
    round_.weights = {name: artefacts.put(weights.to_bytes(state)) for name, state in averaged.items()}
    round_.save(update_fields=["weights"])
    return averaged


def _update(round_: Round, participant: Participant, states: dict, key, *, n_records: int) -> None:
    files = {name: weights.to_bytes(state) for name, state in states.items()}
    stored = {name: artefacts.put(data) for name, data in files.items()}
    name = f"{round_.run_id}:{round_.number}:train"
    body = {"n_records": n_records, "models": MODELS}
    message = Message("train", participant.site, "coordinator", name, body, files)
    _, signature = messages.unseal(
        messages.seal(message, key), sender=participant.site, public_key=participant.public_key
    )
    told = messages.message_digest(message)
    SiteOrder.objects.create(
        participant=participant, kind="train", key=name, subject=round_.id, body={}, answer=body,
        state=SiteOrder.State.ANSWERED, answer_attachments=stored, answer_digest=told, signature=signature,
    )  # fmt: skip
    SiteUpdate.objects.create(
        round=round_, participant=participant, weights=stored, n_records=n_records, metrics=MODELS, message_digest=told,
        signature=signature,
    )  # fmt: skip


def _metrics() -> dict:
    figure = {"accuracy": {"n": 30, "mean": 0.8}}
    return {
        "overall": figure,
        "site": dict.fromkeys(("north", "south"), figure),
        "groups": {"sex": {"female": figure, "male": figure}},
    }
