"""What the sites answer in a round: counted, left out, or waited for no more; and what follows from it.

Each step locks its run, so that two answers arriving together cannot both, or neither, see the round complete.
"""

from __future__ import annotations

import uuid

from core import jobs
from core.context import governed
from federation import (
    attendance,
    budgets,
    consents,
    mailbox,
    scoring,
    secure_agreement,
    secure_rounds,
    site_statements,
    training,
)
from federation.domain.participation import Participation
from federation.models import Participant, Round, SiteOrder, SiteUpdate, TrainingRun
from federation.models_participation import Exclusion
from federation.secure_stages import is_masked

State = TrainingRun.State
PHASE_OF = {Round.State.TRAINING: Exclusion.Phase.TRAIN, Round.State.EVALUATING: Exclusion.Phase.EVALUATE}


def train_answered(payload: dict) -> jobs.Effects:
    """A site sent its update, or said why it could not."""
    reason = _why_not(payload)

    def effects() -> None:
        order, round_, run = training.locked(payload)
        if not _awaited(order, round_, run, Round.State.TRAINING):
            return
        if order.state == SiteOrder.State.FAILED and site_statements.refused_at_site(run, order):
            return
        masked = is_masked(run)
        answer = order.answer or {}
        if reason:
            _leave_out(order, round_, reason)
            if masked:  # its vector is then not part of the sum either
                SiteOrder.objects.filter(id=order.id).update(state=SiteOrder.State.FAILED, error=reason)
        else:
            with governed(action="update.accept", reason=f"signed by {order.participant.site}"):
                update = SiteUpdate.objects.create(
                    round=round_, participant=order.participant, weights=order.answer_attachments,
                    n_records=answer["n_records"], metrics=answer["models"],
                    message_digest=order.answer_digest, signature=order.signature,
                )  # fmt: skip
                budgets.charge_reported(update)
            training.show(run, "update", f"{order.participant} sent its update", site=order.participant.site)
        if masked:
            secure_rounds.advance(run, round_, "train")
        else:
            go_on(run, round_, order.kind)

    return effects


def evaluate_answered(payload: dict) -> jobs.Effects:
    """A site scored the round's weights; after the last one the round is done."""
    reason = _why_not(payload)

    def effects() -> None:
        order, round_, run = training.locked(payload)
        if not _awaited(order, round_, run, Round.State.EVALUATING):
            return
        if order.state == SiteOrder.State.FAILED and site_statements.refused_at_site(run, order):
            return
        if training.closed_unscored(run, round_):
            return
        if order.state == SiteOrder.State.FAILED:
            _leave_out(order, round_, reason)
        if is_masked(run):
            secure_rounds.advance(run, round_, "evaluate")
            return
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
        run, phase = training.lock_run(round_.run_id), payload["phase"]
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
    if training.closed_unscored(run, round_):
        return
    found = attendance.count(run, round_, phase, _counted_on(run, round_, phase))
    if found.hopeless:
        training.fail(run, attendance.why_no_quorum(round_, phase, found))
    elif not found.waiting and phase == Exclusion.Phase.TRAIN:
        jobs.enqueue("round.aggregate", {"round": str(round_.id)}, key=f"aggregate:{round_.id}", max_attempts=10)
    elif not found.waiting:
        training.close_round(run, round_, scoring.of_answers(run, round_, _scores(round_)))


def _counted_on(run: TrainingRun, round_: Round, phase: str) -> list[Participant]:
    """All sites of the run but those that have left it without an answer in this phase."""
    gone, answered = consents.left(run), attendance.answered_in(round_, phase)
    return [p for p in training.participants_of(run) if p.site not in gone or p.id in answered]


def go_on_without(run: TrainingRun, participant: Participant) -> None:
    """Wait for a site no more. What it sent in this round before it left counts; the caller holds the run's lock."""
    if is_masked(run) and not run.rounds.exists() and not secure_agreement.has_secrets(run):
        why = f"{participant} left before the sites had agreed on their masks; propose a new run without it"
        training.fail(run, why)
        return
    for round_ in run.rounds.select_for_update().filter(state__in=[Round.State.TRAINING, Round.State.EVALUATING]):
        mailbox.orders_cancel(subject_ids=[round_.id], participant=participant)
        if is_masked(run):
            secure_rounds.go_on_without(run, round_)
        else:
            go_on(run, round_, PHASE_OF[Round.State(round_.state)])


def given_up(payload: dict) -> jobs.Effects | None:
    """A step of a run failed as often as it may: the run ends and says so, instead of standing still."""
    about = payload["payload"]
    if payload["kind"] == "run.begin":
        run_id = uuid.UUID(about["run"])
    elif payload["kind"] in {"round.aggregate", "round.deadline", "secure.close", "secure.deadline"}:
        run_id = Round.objects.get(id=about["round"]).run_id
    else:
        return None

    def effects() -> None:
        run = training.lock_run(run_id)
        if run.state in {State.RUNNING, State.PAUSED}:
            training.fail(run, f"The platform could not do the step {payload['kind']}: {payload['error']}")

    return effects
