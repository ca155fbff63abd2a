"""The life of a run, moved on by events: nothing waits, so any process may die at any moment.

begin -> round 1 training -> updates in -> aggregate -> evaluating -> scores in -> round done -> next or finish
Each step locks its run, so that two answers arriving together cannot both, or neither, see the round complete. A site
that fails, is late or sends what cannot be used is left out of the phase (`attendance`); the round goes on while its
quorum can still be met, and otherwise the run fails and says why.
"""

from __future__ import annotations

import uuid

from django.utils import timezone

from core import artefacts, events, jobs
from core.context import governed
from federation import attendance, budgets, consents, mailbox, secure_rounds, site_statements
from federation.domain.group_rates import Cell
from federation.domain.participation import Participation
from federation.domain.round_metrics import paired_by_site, site_epsilon, summarise
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.models import Participant, Round, RunEvent, SiteOrder, SiteUpdate, TrainingRun
from federation.models_participation import Exclusion
from federation.sealing import traffic_record

State = TrainingRun.State
PHASE_OF = {Round.State.TRAINING: Exclusion.Phase.TRAIN, Round.State.EVALUATING: Exclusion.Phase.EVALUATE}


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
        if lock_run(run.id).state == State.RUNNING and not run.rounds.exists() and secure_rounds.agreed(run):
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
        budgets.charge(round_)
        if secure_rounds.is_masked(run):
            secure_rounds.ask_shares(run, round_)
        else:
            ask_all(run, round_, "train", start)
    show(run, "round", f"Round {number} of {run.rounds_planned} started")


def ask_all(run: TrainingRun, round_: Round, kind: str, attachments: dict[str, str]) -> None:
    """Ask every site, and note when the round goes on without those that have not answered."""
    body = {"run": str(run.id), "round": round_.number, "config": run.config, "config_hash": run.config_hash}
    for participant in consents.staying(run, participants_of(run)):
        mailbox.order_create(
            participant=participant, kind=kind, key=f"{run.id}:{round_.number}:{kind}", subject=round_.id,
            body={**body, "counted": _last_counted(round_, participant)}, attachments=attachments,
        )  # fmt: skip
    deadline = Participation.from_dict(run.config.get("participation")).deadline_seconds
    if deadline is not None:
        jobs.enqueue(
            "round.deadline", {"round": str(round_.id), "phase": kind}, key=f"deadline:{round_.id}:{kind}",
            delay_seconds=deadline, max_attempts=10,
        )  # fmt: skip


def _last_counted(round_: Round, participant: Participant) -> int:
    """The last round before this one whose update of this site counted; 0: none. What the site remembers is of it."""
    own = SiteUpdate.objects.filter(participant=participant, round__run=round_.run_id, round__number__lt=round_.number)
    return own.order_by("-round__number").values_list("round__number", flat=True).first() or 0


def train_answered(payload: dict) -> jobs.Effects:
    """A site sent its update, or said why it could not."""
    reason = _why_not(payload)

    def effects() -> None:
        order, round_, run = locked(payload)
        if not _awaited(order, round_, run, Round.State.TRAINING):
            return
        if order.state == SiteOrder.State.FAILED and site_statements.refused_at_site(run, order):
            return
        masked = secure_rounds.is_masked(run)
        if masked and order.state == SiteOrder.State.FAILED:
            secure_rounds.advance(run, round_, "train")
            return
        answer = order.answer or {}
        if reason:
            _leave_out(order, round_, reason)
        else:
            with governed(action="update.accept", reason=f"signed by {order.participant.site}"):
                update = SiteUpdate.objects.create(
                    round=round_, participant=order.participant, weights=order.answer_attachments,
                    n_records=answer["n_records"], metrics=answer["models"],
                    message_digest=order.answer_digest, signature=order.signature,
                )  # fmt: skip
                budgets.charge_reported(update)
            show(run, "update", f"{order.participant} sent its update", site=order.participant.site)
        if masked:
            secure_rounds.advance(run, round_, "train")
        else:
            go_on(run, round_, order.kind)

    return effects


