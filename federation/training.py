"""The life of a run, moved on by events: nothing waits, so any process may die at any moment.

begin -> round 1 training -> updates in -> aggregate -> evaluating -> scores in -> round done -> next or finish
Each step locks its run, so that two answers arriving together cannot both, or neither, see the round complete. A site
that fails, is late or sends what cannot be used is left out of the phase (`attendance`); the round goes on while its
quorum can still be met, and otherwise the run fails and says why.
"""

from __future__ import annotations

import uuid

from django.utils import timezone
from django.utils.translation import gettext as _

from core import artefacts, events, jobs
from core.context import governed
from core.spoken import inside
from core.tones import look_of
from federation import budgets, consents, mailbox, scoring, secure_agreement, secure_rounds
from federation.domain.cells import MIN_CELL
from federation.domain.noise_config import shared_noise
from federation.domain.participation import Participation
from federation.domain.round_metrics import site_epsilon
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.models import Participant, QuantumJob, Round, RunEvent, SiteOrder, SiteUpdate, TrainingRun
from federation.models_participation import Exclusion
from federation.sealing import traffic_record
from federation.secure_stages import is_masked

State = TrainingRun.State


@jobs.handles("run.begin")
def begin(payload: dict) -> jobs.Effects:
    from federation.starting import first_weights  # it asks this module who takes part

    run = TrainingRun.objects.get(id=payload["run"])
    config = RunConfig.from_dict(run.config)
    start = {name: artefacts.put(first_weights(config, name)) for name in MODEL_NAMES}

    def effects() -> None:
        if lock_run(run.id).state == State.RUNNING and not run.rounds.exists() and secure_agreement.agreed(run):
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
        if is_masked(run):
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


def close_round(run: TrainingRun, round_: Round, figures: scoring.Figures) -> None:
    """Put the round's figures (see `scoring`) on the record and go on."""
    metrics = {**figures, "epsilon": epsilon_by_site(run), "loss": _losses(round_)}
    with governed(action="round.close"):
        round_.metrics, round_.state, round_.finished_at = metrics, Round.State.DONE, timezone.now()
        round_.save(update_fields=["metrics", "state", "finished_at"])
        traffic_record(round_)
        mailbox.orders_cancel(subject_ids=[round_.id])  # of sites that were not needed to open the sum
    show(run, "round", f"Round {round_.number} done")
    _after(run, round_)


def closed_unscored(run: TrainingRun, round_: Round) -> bool:
    """End a round in evaluation whose run has no agreed scores, without any; the caller holds the run's lock.

    That is so once it is aggregated; and when the sites were asked by a platform that knew no noise on scores yet: they
    refuse exact ones by now, and what some of them may have sent is not used.
    """
    if round_.state != Round.State.EVALUATING or RunConfig.from_dict(run.config).is_scored:
        return False
    close_round(run, round_, scoring.none(run))
    return True


def discard(run: TrainingRun, round_: Round, reason: str) -> None:
    """Give a round up of which nothing was released; the next one starts where it did. What it spent stays spent."""
    mailbox.orders_cancel(subject_ids=[round_.id])
    with governed(action="round.discard", reason=reason):
        round_.metrics = {"discarded": reason, "epsilon": epsilon_by_site(run)}
        round_.state, round_.finished_at = Round.State.DISCARDED, timezone.now()
        round_.save(update_fields=["metrics", "state", "finished_at"])
    show(run, "discarded", f"Round {round_.number} is discarded: {reason}")
    _after(run, round_)


def _after(run: TrainingRun, over: Round) -> None:
    if exceeded := over_budget(run, over.metrics["epsilon"]):
        fail(run, exceeded)
    elif run.state == State.RUNNING:
        move_on(run, over)


def move_on(run: TrainingRun, done: Round) -> None:
    """Start the next round, or finish."""
    if done.number < run.rounds_planned:
        if refused := budgets.refusals(run):
            fail(run, " ".join(["The privacy budget does not cover another round.", *refused]))
            return
        open_round(run, number=done.number + 1, start=done.weights or done.start_weights)
        return
    if not run.rounds.filter(state=Round.State.DONE).exists():
        fail(run, "Every round was discarded, so there is no model; see the rounds for who was missing.")
        return
    with governed(action="run.finish"):
        set_state(run, State.FINISHED)
        events.emit("run.finished", {"run": str(run.id)})
    show(run, "finished", "Training finished")


def epsilon_by_site(run: TrainingRun) -> dict[str, float | None]:
    """What each site's patients have spent in this run; None where nothing bounds it.

    With noise that all sites make together, every round that was opened is spent as it was charged, whoever answered.
    """
    if shared_noise(run.config.get("privacy")) is not None:
        return budgets.charged_by_site(run)
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
            few = update.n_records < MIN_CELL  # its loss is nearly one patient's
            out[name][update.participant.site] = None if few else update.metrics[name]["loss"]
    return out


def fail(run: TrainingRun, reason: str) -> None:
    """Stop with a reason that the administrator can act on."""
    with governed(action="run.fail", reason=reason):
        set_state(run, State.FAILED, stop_reason=reason)
        cancel_open_round(run)
    show(run, "failed", reason)


def cancel_open_round(run: TrainingRun) -> None:
    mailbox.orders_cancel(subject_ids=[run.id])  # the agreement on masks
    for round_ in run.rounds.exclude(state__in=Round.OVER):
        mailbox.orders_cancel(subject_ids=[round_.id])
        round_.state, round_.finished_at = Round.State.CANCELLED, timezone.now()
        round_.save(update_fields=["state", "finished_at"])


def set_state(
    run: TrainingRun, state: State, *, stop_reason: str = "", stopped_by: uuid.UUID | None = None,
    health_check: QuantumJob | None = None,
) -> None:  # fmt: skip
    """Change the state if the transition exists; the caller holds the run's lock and has named the action.

    `stopped_by` is who wrote the reason, which is then sealed under that person's key. `health_check` is the
    measurement of a device that allowed the start.
    """
    from core.errors import Conflict

    if state not in TrainingRun.TRANSITIONS.get(State(run.state), set()):
        raise Conflict(
            _("The run is %(state)s; from there it cannot become %(state_2)s.")
            % {"state": inside(look_of(run.state).label), "state_2": state}
        )
    run.state = state
    now = timezone.now()
    if state == State.RUNNING and run.started_at is None:
        run.started_at, run.health_check = now, health_check
    if state in {State.FINISHED, State.ABORTED, State.FAILED}:
        run.finished_at, run.stopped_by_id, run.stop_reason = now, stopped_by, stop_reason
        budgets.release(run)
    run.save(update_fields=["state", "started_at", "health_check", "finished_at", "stopped_by", "stop_reason"])


def show(run: TrainingRun, kind: str, text: str, *, site: str = "") -> None:
    RunEvent.objects.create(run=run, kind=kind, site=site, text=text)


def locked(payload: dict) -> tuple[SiteOrder, Round, TrainingRun]:
    order = SiteOrder.objects.select_related("participant__institution").get(id=payload["order"])
    run = lock_run(uuid.UUID(order.body["run"]))
    return order, Round.objects.select_for_update().get(id=order.subject), run
