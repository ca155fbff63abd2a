"""Runs with secure aggregation: the stages that come before and between those of `federation.training`.

once a run     secure_keys -> secure_pairs
each round     secure_shares -> train -> secure_unmask -> aggregate -> evaluate -> secure_unmask -> round done

A stage ends when every asked site has answered or failed, or at its deadline with at least the threshold of sites; with
fewer the run ends and says why. The sites of a sum are those whose vectors are in, whatever happens to them later.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from core import artefacts, jobs
from federation import consents, mailbox, site_statements, training
from federation.domain.group_rates import Cell
from federation.domain.round_metrics import gated_metrics
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.secure import envelope
from federation.domain.secure.aggregation import AggregationRefused, Reveal, Server, Session, Shares
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.counts import CellLayout
from federation.domain.secure.envelope import EnvelopeRefused
from federation.domain.secure.field import Field
from federation.domain.secure.update import CountCode, Layout, UpdateCode
from federation.models import Participant, Round, SiteOrder, TrainingRun

State, Order = TrainingRun.State, SiteOrder.State
STAGES = (
    ("secure_shares", ""),
    ("train", ""),
    ("secure_unmask", "train"),
    ("evaluate", ""),
    ("secure_unmask", "evaluate"),
)  # kind of order and its purpose, in the order of a round
STAGE_SECONDS = 120.0  # for stages without training; a site that needs longer is left out of the round


def security_of(run: TrainingRun) -> SecurityConfig | None:
    raw = run.config.get("security")
    return None if raw is None else SecurityConfig.from_dict(raw)


def is_masked(run: TrainingRun) -> bool:
    security = security_of(run)
    return security is not None and security.masking


def _stage(subject: Any, kind: str, *, purpose: str = "") -> list[SiteOrder]:
    found = SiteOrder.objects.filter(subject=subject, kind=kind).select_related("participant__institution")
    return [order for order in found if not purpose or order.body.get("purpose") == purpose]


def _answered(orders: list[SiteOrder]) -> dict[str, SiteOrder]:
    return {order.participant.site: order for order in orders if order.state == Order.ANSWERED}


def _ask(run: TrainingRun, subject: Any, participant: Participant, kind: str, name: str, body: dict) -> None:
    mailbox.order_create(
        participant=participant, kind=kind, key=f"{run.id}:{name}", subject=subject, attachments={},
        body={"run": str(run.id), "config": run.config, "config_hash": run.config_hash, **body},
    )  # fmt: skip


# Once a run: pairwise secrets


def agreed(run: TrainingRun) -> bool:
    """Whether the sites have their pairwise secrets; if not, they are asked for their keys."""
    if not is_masked(run):
        return True
    if has_secrets(run):
        return True
    for participant in training.participants_of(run):
        _ask(run, run.id, participant, "secure_keys", "keys", {})
    return False


def has_secrets(run: TrainingRun) -> bool:
    """Whether every site has agreed on a secret with every other."""
    pairs = _stage(run.id, "secure_pairs")
    return bool(pairs) and len(_answered(pairs)) == len(pairs)


def agreement_answered(payload: dict) -> jobs.Effects:
    """A site sent its key of the run, or its ciphertexts for the others. All sites are needed."""

    def effects() -> None:
        order = SiteOrder.objects.select_related("participant__institution").get(id=payload["order"])
        run = training.lock_run(order.subject)
        if run.state not in {State.RUNNING, State.PAUSED}:
            return
        if order.state == Order.FAILED:
            training.fail(run, f"{order.participant}: {order.error}")
            return
        orders = _stage(run.id, order.kind)
        if any(o.state != Order.ANSWERED for o in orders):
            return
        if order.kind == "secure_keys":
            _ask_pairs(run, orders)
        else:
            training.show(run, "round", f"The sites have agreed on the secrets of their masks{_quantum_words(orders)}")
            jobs.enqueue("run.begin", {"run": str(run.id)}, key=f"begin:{run.id}:agreed")

    return effects


def _quantum_words(orders: list[SiteOrder]) -> str:
    said = [o.answer["simulated_keys"] for o in orders if o.answer and "simulated_keys" in o.answer]
    return "" if not said else f", with {'simulated ' if any(said) else ''}quantum keys mixed in"


def _ask_pairs(run: TrainingRun, orders: list[SiteOrder]) -> None:
    keys = {o.participant.site: {**_texts(o, "key", "proof"), "signing_key": o.participant.public_key} for o in orders}
    for order in orders:
        _ask(run, run.id, order.participant, "secure_pairs", "pairs", {"keys": keys})


def _texts(order: SiteOrder, *names: str) -> dict[str, str]:
    return {name: str((order.answer or {}).get(name, "")) for name in names}


def _ciphertexts(run: TrainingRun) -> dict[str, dict[str, Any]]:
    """For each site, what was encapsulated for it by those before it."""
    out: dict[str, dict[str, Any]] = {}
    for order in _stage(run.id, "secure_pairs"):
        for peer, text in (order.answer or {}).get("ciphertexts", {}).items():
            out.setdefault(peer, {})[order.participant.site] = text
    return out


# Each round: shares, then masked vectors, then the reveal


def ask_shares(run: TrainingRun, round_: Round) -> None:
    ciphertexts = _ciphertexts(run)
    for participant in consents.staying(run, training.participants_of(run)):
        body = {"round": round_.number, "ciphertexts": ciphertexts.get(participant.site, {})}
        _ask(run, round_.id, participant, "secure_shares", f"{round_.number}:shares", body)
    _watch(round_, "secure_shares", STAGE_SECONDS)


def _watch(round_: Round, kind: str, seconds: float, purpose: str = "") -> None:
    payload = {"round": str(round_.id), "kind": kind, "purpose": purpose}
    jobs.enqueue("secure.deadline", payload, key=f"deadline:{round_.id}:{kind}:{purpose}", delay_seconds=seconds)


def answered(payload: dict) -> jobs.Effects:
    """A site answered an order of a masked round, or said why it could not: then it is left out of what follows."""

    def effects() -> None:
        order, round_, run = training.locked(payload)
        if run.state in {State.RUNNING, State.PAUSED}:
            if order.state == Order.FAILED:
                if site_statements.refused_at_site(run, order):
                    return
                training.show(
                    run, "dropped", f"{order.participant} is left out: {order.error}", site=order.participant.site
                )
            advance(run, round_, order.kind, purpose=order.body.get("purpose", ""))

    return effects


@jobs.handles("secure.deadline")
def deadline(payload: dict) -> jobs.Effects:
    def effects() -> None:
        round_ = Round.objects.get(id=payload["round"])
        run = training.lock_run(round_.run_id)
        if run.state in {State.RUNNING, State.PAUSED}:
            advance(run, round_, payload["kind"], purpose=payload["purpose"], late=True)

    return effects


def advance(run: TrainingRun, round_: Round, kind: str, *, purpose: str = "", late: bool = False) -> None:
    """Go on to the next stage if this one has ended; the caller holds the run's lock."""
    if round_.state in {Round.State.DONE, Round.State.CANCELLED}:
        return
    orders = _stage(round_.id, kind, purpose=purpose)
    pending = [order for order in orders if order.state == Order.PENDING]
    inside, security = _answered(orders), security_of(run)
    assert security is not None
    enough = len(inside) >= security.threshold
    if len(inside) + len(pending) < security.threshold or (late and not enough):
        training.fail(
            run,
            f"secure aggregation: {len(inside)} of {len(security.signing_keys)} sites answered {kind}, the threshold "
            f"is {security.threshold}; no update was opened",
        )
        return
    if kind == "secure_unmask":
        if enough:
            _opened(round_, purpose)
        return
    if pending and not late:
        return
    SiteOrder.objects.filter(id__in=[order.id for order in pending]).update(state=Order.CANCELLED)
    if kind == "secure_shares":
        if round_.state == Round.State.TRAINING:
            ask_vectors(run, round_, "train", round_.start_weights)
    else:
        _ask_unmask(run, round_, kind, sorted(inside))


