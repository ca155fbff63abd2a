"""The life of a run, moved on by events: nothing waits, so any process may die at any moment.

begin -> round 1 training -> all updates in -> aggregate -> evaluating -> all scores in -> round done -> next or finish
Each step locks its round, so that two answers arriving together cannot both, or neither, see the round complete.
"""

from __future__ import annotations

import uuid

from django.utils import timezone

from core import artefacts, events, jobs
from core.context import governed
from federation import mailbox
from federation.domain.group_rates import Cell
from federation.domain.round_metrics import paired_by_site, site_epsilon, summarise
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.models import Participant, Round, RunEvent, SiteOrder, SiteUpdate, TrainingRun

State = TrainingRun.State


@jobs.handles("run.begin")
def begin(payload: dict) -> jobs.Effects:
    from federation.domain.learning import weights  # torch: only the worker that computes loads it
    from federation.domain.models.registry import build

    run = TrainingRun.objects.get(id=payload["run"])
    config = RunConfig.from_dict(run.config)
    start = {}
    for name in MODEL_NAMES:
        model = build(config.models[name], seed=config.seed)
        start[name] = artefacts.put(weights.to_bytes(weights.state_of(model)))

    def effects() -> None:
        if lock_run(run.id).state == State.RUNNING:
            open_round(run, number=1, start=start)

    return effects


def lock_run(run_id: uuid.UUID) -> TrainingRun:
    return TrainingRun.objects.select_for_update().get(id=run_id)


def participants_of(run: TrainingRun) -> list[Participant]:
    """The sites whose data the frozen configuration names."""
    return list(run.federation.participants.filter(site__in=run.config["data_digests"]).select_related("institution"))


def open_round(run: TrainingRun, *, number: int, start: dict[str, str]) -> None:
    with governed(action="round.open", reason=f"round {number} of {run.name}"):
        round_ = Round.objects.create(run=run, number=number, start_weights=start)
        _ask_all(run, round_, "train", start)
    show(run, "round", f"Round {number} of {run.rounds_planned} started")


def _ask_all(run: TrainingRun, round_: Round, kind: str, attachments: dict[str, str]) -> None:
    for participant in participants_of(run):
        mailbox.order_create(
            participant=participant, kind=kind, key=f"{run.id}:{round_.number}:{kind}", subject=round_.id,
            body={"run": str(run.id), "round": round_.number, "config": run.config, "config_hash": run.config_hash},
            attachments=attachments,
        )  # fmt: skip


def train_answered(payload: dict) -> jobs.Effects:
    """A site sent its update, or said why it could not."""

    def effects() -> None:
        order, round_, run = _locked(payload)
        if run.state not in {State.RUNNING, State.PAUSED} or round_.state != Round.State.TRAINING:
            return
        if order.state == SiteOrder.State.FAILED:
            fail(run, f"{order.participant}: {order.error}")
            return
        answer = order.answer or {}
        with governed(action="update.accept", reason=f"signed by {order.participant.site}"):
            SiteUpdate.objects.create(
                round=round_, participant=order.participant, weights=order.answer_attachments,
                n_records=answer["n_records"], metrics=answer["models"],
                message_digest=order.answer_digest, signature=order.signature,
            )  # fmt: skip
        show(run, "update", f"{order.participant} sent its update", site=order.participant.site)
        if round_.updates.count() == len(participants_of(run)):
            jobs.enqueue("round.aggregate", {"round": str(round_.id)}, key=f"aggregate:{round_.id}")

    return effects


@jobs.handles("round.aggregate")
def aggregate(payload: dict) -> jobs.Effects:
    from federation.domain.learning import weights
    from federation.domain.models.registry import build
    from federation.domain.strategies import fedavg
    from federation.domain.strategies.base import Update

    round_ = Round.objects.select_related("run").get(id=payload["round"])
    config = RunConfig.from_dict(round_.run.config)
    updates = list(round_.updates.select_related("participant"))
    averaged = {}
    for name in MODEL_NAMES:
        model = build(config.models[name])
        received = [
            Update(u.participant.site, weights.from_bytes(artefacts.get(u.weights[name]), like=model), u.n_records)
            for u in updates
        ]
        averaged[name] = artefacts.put(weights.to_bytes(fedavg.aggregate(received)))

    def effects() -> None:
        run = lock_run(round_.run_id)
        if run.state not in {State.RUNNING, State.PAUSED}:
            return
        with governed(action="round.aggregate", reason=f"{len(updates)} updates averaged by records"):
            Round.objects.filter(id=round_.id, state=Round.State.TRAINING).update(
                weights=averaged, state=Round.State.EVALUATING
            )
            _ask_all(run, round_, "evaluate", averaged)
        show(run, "aggregate", f"Round {round_.number}: {len(updates)} updates averaged")

    return effects


