"""Masked rounds: the stages that come between those of `federation.training`.

secure_shares -> train -> secure_unmask -> aggregate -> evaluate -> secure_unmask -> round done

A stage ends when every asked site has answered or failed, or at its deadline with at least the threshold of sites. With
fewer the run ends and says why; where all sites make the noise together, the round is given up instead, without opening
anything, and the next one starts where it did. The sites of a sum are those whose vectors are in, whatever happens to
them later.
"""

from __future__ import annotations

import base64
from typing import Any

from core import artefacts, jobs
from federation import attendance, consents, mailbox, site_statements, training
from federation.domain.noise_config import least_sites, shared_noise
from federation.models import Round, SiteOrder, TrainingRun
from federation.models_participation import Exclusion
from federation.secure_stages import answered_of, ask, ciphertexts_of, masks_of, orders_of
from federation.secure_sums import counted_in, layout_of

State, Order = TrainingRun.State, SiteOrder.State
STAGES = (
    ("secure_shares", ""),
    ("train", ""),
    ("secure_unmask", "train"),
    ("evaluate", ""),
    ("secure_unmask", "evaluate"),
)  # kind of order and its purpose, in the order of a round
PHASES = {"secure_shares": Exclusion.Phase.TRAIN, "train": Exclusion.Phase.TRAIN, "evaluate": Exclusion.Phase.EVALUATE}
STAGE_SECONDS = 120.0  # for stages without training; a site that needs longer is left out of the round


def ask_shares(run: TrainingRun, round_: Round) -> None:
    ciphertexts = ciphertexts_of(run)
    for participant in consents.staying(run, training.participants_of(run)):
        body = {"round": round_.number, "ciphertexts": ciphertexts.get(participant.site, {})}
        ask(run, round_.id, participant, "secure_shares", f"{round_.number}:shares", body)
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
                _lost(round_, order, Exclusion.Kind.FAILED, order.error)
            advance(run, round_, order.kind, purpose=order.body.get("purpose", ""))

    return effects


def _lost(round_: Round, order: SiteOrder, kind: str, reason: str) -> None:
    """Put on the record that a site is out of the stages to come; one that helps to unmask was counted all the same."""
    if phase := PHASES.get(order.kind):
        attendance.leave_out(round_, order.participant, phase, kind, reason)
    else:
        said = f"{order.participant} does not help to open the sum: {reason}"
        training.show(round_.run, "dropped", said, site=order.participant.site)


@jobs.handles("secure.deadline")
def deadline(payload: dict) -> jobs.Effects:
    def effects() -> None:
        run = training.lock_run(Round.objects.get(id=payload["round"]).run_id)
        round_ = Round.objects.select_for_update().get(id=payload["round"])  # as it is now that the run is locked
        if run.state in {State.RUNNING, State.PAUSED}:
            advance(run, round_, payload["kind"], purpose=payload["purpose"], late=True)

    return effects


def advance(run: TrainingRun, round_: Round, kind: str, *, purpose: str = "", late: bool = False) -> None:
    """Go on to the next stage if this one has ended; the caller holds the run's lock."""
    if round_.state in Round.OVER or training.closed_unscored(run, round_):
        return
    orders = orders_of(round_.id, kind, purpose=purpose)
    pending = [order for order in orders if order.state == Order.PENDING]
    inside, needed = answered_of(orders), _needed(run, kind)
    if len(inside) + (0 if late else len(pending)) < needed:
        _take_back(round_, pending, late=late)
        _too_few(run, round_, kind, purpose, answered=len(inside))
        return
    if kind == "secure_unmask":
        if len(inside) >= needed:
            _opened(round_, purpose)
        return
    if pending and not late:
        return
    _take_back(round_, pending, late=late)
    if kind == "secure_shares":
        if round_.state == Round.State.TRAINING:
            ask_vectors(run, round_, "train", round_.start_weights)
    else:
        _ask_unmask(run, round_, kind, sorted(inside))


def _needed(run: TrainingRun, kind: str) -> int:
    """Sites that must have answered; before the sum of the updates is asked to be opened, also those of the noise."""
    security = masks_of(run)
    training_stage = PHASES.get(kind) == Exclusion.Phase.TRAIN
    return least_sites(run.config.get("privacy"), run.config["security"]) if training_stage else security.threshold


def _take_back(round_: Round, pending: list[SiteOrder], *, late: bool) -> None:
    SiteOrder.objects.filter(id__in=[order.id for order in pending]).update(state=Order.CANCELLED)
    for order in pending if late else ():
        _lost(round_, order, Exclusion.Kind.LATE, f"no answer to {order.kind} in time")


def _too_few(run: TrainingRun, round_: Round, kind: str, purpose: str, *, answered: int) -> None:
    """Nothing is opened. With the sites' common noise this costs the round, otherwise the run."""
    reason = (
        f"{answered} of {len(masks_of(run).signing_keys)} sites answered {kind}, the threshold is "
        f"{_needed(run, kind)}; no update was opened"
    )
    in_training = round_.state == Round.State.TRAINING
    if in_training and shared_noise(run.config.get("privacy")) is not None:
        training.discard(run, round_, reason)
    else:
        training.fail(run, f"secure aggregation: {reason}")


def go_on_without(run: TrainingRun, round_: Round) -> None:
    """A site has left: the stage in hand may have ended with that."""
    for kind, purpose in reversed(STAGES):
        if orders_of(round_.id, kind, purpose=purpose):
            advance(run, round_, kind, purpose=purpose)
            return


def _dealt(round_: Round, purpose: str) -> dict[str, dict[str, str]]:
    """For each present site, the shares that the others sealed for it."""
    shares = answered_of(orders_of(round_.id, "secure_shares"))
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
    present = answered_of(orders_of(round_.id, "secure_shares"))
    masking: dict[str, Any] = {"present": sorted(present)}
    if kind == "evaluate":
        layout = layout_of(run)
        masking |= {"groups": layout.as_list(), "metrics": list(layout.metrics), "paired": True}
    else:
        masking["counted_before"] = counted_in(run.rounds.filter(number=round_.number - 1).first())
    ciphertexts, gone = ciphertexts_of(run), consents.left(run)
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


def _ask_unmask(run: TrainingRun, round_: Round, purpose: str, counted: list[str]) -> None:
    present, ciphertexts, dealt = (
        answered_of(orders_of(round_.id, "secure_shares")),
        ciphertexts_of(run),
        _dealt(round_, purpose),
    )
    for site in counted:
        body = {
            "round": round_.number, "purpose": purpose, "present": sorted(present), "counted": counted,
            "dealt": dealt[site], "ciphertexts": ciphertexts.get(site, {}),
        }  # fmt: skip
        ask(run, round_.id, present[site].participant, "secure_unmask", f"{round_.number}:unmask:{purpose}", body)
    _watch(round_, "secure_unmask", STAGE_SECONDS, purpose)


def _opened(round_: Round, purpose: str) -> None:
    if purpose == "train" and round_.state == Round.State.TRAINING:
        jobs.enqueue("round.aggregate", {"round": str(round_.id)}, key=f"aggregate:{round_.id}")
    elif purpose == "evaluate" and round_.state == Round.State.EVALUATING:
        jobs.enqueue("secure.close", {"round": str(round_.id)}, key=f"close:{round_.id}")
