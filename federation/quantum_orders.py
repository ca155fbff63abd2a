"""What people can do with runs on devices: estimate, order, cancel, retry, consent, limit. Each is one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Institution, User
from core import jobs
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.process import lock_key
from core.spoken import inside
from core.tones import look_of
from federation import quantum_running, quantum_states, quantum_tasks
from federation.domain.quantum import estimates, noise_choice
from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.devices import find
from federation.models import DeviceConsent, Participant, QuantumJob, QuantumLimit, SiteOrder, TrainingRun
from federation.quantum_admission import (
    Used,
    admit,
    consent_of,
    orders_for,
    payer_of,
    require_evaluable,
    used_this_month,
)
from federation.quantum_estimate import Order, estimate, in_words

State = QuantumJob.State
SENT_AGAIN_WITHIN = timedelta(minutes=10)  # a client that heard no answer, a button that was pressed twice


@dataclass(frozen=True)
class Preview:
    """What an order would take, and why it would be refused, if it would."""

    estimate: estimates.Estimate | None
    used: Used
    refusal: str = ""

    @property
    def text(self) -> str:
        return in_words(self.estimate.text) if self.estimate else ""

    @property
    def warnings(self) -> list[str]:
        return [in_words(told) for told in self.estimate.warnings] if self.estimate else []


def quantum_preview(*, order: Order, actor: User) -> Preview:
    """Before anything is ordered. A refusal is told, not raised, so that the person can correct the order."""
    used = used_this_month(payer_of(order))
    try:
        found = estimate(order)
    except (DeviceError, ApplicationError, ValueError) as error:
        return Preview(None, used, str(error))
    try:
        admit(order, found, actor)
    except (DeviceError, ApplicationError) as error:
        return Preview(found, used, str(error))
    return Preview(found, used)


def quantum_order(*, order: Order, actor: User, retry_of: QuantumJob | None = None) -> QuantumJob:
    """Order a run. Everything that can be refused is refused here, before the device hears of it."""
    with refusals(), governed(action="quantum.order", actor=actor.id):
        payer = payer_of(order)
        _lock_limit(payer)
        found = estimate(order)
        admitted = admit(order, found, actor)
        asked: dict[str, Any] = {
            "device": order.device, "purpose": order.purpose, "institution": payer, "participant": order.participant,
            "run": order.run, "qubits": found.job.n_qubits, "circuits": found.circuits, "shots": order.shots,
            "cost_limit": order.cost_limit, "min_quantum_volume": order.min_quantum_volume, "requested_by": actor,
        }  # fmt: skip
        kept = {"mitigation": admitted.mitigation, "estimate": {**found.as_dict(), "declared": order.declared}}
        if find(order.device).needs_consent:
            _refuse_sent_again(asked, kept)
        job = QuantumJob.objects.create(
            consent=admitted.consent, health_check=admitted.health, noise=noise_choice.recorded(order.noise),
            cost=None if found.cost is None else Decimal(str(round(found.cost, 4))), retry_of=retry_of,
            **asked, **kept,
        )  # fmt: skip
        quantum_running.begin(job)
        return job


def _refuse_sent_again(asked: dict[str, Any], kept: dict[str, Any]) -> None:
    """A client whose connection broke after the commit sends its order again: a cloud is not to bill it twice.

    The lock on the limit lets the second see the first. Who wants two runs of one order can wait.
    """
    taken = QuantumJob.objects.exclude(state__in=[State.FAILED, State.CANCELLED])
    recent = taken.filter(created_at__gte=timezone.now() - SENT_AGAIN_WITHIN, **asked)
    if same := next((job for job in recent if all(getattr(job, name) == kept[name] for name in kept)), None):
        raise Conflict(
            _(
                "Expected a new order, got one that you sent less than %(minutes)s minutes ago: %(job)s. Follow that "
                "one; to have the same run twice, send the order again after that time."
            )
            % {"job": same.id, "minutes": int(SENT_AGAIN_WITHIN.total_seconds() // 60)},
            job=str(same.id),
        )


def quantum_cancel(*, job: QuantumJob, actor: User) -> QuantumJob:
    """Here at once, at the provider as soon as it can be reached. What it has run by then is charged all the same."""
    _require_own(job, actor)
    with governed(action="quantum.cancel", actor=actor.id):
        job = QuantumJob.objects.select_for_update().get(id=job.id)
        if not job.is_open:
            raise Conflict(
                _("Only a run that is open can be cancelled; this one is %(state)s.")
                % {"state": inside(look_of(job.state).label)}
            )
        _cancel(job, actor)
        return job


def quantum_look(*, job: QuantumJob, actor: User) -> QuantumJob:
    """Ask the provider now instead of at the next time: where the tasks stand, or what became of those cancelled."""
    _require_own(job, actor)
    with transaction.atomic():
        job = QuantumJob.objects.select_for_update().get(id=job.id)
        if not job.is_open and not job.tasks.unsettled().exists():
            raise Conflict(
                _("This run has ended, and nothing of it is left at the provider: there is nothing to look for.")
            )
        if not job.is_open:
            quantum_tasks.end_at_provider(job)
        elif not (_hastened(job) or waits_for_site(job)):
            quantum_states.take_up(job)
        return job


def _hastened(job: QuantumJob) -> bool:
    return any(jobs.hasten(kind, job=str(job.id)) for kind in ("quantum.submit", "quantum.poll"))


def waits_for_site(job: QuantumJob) -> bool:
    """Whether the job goes on only when the worker of the site has answered what it was asked last."""
    return SiteOrder.objects.filter(subject=job.id, state=SiteOrder.State.PENDING).exists()


def quantum_retry(*, job: QuantumJob, actor: User) -> QuantumJob:
    """The same order again, as a row of its own, under the limits, consents and health of today."""
    _require_own(job, actor)
    with transaction.atomic():
        return _retry(QuantumJob.objects.select_for_update().get(id=job.id), actor)


def _retry(job: QuantumJob, actor: User) -> QuantumJob:
    if job.retries.exists():
        raise Conflict(_("This run was ordered again already. Retry the newer one, if that failed too."))
    if job.state not in {State.FAILED, State.CANCELLED}:
        raise Conflict(
            _("Only a run that failed or was cancelled can be retried; this one is %(state)s.")
            % {"state": inside(look_of(job.state).label)}
        )
    if left := job.tasks.unsettled().count():
        raise Conflict(
            _(
                "%(n)s of its tasks may still run at the provider, which is asked to cancel them. Retry when the page "
                "says what became of them, so that nothing is paid for twice."
            )
            % {"n": left}
        )
    before = job.estimate.get("declared_price_per_shot")  # of jobs of before there were other prices
    declared = job.estimate.get("declared", {"price_per_shot": before} if before else {})
    again = Order(
        device=job.device, purpose=job.purpose, shots=job.shots, qubits=job.qubits, run=job.run,
        participant=job.participant, patients=job.circuits if job.run_id else 0, cost_limit=job.cost_limit,
        min_quantum_volume=job.min_quantum_volume, noise=job.noise_model, mitigate=job.mitigation is not None,
        **{name: Decimal(price) for name, price in declared.items()},
    )  # fmt: skip
    return quantum_order(order=again, actor=actor, retry_of=job)


def device_consent_decide(
    *, run: TrainingRun, participant: Participant, device: str, decision: str, reason: str, actor: User
) -> DeviceConsent:
    """A site's operator answers for exactly this cloud device and run. A withdrawal cancels what is open."""
    if not actor.may_at("consent.give", participant.institution_id):
        raise Forbidden(_("Only %(institution)s answers for its own data.") % {"institution": participant.institution})
    if decision not in DeviceConsent.Decision.values:
        raise ApplicationError(
            _("Expected a decision among %(values)s, got %(decision)s.")
            % {"values": ", ".join(DeviceConsent.Decision.values), "decision": f"{decision!r}"}
        )
    if decision != DeviceConsent.Decision.GIVEN and not reason.strip():
        raise ApplicationError("Say why: the answer becomes part of the record.")
    with refusals(), governed(action=f"device_consent.{decision}", actor=actor.id, reason=reason):
        if not find(device).needs_consent:
            raise ApplicationError(
                _("%(device)s runs at the site itself: nothing leaves the house, so no consent is asked.")
                % {"device": device}
            )
        run = TrainingRun.objects.select_for_update().get(id=run.id)
        require_evaluable(run, participant)
        before = consent_of(run, participant, device)
        if before is not None and before.decision == decision:
            raise Conflict(
                _("%(institution)s has already answered: %(decision)s.")
                % {"institution": participant.institution, "decision": inside(before.get_decision_display())}
            )
        given = before is not None and before.decision == DeviceConsent.Decision.GIVEN
        if decision == DeviceConsent.Decision.WITHDRAWN and not given:
            raise Conflict("There is no consent to withdraw.")
        consent = DeviceConsent.objects.create(
            run=run, participant=participant, device=device, config_hash=run.config_hash, decision=decision,
            reason=reason, decided_by=actor,
        )  # fmt: skip
        if decision != DeviceConsent.Decision.GIVEN:
            open_jobs = QuantumJob.objects.open().filter(run=run, participant=participant, device=device)
            for job in open_jobs.select_for_update():
                _cancel(job, actor)
        return consent