def evaluate_answered(payload: dict) -> jobs.Effects:
    """A site scored the round's weights; after the last one the round is done."""
    reason = _why_not(payload)

    def effects() -> None:
        order, round_, run = locked(payload)
        if not _awaited(order, round_, run, Round.State.EVALUATING):
            return
        if secure_rounds.is_masked(run):
            secure_rounds.advance(run, round_, "evaluate")
            return
        if order.state == SiteOrder.State.FAILED:
            if site_statements.refused_at_site(run, order):
                return
            _leave_out(order, round_, reason)
        for answered in _scores(round_):  # all that have come, because the round may close on them now
            if unusable := attendance.refusal(answered, round_):
                _leave_out(answered, round_, unusable)
        go_on(run, round_, order.kind)

    return effects


def _scores(round_: Round) -> list[SiteOrder]:
    """The scores that have come and count."""
    phase = Exclusion.Phase.EVALUATE
    orders = SiteOrder.objects.filter(subject=round_.id, kind=phase, state=SiteOrder.State.ANSWERED)
    return list(orders.exclude(participant__in=attendance.out_of(round_, phase)).select_related("participant"))


def _why_not(payload: dict) -> str:
    """Why the answer cannot count; "" if it can. Before the effects, because weights are read."""
    order = SiteOrder.objects.select_related("participant").get(id=payload["order"])
    if order.state == SiteOrder.State.FAILED:
        return order.error
    if order.state != SiteOrder.State.ANSWERED:
        return ""  # nobody waits for it any more
    if order.body.get("masking"):
        return ""  # a masked vector shows nothing that could be checked but its size, which the sum is checked for
    return attendance.refusal(order, Round.objects.select_related("run").get(id=order.subject))


def _awaited(order: SiteOrder, round_: Round, run: TrainingRun, state: str) -> bool:
    return (
        run.state in {State.RUNNING, State.PAUSED}
        and round_.state == state
        and order.participant_id not in attendance.out_of(round_, order.kind)
    )


def _leave_out(order: SiteOrder, round_: Round, reason: str) -> None:
    failed = order.state == SiteOrder.State.FAILED and not order.answer_digest
    kind = Exclusion.Kind.FAILED if failed else Exclusion.Kind.REFUSED
    attendance.leave_out(round_, order.participant, order.kind, kind, reason, digest=order.answer_digest)


@jobs.handles("round.deadline")
def deadline_passed(payload: dict) -> jobs.Effects:
    """The round goes on without those who have not answered."""

    def effects() -> None:
        round_ = Round.objects.get(id=payload["round"])
        run, phase = lock_run(round_.run_id), payload["phase"]
        round_ = Round.objects.select_for_update().get(id=round_.id)
        expected = {"train": Round.State.TRAINING, "evaluate": Round.State.EVALUATING}[phase]
        if run.state not in {State.RUNNING, State.PAUSED} or round_.state != expected:
            return
        seconds = Participation.from_dict(run.config["participation"]).deadline_seconds
        orders = SiteOrder.objects.filter(subject=round_.id, kind=phase, state=SiteOrder.State.PENDING)
        silent = list(orders.select_for_update(of=("self",)).select_related("participant__institution"))
        mailbox.orders_cancel(subject_ids=[round_.id])
        for order in silent:
            reason = f"no answer within {seconds} s"
            attendance.leave_out(round_, order.participant, phase, Exclusion.Kind.LATE, reason)
        if silent:  # otherwise all have answered, and what follows is under way
            go_on(run, round_, phase)

    return effects


def go_on(run: TrainingRun, round_: Round, phase: str) -> None:
    """After an answer, or its absence: wait, go to the next step, or give up. The caller holds the run's lock."""
    found = attendance.count(run, round_, phase, _counted_on(run, round_, phase))
    if found.hopeless:
        fail(run, attendance.why_no_quorum(round_, phase, found))
    elif not found.waiting and phase == Exclusion.Phase.TRAIN:
        jobs.enqueue("round.aggregate", {"round": str(round_.id)}, key=f"aggregate:{round_.id}", max_attempts=10)
    elif not found.waiting:
        orders = _scores(round_)
        paired = paired_by_site({order.participant.site: order.answer or {} for order in orders})
        close_round(run, round_, _cells_of(orders), paired=paired)


def _cells_of(orders: list[SiteOrder]) -> dict[str, list[Cell]]:
    return {
        name: [Cell.from_dict(raw) for order in orders for raw in (order.answer or {})["cells"][name]]
        for name in MODEL_NAMES
    }


