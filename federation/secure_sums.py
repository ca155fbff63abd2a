"""What the opened sums of a masked round say: new weights, and the round's scores."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from core import artefacts, jobs
from federation import scoring, training
from federation.domain.noised_scores import ScoresConfig, masked_code
from federation.domain.privacy.distributed import QuorumLost, mean_gradient, require_quorum
from federation.domain.round_metrics import metrics_before, reported_metrics
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.secure import envelope
from federation.domain.secure.aggregation import AggregationRefused, Reveal, Server, Session, Shares
from federation.domain.secure.counts import CellLayout
from federation.domain.secure.envelope import EnvelopeRefused
from federation.domain.secure.field import Elements, Field
from federation.domain.secure.update import CountCode, Layout, States, UpdateCode
from federation.domain.twin_comparison import NUMBERS
from federation.models import Round, SiteOrder, TrainingRun
from federation.secure_stages import answered_of, masks_of, orders_of

OPEN = (TrainingRun.State.RUNNING, TrainingRun.State.PAUSED)
Weights = dict[str, dict[str, NDArray[np.float32]]]
UNUSABLE = (EnvelopeRefused, ValueError, KeyError, TypeError)


def layout_of(run: TrainingRun) -> CellLayout:
    manifests = [
        p.manifests.filter(digest=run.config["data_digests"][p.site]).first() for p in training.participants_of(run)
    ]
    return CellLayout.of([m.content for m in manifests if m is not None], reported_metrics(run.config["task"]))


def _total(round_: Round, purpose: str, *, bits: int, size: int) -> tuple[Elements, list[SiteOrder]]:
    """The opened sum of a session, from what the sites sent, and the orders of the counted sites."""
    security = masks_of(round_.run)
    name = f"{round_.run_id}:{round_.number}:{purpose}"
    server = Server(Session(name, tuple(sorted(security.signing_keys)), security.threshold, Field(bits), size))
    for site, order in answered_of(orders_of(round_.id, "secure_shares")).items():
        files = {key: artefacts.get(stored) for key, stored in order.answer_attachments.items()}
        mine = {key.removeprefix(f"{purpose}/"): data for key, data in files.items() if key.startswith(f"{purpose}/")}
        escrow = mine.pop("")
        server.take_shares(site, Shares(mine, escrow))
    server.deal()
    unmask = orders_of(round_.id, "secure_unmask", purpose=purpose)
    counted = set(unmask[0].body["counted"])  # the same in all of them
    vectors = {s: o for s, o in answered_of(orders_of(round_.id, purpose)).items() if s in counted}
    for site, order in vectors.items():
        packed = envelope.unpack(artefacts.get(order.answer_attachments["masked"]))["masked"]
        server.take_masked(site, server.session.field.unpack(packed, size))
    server.close()
    for site, order in answered_of(unmask).items():
        answer = order.answer or {}
        own, escrows = ({k: base64.b64decode(v) for k, v in answer[kind].items()} for kind in ("own_masks", "escrows"))
        server.take_reveal(site, Reveal(own, escrows))
    return server.total(), list(vectors.values())


def averaged(round_: Round) -> Weights:
    """The states of the models after a masked round, before the run's rule; the same whenever it is computed again.

    Raises
    ------
    AggregationRefused
        If what the sites sent does not fit together.
    """
    from federation.domain.learning import weights
    from federation.domain.models.registry import build

    config = RunConfig.from_dict(round_.run.config)
    start = {
        name: weights.from_bytes(artefacts.get(round_.start_weights[name]), like=build(config.models[name]))
        for name in MODEL_NAMES
    }
    try:
        return _stepped(round_, config, start) if config.shared_noise else _mean(round_, config, start)
    except UNUSABLE as error:
        raise AggregationRefused(f"round {round_.number}: {error}") from error


def _mean(round_: Round, config: RunConfig, start: States) -> Weights:
    """The mean of the sites' weights, from the sum of their changes at the round's coordinates."""
    security, layout = masks_of(round_.run), Layout.of(start)
    code = UpdateCode.of(security, seed=config.hash, round_number=round_.number, size=layout.size)
    total, orders = _total(round_, "train", bits=security.field_bits, size=len(code.indices))
    return layout.unflatten(code.apply(layout.flatten(start), total, _records(orders)))


def _stepped(round_: Round, config: RunConfig, start: States) -> Weights:
    """One step against the mean gradient, in whose sum is the noise of all counted sites.

    Raises
    ------
    AggregationRefused
        If fewer sites are counted than the noise was dealt out for; then nothing is opened.
    """
    security, layout, noise = masks_of(round_.run), Layout.of(start), config.shared_noise
    assert noise is not None
    try:
        require_quorum(len(counted_in(round_)), noise)
    except QuorumLost as error:
        raise AggregationRefused(str(error)) from error
    total, orders = _total(round_, "train", bits=security.field_bits, size=layout.size)
    modulus, rate = Field(security.field_bits).modulus, config.local.rate_at((round_.number - 1) / config.rounds)
    gradient = mean_gradient(total, noise, modulus=modulus, patients=_records(orders))
    return layout.unflatten((layout.flatten(start) - rate * gradient).astype(np.float32))


def _records(orders: list[SiteOrder]) -> int:
    return sum(int((order.answer or {})["n_records"]) for order in orders)


def counted_in(round_: Round | None) -> list[str]:
    """The sites whose updates a round counted."""
    asked = [] if round_ is None else orders_of(round_.id, "secure_unmask", purpose="train")
    return list(asked[0].body["counted"]) if asked else []


def _asked(run: TrainingRun, round_: Round) -> tuple[CellLayout, int]:
    """What the sites were asked to sum, and how many numbers of pairs: a round may be in hand when this is updated."""
    orders = orders_of(round_.id, "evaluate")
    masking = orders[0].body["masking"] if orders else {}
    if "groups" not in masking:
        return layout_of(run), 0
    layout = CellLayout.from_list(masking["groups"], masking.get("metrics", metrics_before(run.config["task"])))
    return layout, NUMBERS if masking.get("paired") else 0


@jobs.handles("secure.close")
def close(payload: dict) -> jobs.Effects:
    """Open the secure counts of a round's scores, and end the round."""
    round_ = Round.objects.select_related("run").get(id=payload["round"])
    run, security = round_.run, masks_of(round_.run)
    part = run.config.get("scores")
    scores = None if part is None else ScoresConfig.from_dict(part)
    layout, pairs = _asked(run, round_)
    size = len(MODEL_NAMES) * layout.size + pairs if scores is None else scoring.table_of(run, round_).size
    try:
        total, counted = _total(round_, "evaluate", bits=32, size=size)
    except (AggregationRefused, *UNUSABLE) as error:
        reason = f"the secure counts of round {round_.number} do not open: {error}"
        return lambda: training.fail(training.lock_run(run.id), reason)
    if scores is not None:
        summed = masked_code(scores, security).decode(total)
        figures = scoring.of_masked(run, round_, summed, sites=len(counted))
    else:
        exact = CountCode(len(security.signing_keys), security.most_records).decode(total)
        cells, paired = exact[: size - pairs], exact[size - pairs :]
        rows = zip(MODEL_NAMES, cells.reshape(len(MODEL_NAMES), -1), strict=True)
        figures = scoring.of_cells(run, {name: layout.cells(row) for name, row in rows}, paired=paired.tolist())

    def effects() -> None:
        locked = training.lock_run(run.id)
        fresh = Round.objects.select_for_update().get(id=round_.id)
        if locked.state in OPEN and fresh.state == Round.State.EVALUATING:
            training.close_round(locked, fresh, figures)

    return effects