def go_on_without(run: TrainingRun, round_: Round) -> None:
    """A site has left: the stage in hand may have ended with that."""
    for kind, purpose in reversed(STAGES):
        if _stage(round_.id, kind, purpose=purpose):
            advance(run, round_, kind, purpose=purpose)
            return


def _dealt(round_: Round, purpose: str) -> dict[str, dict[str, str]]:
    """For each present site, the shares that the others sealed for it."""
    shares = _answered(_stage(round_.id, "secure_shares"))
    return {
        site: {
            peer: base64.b64encode(artefacts.get(order.answer_attachments[f"{purpose}/{site}"])).decode()
            for peer, order in shares.items()
            if peer != site
        }
        for site in sorted(shares)
    }


def ask_vectors(run: TrainingRun, round_: Round, kind: str, attachments: dict[str, str]) -> None:
    """Ask the sites that sent shares to train or to score, and to mask what comes of it."""
    present = _answered(_stage(round_.id, "secure_shares"))
    masking: dict[str, Any] = {"present": sorted(present)}
    if kind == "evaluate":
        masking["groups"] = _layout(run).as_list()
    else:
        masking["counted_before"] = _counted(run.rounds.filter(number=round_.number - 1).first())
    ciphertexts, gone = _ciphertexts(run), consents.left(run)
    for site, order in present.items():
        if site in gone:  # its shares stay part of the sum's secrets; its patients are not used any more
            continue
        mailbox.order_create(
            participant=order.participant, kind=kind, key=f"{run.id}:{round_.number}:{kind}", subject=round_.id,
            body={
                "run": str(run.id), "round": round_.number, "config": run.config, "config_hash": run.config_hash,
                "masking": masking, "ciphertexts": ciphertexts.get(site, {}),
            },
            attachments=attachments,
        )  # fmt: skip
    if kind == "evaluate":
        _watch(round_, kind, 10 * STAGE_SECONDS)
    elif seconds := (run.config.get("participation") or {}).get("deadline_seconds"):
        _watch(round_, kind, float(seconds))