def _counted_on(run: TrainingRun, round_: Round, phase: str) -> list[Participant]:
    """All sites of the run but those that have left it without an answer in this phase."""
    gone, answered = consents.left(run), attendance.answered_in(round_, phase)
    return [p for p in participants_of(run) if p.site not in gone or p.id in answered]


def go_on_without(run: TrainingRun, participant: Participant) -> None:
    """Wait for a site no more. What it sent in this round before it left counts; the caller holds the run's lock."""
    for round_ in run.rounds.select_for_update().filter(state__in=[Round.State.TRAINING, Round.State.EVALUATING]):
        mailbox.orders_cancel(subject_ids=[round_.id], participant=participant)
        if secure_rounds.is_masked(run):
            secure_rounds.go_on_without(run, round_)
        else:
            go_on(run, round_, PHASE_OF[Round.State(round_.state)])


def given_up(payload: dict) -> jobs.Effects | None:
    """A step of a run failed as often as it may: the run ends and says so, instead of standing still."""
    about = payload["payload"]
    if payload["kind"] == "run.begin":
        run_id = uuid.UUID(about["run"])
    elif payload["kind"] in {"round.aggregate", "round.deadline"}:
        run_id = Round.objects.get(id=about["round"]).run_id
    else:
        return None

    def effects() -> None:
        run = lock_run(run_id)
        if run.state in {State.RUNNING, State.PAUSED}:
            fail(run, f"The platform could not do the step {payload['kind']}: {payload['error']}")

    return effects


def close_round(run: TrainingRun, round_: Round, cells: dict[str, list[Cell]], *, paired: dict | None = None) -> None:
    """Put the scores on the record and go on. `paired` compares the models by site; unknown under masks."""
    security = secure_rounds.security_of(run)
    metrics = summarise(cells, task=run.config["task"], min_cell=security.min_cell if security else 1)
    metrics["epsilon"] = epsilon_by_site(run)
    metrics["loss"] = _losses(round_)
    metrics["paired"] = paired or {}
    with governed(action="round.close"):
        round_.metrics, round_.state, round_.finished_at = metrics, Round.State.DONE, timezone.now()
        round_.save(update_fields=["metrics", "state", "finished_at"])
        traffic_record(round_)
        mailbox.orders_cancel(subject_ids=[round_.id])  # of sites that were not needed to open the sum
    show(run, "round", f"Round {round_.number} done")
    over = over_budget(run, metrics["epsilon"])
    if over:
        fail(run, over)
    elif run.state == State.RUNNING:
        move_on(run, round_)


def move_on(run: TrainingRun, done: Round) -> None:
    """Start the next round, or finish."""
    if done.number < run.rounds_planned:
        if refused := budgets.refusals(run):
            fail(run, " ".join(["The privacy budget does not cover another round.", *refused]))
            return
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
        updates = list(
            SiteUpdate.objects.filter(round__run=run, participant=participant).values_list("metrics", flat=True)
        )
        out[participant.site] = site_epsilon(
            updates + _not_counted(run, participant, updates), run.config["local"]["dp"]
        )
    return out


def _not_counted(run: TrainingRun, participant: Participant, updates: list[dict]) -> list[dict]:
    """Updates that may have left the site without counting have spent the same: the local training is fixed."""
    lost = Exclusion.objects.filter(round__run=run, participant=participant, phase="train", kind__in=Exclusion.OUT)
    return updates[:1] * lost.count()


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
    mailbox.orders_cancel(subject_ids=[run.id])  # the agreement on masks
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
        budgets.release(run)
    run.save(update_fields=["state", "started_at", "finished_at", "stopped_by", "stop_reason"])


def show(run: TrainingRun, kind: str, text: str, *, site: str = "") -> None:
    RunEvent.objects.create(run=run, kind=kind, site=site, text=text)


def locked(payload: dict) -> tuple[SiteOrder, Round, TrainingRun]:
    order = SiteOrder.objects.select_related("participant__institution").get(id=payload["order"])
    run = lock_run(uuid.UUID(order.body["run"]))
    return order, Round.objects.select_for_update().get(id=order.subject), run