def evaluate_answered(payload: dict) -> jobs.Effects:
    """A site scored the round's weights; after the last one the round is done."""

    def effects() -> None:
        order, round_, run = _locked(payload)
        if run.state not in {State.RUNNING, State.PAUSED} or round_.state != Round.State.EVALUATING:
            return
        if order.state == SiteOrder.State.FAILED:
            fail(run, f"{order.participant}: {order.error}")
            return
        orders = list(
            SiteOrder.objects.filter(subject=round_.id, kind="evaluate", state=SiteOrder.State.ANSWERED).select_related(
                "participant"
            )
        )
        if len(orders) == len(participants_of(run)):
            _close_round(run, round_, orders)

    return effects


def _close_round(run: TrainingRun, round_: Round, orders: list[SiteOrder]) -> None:
    cells = {
        name: [Cell.from_dict(raw) for order in orders for raw in (order.answer or {})["cells"][name]]
        for name in MODEL_NAMES
    }
    metrics = summarise(cells, task=run.config["task"])
    metrics["epsilon"] = epsilon_by_site(run)
    metrics["loss"] = _losses(round_)
    metrics["paired"] = paired_by_site({order.participant.site: order.answer or {} for order in orders})
    with governed(action="round.close"):
        round_.metrics, round_.state, round_.finished_at = metrics, Round.State.DONE, timezone.now()
        round_.save(update_fields=["metrics", "state", "finished_at"])
    show(run, "round", f"Round {round_.number} done")
    over = over_budget(run, metrics["epsilon"])
    if over:
        fail(run, over)
    elif run.state == State.RUNNING:
        move_on(run, round_)


def move_on(run: TrainingRun, done: Round) -> None:
    """Start the next round, or finish."""
    if done.number < run.rounds_planned:
        open_round(run, number=done.number + 1, start=done.weights)
        return
    with governed(action="run.finish"):
        set_state(run, State.FINISHED)
        events.emit("run.finished", {"run": str(run.id)})
    show(run, "finished", "Training finished")


def epsilon_by_site(run: TrainingRun) -> dict[str, float | None]:
    """What each site's patients have spent in this run; None where nothing bounds it."""
    out = {}
    for participant in participants_of(run):
        updates = SiteUpdate.objects.filter(round__run=run, participant=participant).values_list("metrics", flat=True)
        out[participant.site] = site_epsilon(updates, run.config["local"]["dp"])
    return out


def over_budget(run: TrainingRun, epsilon: dict[str, float | None]) -> str:
    budget = run.config["epsilon_budget"]
    over = [f"{site} {value:.2f}" for site, value in epsilon.items() if budget and value and value > budget]
    return f"privacy budget of {budget} exceeded: {', '.join(over)}" if over else ""


def _losses(round_: Round) -> dict[str, dict[str, float | None]]:
    out: dict[str, dict[str, float | None]] = {name: {} for name in MODEL_NAMES}
    for update in round_.updates.select_related("participant"):
        for name in MODEL_NAMES:
            out[name][update.participant.site] = update.metrics[name]["loss"]
    return out


def fail(run: TrainingRun, reason: str) -> None:
    """Stop with a reason that the administrator can act on."""
    with governed(action="run.fail", reason=reason):
        set_state(run, State.FAILED, stop_reason=reason)
        cancel_open_round(run)
    show(run, "failed", reason)


def cancel_open_round(run: TrainingRun) -> None:
    for round_ in run.rounds.exclude(state__in=[Round.State.DONE, Round.State.CANCELLED]):
        mailbox.orders_cancel(subject_ids=[round_.id])
        round_.state, round_.finished_at = Round.State.CANCELLED, timezone.now()
        round_.save(update_fields=["state", "finished_at"])


def set_state(run: TrainingRun, state: State, *, stop_reason: str = "", stopped_by: uuid.UUID | None = None) -> None:
    """Change the state if the transition exists; the caller holds the run's lock and has named the action.

    `stopped_by` is who wrote the reason, which is then sealed under that person's key.
    """
    from core.errors import Conflict

    if state not in TrainingRun.TRANSITIONS.get(State(run.state), set()):
        raise Conflict(f"The run is {run.state}; from there it cannot become {state}.")
    run.state = state
    now = timezone.now()
    if state == State.RUNNING and run.started_at is None:
        run.started_at = now
    if state in {State.FINISHED, State.ABORTED, State.FAILED}:
        run.finished_at, run.stopped_by_id, run.stop_reason = now, stopped_by, stop_reason
    run.save(update_fields=["state", "started_at", "finished_at", "stopped_by", "stop_reason"])


def show(run: TrainingRun, kind: str, text: str, *, site: str = "") -> None:
    RunEvent.objects.create(run=run, kind=kind, site=site, text=text)


def _locked(payload: dict) -> tuple[SiteOrder, Round, TrainingRun]:
    order = SiteOrder.objects.select_related("participant__institution").get(id=payload["order"])
    run = lock_run(uuid.UUID(order.body["run"]))
    return order, Round.objects.select_for_update().get(id=order.subject), run
