"""What people can do with runs on devices: estimate, order, cancel, retry, consent, limit. Each is one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import F, Sum
from django.utils import timezone

from accounts.models import Institution, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from federation import quantum_running
from federation.consents import left
from federation.domain.quantum import estimates
from federation.domain.quantum.circuits import CircuitShape
from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.devices import DEVICES, DeviceSpec, Price, find
from federation.models import DeviceConsent, Participant, QuantumJob, QuantumLimit, Round, TrainingRun

Purpose, State = QuantumJob.Purpose, QuantumJob.State
DEFAULT_SHOTS_PER_MONTH, DEFAULT_COST_PER_MONTH = 1_000_000, Decimal("200.00")
HEALTH_IS_FRESH = timedelta(days=7)
CHECK_CIRCUITS = {Purpose.READOUT: 2, Purpose.VOLUME: 100}  # of health, which loads torch
# One random unitary on two qubits becomes so many gates.
PAIR_ONE_QUBIT_GATES, PAIR_TWO_QUBIT_GATES = 15, 3


@dataclass(frozen=True)
class Order:
    """What is asked for. An evaluation names a run and a site; a check names its qubits."""

    device: str
    purpose: str
    shots: int
    qubits: int = 0
    run: TrainingRun | None = None
    participant: Participant | None = None
    patients: int = 0
    cost_limit: Decimal | None = None
    min_quantum_volume: int | None = None
    price_per_shot: Decimal | None = None  # declared, where the registry knows none


@dataclass(frozen=True)
class Used:
    """What an institution has ordered of cloud devices in this calendar month, and its limits."""

    shots: int
    cost: Decimal
    shots_limit: int
    cost_limit: Decimal


@dataclass(frozen=True)
class Preview:
    """What an order would take, and why it would be refused, if it would."""

    estimate: estimates.Estimate | None
    used: Used
    refusal: str = ""


def quantum_preview(*, order: Order, actor: User) -> Preview:
    """Before anything is ordered. A refusal is told, not raised, so that the person can correct the order."""
    used = used_this_month(_payer(order))
    try:
        found = _estimate(order)
    except (DeviceError, ApplicationError, ValueError) as error:
        return Preview(None, used, str(error))
    try:
        _admit(order, found, actor)
    except (DeviceError, ApplicationError) as error:
        return Preview(found, used, str(error))
    return Preview(found, used)


def quantum_order(*, order: Order, actor: User, retry_of: QuantumJob | None = None) -> QuantumJob:
    """Order a run. Everything that can be refused is refused here, before the device hears of it."""
    with refusals(), governed(action="quantum.order", actor=actor.id):
        if (payer := _payer(order)) is not None:
            Institution.objects.select_for_update().get(id=payer.id)  # two orders at once share one limit
        found = _estimate(order)
        consent, health = _admit(order, found, actor)
        job = QuantumJob.objects.create(
            device=order.device, purpose=order.purpose, institution=payer, participant=order.participant, run=order.run,
            consent=consent, qubits=found.job.n_qubits, circuits=found.circuits, shots=order.shots,
            estimate={**found.as_dict(), "declared_price_per_shot": order.price_per_shot and str(order.price_per_shot)},
            cost=None if found.cost is None else Decimal(str(round(found.cost, 4))),
            cost_limit=order.cost_limit, min_quantum_volume=order.min_quantum_volume, health_check=health,
            requested_by=actor, retry_of=retry_of,
        )  # fmt: skip
        quantum_running.begin(job)
        return job


def quantum_cancel(*, job: QuantumJob, actor: User) -> QuantumJob:
    """Here at once, at the provider as soon as it can be reached. What it has run by then is charged all the same."""
    with governed(action="quantum.cancel", actor=actor.id):
        job = QuantumJob.objects.select_for_update().get(id=job.id)
        if not job.is_open:
            raise Conflict(f"Only a run that is open can be cancelled; this one is {job.state}.")
        _cancel(job, actor)
        return job


def quantum_retry(*, job: QuantumJob, actor: User) -> QuantumJob:
    """The same order again, as a row of its own, under the limits, consents and health of today."""
    if job.state not in {State.FAILED, State.CANCELLED}:
        raise Conflict(f"Only a run that failed or was cancelled can be retried; this one is {job.state}.")
    declared = job.estimate.get("declared_price_per_shot")
    again = Order(
        device=job.device, purpose=job.purpose, shots=job.shots, qubits=job.qubits, run=job.run,
        participant=job.participant, patients=job.circuits if job.run_id else 0, cost_limit=job.cost_limit,
        min_quantum_volume=job.min_quantum_volume, price_per_shot=Decimal(declared) if declared else None,
    )  # fmt: skip
    return quantum_order(order=again, actor=actor, retry_of=job)


def device_consent_decide(
    *, run: TrainingRun, participant: Participant, device: str, decision: str, reason: str, actor: User
) -> DeviceConsent:
    """A site's operator answers for exactly this cloud device and run. A withdrawal cancels what is open."""
    if participant.institution_id not in actor.institution_ids:
        raise Forbidden(f"Only {participant.institution} answers for its own data.")
    if decision not in DeviceConsent.Decision.values:
        raise ApplicationError(
            f"Expected a decision among {', '.join(DeviceConsent.Decision.values)}, got {decision!r}."
        )
    if decision != DeviceConsent.Decision.GIVEN and not reason.strip():
        raise ApplicationError("Say why: the answer becomes part of the record.")
    with refusals(), governed(action=f"device_consent.{decision}", actor=actor.id, reason=reason):
        if not find(device).needs_consent:
            raise ApplicationError(
                f"{device} runs at the site itself: nothing leaves the house, so no consent is asked."
            )
        run = TrainingRun.objects.select_for_update().get(id=run.id)
        _evaluable(run, participant)
        before = consent_of(run, participant, device)
        if before is not None and before.decision == decision:
            raise Conflict(f"{participant.institution} has already answered: {before.decision}.")
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
        raise ApplicationError(f"Expected limits of 0 or more, got {shots_per_month} shots and {cost_per_month}.")
    with governed(action="quantum.limit", actor=actor.id):
        return QuantumLimit.objects.create(
            institution=institution, shots_per_month=shots_per_month, cost_per_month=cost_per_month, set_by=actor
        )