def _counted(round_: Round | None) -> list[str]:
    """The sites whose updates a round counted."""
    asked = [] if round_ is None else _stage(round_.id, "secure_unmask", purpose="train")
    return list(asked[0].body["counted"]) if asked else []


def _layout(run: TrainingRun) -> CellLayout:
    manifests = [
        p.manifests.filter(digest=run.config["data_digests"][p.site]).first() for p in training.participants_of(run)
    ]
    return CellLayout.of([m.content for m in manifests if m is not None], gated_metrics(run.config["task"]))


def _ask_unmask(run: TrainingRun, round_: Round, purpose: str, counted: list[str]) -> None:
    present, ciphertexts, dealt = (
        _answered(_stage(round_.id, "secure_shares")),
        _ciphertexts(run),
        _dealt(round_, purpose),
    )
    for site in counted:
        body = {
            "round": round_.number, "purpose": purpose, "present": sorted(present), "counted": counted,
            "dealt": dealt[site], "ciphertexts": ciphertexts.get(site, {}),
        }  # fmt: skip
        _ask(run, round_.id, present[site].participant, "secure_unmask", f"{round_.number}:unmask:{purpose}", body)
    _watch(round_, "secure_unmask", STAGE_SECONDS, purpose)


def _opened(round_: Round, purpose: str) -> None:
    if purpose == "train" and round_.state == Round.State.TRAINING:
        jobs.enqueue("round.aggregate", {"round": str(round_.id)}, key=f"aggregate:{round_.id}")
    elif purpose == "evaluate" and round_.state == Round.State.EVALUATING:
        jobs.enqueue("secure.close", {"round": str(round_.id)}, key=f"close:{round_.id}")