def quantum_limit_set(
    *, institution: Institution | None, shots_per_month: int, cost_per_month: Decimal, actor: User
) -> QuantumLimit:
    if shots_per_month < 0 or cost_per_month < 0:
        raise ApplicationError(
            _("Expected limits of 0 or more, got %(shots_per_month)s shots and %(cost_per_month)s.")
            % {"shots_per_month": shots_per_month, "cost_per_month": cost_per_month}
        )
    if not orders_for(actor, institution):
        raise Forbidden(
            _("Only the platform's administrators, and those of %(whose)s for itself, set these limits.")
            % {"whose": institution}
            if institution
            else _("Only the platform's administrators set the platform's limits.")
        )
    with governed(action="quantum.limit", actor=actor.id):
        return QuantumLimit.objects.create(
            institution=institution, shots_per_month=shots_per_month, cost_per_month=cost_per_month, set_by=actor
        )


@contextmanager
def refusals() -> Iterator[None]:
    """A device's refusal becomes an error that pages and API show."""
    try:
        yield
    except (DeviceError, ValueError) as error:
        raise ApplicationError(str(error)) from error


def _lock_limit(payer: Institution | None) -> None:
    """Two orders at once share one limit: the second counts when the first has been written down."""
    if payer is not None:
        Institution.objects.select_for_update().get(id=payer.id)
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("quantum limit of the platform")])


def may_move(job: QuantumJob, actor: User) -> bool:
    """Cancel, look, retry: who pays for it, the platform's administrators, and who ordered it."""
    return job.requested_by_id == actor.id or orders_for(actor, job.institution)


def _require_own(job: QuantumJob, actor: User) -> None:
    if not may_move(job, actor):
        raise Forbidden(
            _("Only administrators of the platform, or of the hospital that pays for this run, can do that.")
        )


def _cancel(job: QuantumJob, actor: User) -> None:
    job.state, job.finished_at, job.cancelled_by = State.CANCELLED, timezone.now(), actor
    job.save(update_fields=["state", "finished_at", "cancelled_by"])
    quantum_tasks.end_at_provider(job)