def used_this_month(institution: Institution | None) -> Used:
    """Counted from the orders' estimates. One that never reached a device does not count."""
    start = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    cloud = [spec.name for spec in DEVICES.values() if spec.needs_consent]
    counted = QuantumJob.objects.filter(institution=institution, device__in=cloud, created_at__gte=start).exclude(
        state__in=[State.FAILED, State.CANCELLED], submitted_at__isnull=True
    )
    sums = counted.aggregate(shots=Sum(F("circuits") * F("shots")), cost=Sum("cost"))
    limit = QuantumLimit.objects.filter(institution=institution).first()
    return Used(
        shots=sums["shots"] or 0,
        cost=sums["cost"] or Decimal(0),
        shots_limit=limit.shots_per_month if limit else DEFAULT_SHOTS_PER_MONTH,
        cost_limit=limit.cost_per_month if limit else DEFAULT_COST_PER_MONTH,
    )


def consent_of(run: TrainingRun, participant: Participant, device: str) -> DeviceConsent | None:
    """The site's latest answer."""
    return DeviceConsent.objects.filter(run=run, participant=participant, device=device).last()


@contextmanager
def refusals() -> Iterator[None]:
    """A device's refusal becomes an error that pages and API show."""
    try:
        yield
    except (DeviceError, ValueError) as error:
        raise ApplicationError(str(error)) from error


def _payer(order: Order) -> Institution | None:
    return order.participant.institution if order.participant else None