# What the sums say


def _total(round_: Round, purpose: str, *, bits: int, size: int) -> tuple[np.ndarray, list[SiteOrder]]:
    """The opened sum of a session, from what the sites sent, and the orders of the counted sites."""
    security = security_of(round_.run)
    assert security is not None
    name = f"{round_.run_id}:{round_.number}:{purpose}"
    server = Server(Session(name, tuple(sorted(security.signing_keys)), security.threshold, Field(bits), size))
    for site, order in _answered(_stage(round_.id, "secure_shares")).items():
        files = {key: artefacts.get(stored) for key, stored in order.answer_attachments.items()}
        mine = {key.removeprefix(f"{purpose}/"): data for key, data in files.items() if key.startswith(f"{purpose}/")}
        escrow = mine.pop("")
        server.take_shares(site, Shares(mine, escrow))
    server.deal()
    unmask = _stage(round_.id, "secure_unmask", purpose=purpose)
    counted = set(unmask[0].body["counted"])  # the same in all of them
    vectors = {s: o for s, o in _answered(_stage(round_.id, purpose)).items() if s in counted}
    for site, order in vectors.items():
        packed = envelope.unpack(artefacts.get(order.answer_attachments["masked"]))["masked"]
        server.take_masked(site, server.session.field.unpack(packed, size))
    server.close()
    for site, order in _answered(unmask).items():
        answer = order.answer or {}
        own, escrows = ({k: base64.b64decode(v) for k, v in answer[kind].items()} for kind in ("own_masks", "escrows"))
        server.take_reveal(site, Reveal(own, escrows))
    return server.total(), list(vectors.values())


def averaged(round_: Round) -> dict[str, dict]:
    """The states of the models after a masked round; the same whenever it is computed again.

    Raises
    ------
    AggregationRefused
        If what the sites sent does not fit together.
    """
    from federation.domain.learning import weights
    from federation.domain.models.registry import build

    config, security = RunConfig.from_dict(round_.run.config), security_of(round_.run)
    assert security is not None
    start = {
        name: weights.from_bytes(artefacts.get(round_.start_weights[name]), like=build(config.models[name]))
        for name in MODEL_NAMES
    }
    layout = Layout.of(start)
    code = UpdateCode.of(security, seed=config.hash, round_number=round_.number, size=layout.size)
    try:
        total, orders = _total(round_, "train", bits=security.field_bits, size=len(code.indices))
        records = sum(int((order.answer or {})["n_records"]) for order in orders)
        return layout.unflatten(code.apply(layout.flatten(start), total, records))
    except (EnvelopeRefused, ValueError, KeyError, TypeError) as error:
        raise AggregationRefused(f"round {round_.number}: {error}") from error


@jobs.handles("secure.close")
def close(payload: dict) -> jobs.Effects:
    """Open the secure counts of a round's scores, and end the round."""
    round_ = Round.objects.select_related("run").get(id=payload["round"])
    run, security = round_.run, security_of(round_.run)
    assert security is not None
    layout = _layout(run)
    try:
        total, _ = _total(round_, "evaluate", bits=32, size=len(MODEL_NAMES) * layout.size)
    except (AggregationRefused, EnvelopeRefused, ValueError, KeyError, TypeError) as error:
        reason = f"the secure counts of round {round_.number} do not open: {error}"
        return lambda: training.fail(training.lock_run(run.id), reason)
    summed = CountCode(len(security.signing_keys), security.most_records).decode(total).reshape(len(MODEL_NAMES), -1)
    cells: dict[str, list[Cell]] = {name: layout.cells(row) for name, row in zip(MODEL_NAMES, summed, strict=True)}

    def effects() -> None:
        locked = training.lock_run(run.id)
        fresh = Round.objects.select_for_update().get(id=round_.id)
        if locked.state in {State.RUNNING, State.PAUSED} and fresh.state == Round.State.EVALUATING:
            training.close_round(locked, fresh, cells)

    return effects