def _estimate(order: Order) -> estimates.Estimate:
    """Counted from the order alone; no device is asked and no framework loaded."""
    if order.purpose == Purpose.EVALUATION:
        if order.run is None or order.participant is None:
            raise ApplicationError("An evaluation needs a finished run and one of its sites.")
        spec = order.run.config["models"]["primary"]
        if spec["kind"] != "vqc_classifier":
            raise ApplicationError(
                f"Expected a run of a tabular classifier (vqc_classifier), got {spec['kind']}: a circuit at each "
                "position of an image is thousands of circuits a patient. Evaluate that model on the simulator."
            )
        shape = CircuitShape(spec["qubits"], spec["layers"], spec["entangling"])
        qubits, circuits = shape.n_qubits, order.patients
        single = 4 * shape.layers * qubits  # RX, then RZ RY RZ
        double = sum(len(shape.cnots(layer)) for layer in range(shape.layers))
    elif order.purpose == Purpose.VOLUME:
        qubits, circuits = order.qubits, CHECK_CIRCUITS[Purpose.VOLUME]
        pairs = qubits * (qubits // 2)
        single, double = pairs * PAIR_ONE_QUBIT_GATES, pairs * PAIR_TWO_QUBIT_GATES
    else:
        qubits, circuits, single, double = order.qubits, CHECK_CIRCUITS[Purpose.READOUT], order.qubits, 0
    price = None
    if order.price_per_shot is not None:
        price = Price(source="given with the order", per_shot=float(order.price_per_shot), declared=True)
    job = estimates.Job(order.device, qubits, circuits, order.shots, one_qubit_gates=single, two_qubit_gates=double)
    return estimates.estimate(job, price=price)


def _admit(
    order: Order, found: estimates.Estimate, actor: User
) -> tuple[DeviceConsent | None, QuantumJob | None]:  # fmt: skip
    """Every reason to refuse, in the order in which a person can mend them. Returns consent and health check."""
    spec = find(order.device)
    spec.require_qubits(found.job.n_qubits)
    consent = None
    if order.purpose == Purpose.EVALUATION:
        assert order.run and order.participant  # noqa: S101, PT018 - `_estimate` has refused it
        if not actor.sees_all and order.participant.institution_id not in actor.institution_ids:
            raise NotFound("There is no such site within your reach.")
        _evaluable(order.run, order.participant)
        if order.participant.site in left(order.run):
            raise Conflict(f"{order.participant.institution} has withdrawn from this run; nothing more is asked of it.")
        consent = consent_of(order.run, order.participant, order.device) if spec.needs_consent else None
        valid = (
            consent is not None
            and consent.decision == DeviceConsent.Decision.GIVEN
            and consent.config_hash == order.run.config_hash
        )
        spec.require_consent([order.device] if valid else [])
    elif spec.needs_consent:
        spec.require_installed()
        spec.require_credentials()  # of the platform; an evaluation's are the site's, whose worker checks them
    health = _health(order)
    if spec.needs_consent:
        _require_limits(order, found, spec)
    return consent, health


def _evaluable(run: TrainingRun, participant: Participant) -> None:
    if run.state != TrainingRun.State.FINISHED or not run.rounds.filter(state=Round.State.DONE).exists():
        raise Conflict(f"Only the model of a finished run can be evaluated; this run is {run.state}.")
    if participant.federation_id != run.federation_id or participant.site not in run.config["data_digests"]:
        raise ApplicationError(f"{participant} takes no part in this run: choose one of its sites.")


def _health(order: Order) -> QuantumJob | None:
    """The newest measured quantum volume, if the order requires one."""
    if order.min_quantum_volume is None:
        return None
    wanted = f"The order requires a quantum volume of at least {order.min_quantum_volume} on {order.device}"
    newest = QuantumJob.objects.health_of(order.device, Purpose.VOLUME).first()
    if newest is None:
        raise Conflict(f"{wanted}; it has never been measured. Order that check first.")
    if newest.finished_at < timezone.now() - HEALTH_IS_FRESH:
        raise Conflict(
            f"{wanted}; it was last measured on {newest.finished_at:%d %b %Y}, more than {HEALTH_IS_FRESH.days} days "
            "ago. Order the check again."
        )
    measured = (newest.result or {}).get("quantum_volume")
    if not measured or measured < order.min_quantum_volume:
        got = (
            f"{measured} was confirmed"
            if measured
            else f"{(newest.result or {}).get('tried')} was tried, not confirmed"
        )
        raise Conflict(f"{wanted}; {got} on {newest.finished_at:%d %b %Y}. Choose another device, or require less.")
    return newest


def _require_limits(order: Order, found: estimates.Estimate, spec: DeviceSpec) -> None:
    used = used_this_month(_payer(order))
    if found.cost is None:
        raise ApplicationError(
            f"No price of {spec.name} is known, so no cost limit can be kept. Give the price per shot of your contract."
        )
    cost = Decimal(str(found.cost))
    if order.cost_limit is None:
        raise ApplicationError("A run on a cloud device needs a cost limit: say what it may cost at most.")
    if cost > order.cost_limit:
        raise ApplicationError(
            f"Expected a cost of at most {order.cost_limit}, the estimate is {cost:.2f} {found.currency}. Take fewer "
            "patients or shots, or raise the limit of the order."
        )
    if used.shots + found.shots > used.shots_limit:
        raise Conflict(
            f"{found.shots:,} shots are over the monthly limit: {used.shots:,} of {used.shots_limit:,} are used. Take "
            "fewer, wait for the next month, or have an administrator raise the limit."
        )
    if used.cost + cost > used.cost_limit:
        raise Conflict(
            f"A cost of {cost:.2f} is over the monthly limit: {used.cost:.2f} of {used.cost_limit:.2f} are used. Take "
            "less, wait for the next month, or have an administrator raise the limit."
        )


def _cancel(job: QuantumJob, actor: User) -> None:
    job.state, job.finished_at, job.cancelled_by = State.CANCELLED, timezone.now(), actor
    job.save(update_fields=["state", "finished_at", "cancelled_by"])
    quantum_running.cancel_at_provider(job)
