"""What an order of a device would take, and every reason to refuse it before the device hears of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Institution, User
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.spoken import inside
from core.tones import look_of
from federation.consents import left
from federation.domain.cells import whole_tens
from federation.domain.quantum import estimates
from federation.domain.quantum.circuits import gates_of
from federation.domain.quantum.devices import DEVICES, DeviceSpec, Price, find
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.spec import circuit_of
from federation.models import DeviceConsent, Participant, QuantumJob, QuantumLimit, Round, TrainingRun
from federation.quantum_readout import HEALTH_IS_FRESH, mitigation_of, require_one_machine

Purpose, State = QuantumJob.Purpose, QuantumJob.State
DEFAULT_SHOTS_PER_MONTH, DEFAULT_COST_PER_MONTH = 1_000_000, Decimal("200.00")
CHECK_CIRCUITS = {Purpose.READOUT: 2, Purpose.VOLUME: 100}  # of health, which loads torch
# One random unitary on two qubits becomes so many gates.
PAIR_ONE_QUBIT_GATES, PAIR_TWO_QUBIT_GATES = 15, 3


DECLARED = ("price_per_shot", "price_per_second", "seconds_per_shot")


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
    # Declared, where the registry knows none; a price per second needs the time of a shot, and is a lower bound.
    price_per_shot: Decimal | None = None
    price_per_second: Decimal | None = None
    seconds_per_shot: Decimal | None = None
    noise: NoiseModel | None = None  # of a simulator; none: a noiseless one, or the machine's own noise
    mitigate: bool = False  # the readout error, of an evaluation

    @property
    def declared(self) -> dict[str, str]:
        """The prices that were given with the order, as they are kept."""
        return {name: str(price) for name in DECLARED if (price := getattr(self, name)) is not None}

    @property
    def noise_digest(self) -> str | None:
        return self.noise.digest if self.noise else None

    @property
    def where(self) -> str:
        """The device and its noise, for people."""
        return f"{self.device} under the noise model {self.noise.name}" if self.noise else self.device


@dataclass(frozen=True)
class Admitted:
    """What an order rests on."""

    consent: DeviceConsent | None
    health: QuantumJob | None  # the measurement that meets the required quantum volume
    mitigation: dict[str, Any] | None  # the readout errors that will be inverted


@dataclass(frozen=True)
class Used:
    """What an institution has ordered of cloud devices in this calendar month, and its limits."""

    shots: int
    cost: Decimal
    shots_limit: int
    cost_limit: Decimal


def used_this_month(institution: Institution | None) -> Used:
    """Counted from the orders' estimates. Of one that ended without its result, what the provider may have taken."""
    start = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    cloud = [spec.name for spec in DEVICES.values() if spec.needs_consent]
    ordered = QuantumJob.objects.filter(institution=institution, device__in=cloud, created_at__gte=start)
    sums = ordered.with_taken().aggregate(
        shots=Sum(F("taken") * F("shots")), cost=Sum(F("cost") * F("taken") / F("circuits"))
    )
    limit = QuantumLimit.objects.filter(institution=institution).first()
    return Used(
        shots=sums["shots"] or 0,
        cost=(sums["cost"] or Decimal(0)).quantize(Decimal("0.0001")),
        shots_limit=limit.shots_per_month if limit else DEFAULT_SHOTS_PER_MONTH,
        cost_limit=limit.cost_per_month if limit else DEFAULT_COST_PER_MONTH,
    )


def consent_of(run: TrainingRun, participant: Participant, device: str) -> DeviceConsent | None:
    """The site's latest answer."""
    return DeviceConsent.objects.filter(run=run, participant=participant, device=device).last()


def payer_of(order: Order) -> Institution | None:
    return order.participant.institution if order.participant else None


def estimate(order: Order) -> estimates.Estimate:
    """Counted from the order alone; no device is asked and no framework loaded."""
    if order.purpose == Purpose.EVALUATION:
        if order.run is None or order.participant is None:
            raise ApplicationError("An evaluation needs a finished run and one of its sites.")
        spec = order.run.config["models"]["primary"]
        if spec["kind"] != "vqc_classifier":
            raise ApplicationError(_not_for_devices(order, spec))
        shape = circuit_of(spec)
        qubits, circuits = shape.n_qubits, whole_tens(order.patients)
        single, double = gates_of(shape)
    elif order.purpose == Purpose.VOLUME:
        qubits, circuits = order.qubits, CHECK_CIRCUITS[Purpose.VOLUME]
        pairs = qubits * (qubits // 2)
        single, double = pairs * PAIR_ONE_QUBIT_GATES, pairs * PAIR_TWO_QUBIT_GATES
    else:
        qubits, circuits, single, double = order.qubits, CHECK_CIRCUITS[Purpose.READOUT], order.qubits, 0
    job = estimates.Job(order.device, qubits, circuits, order.shots, one_qubit_gates=single, two_qubit_gates=double)
    return estimates.estimate(job, price=_declared(order))


def _declared(order: Order) -> Price | None:
    given = {name: price for name in DECLARED if (price := getattr(order, name)) is not None}
    if not given:
        return None
    if wrong := [str(price) for price in given.values() if price <= 0]:
        raise ApplicationError(
            _(
                "Expected prices above 0, got %(price)s: with it no cost limit would be kept. Give the price of your "
                "contract, or leave it empty where a price is published."
            )
            % {"price": ", ".join(wrong)}
        )
    if ("price_per_second" in given) != ("seconds_per_shot" in given):
        raise ApplicationError(
            _("Expected a price per second together with the seconds of a shot, got one without the other.")
        )
    shot, second, length = (float(given.get(name, 0)) for name in DECLARED)
    return Price(
        source="given with the order", per_shot=shot, per_second=second, seconds_per_shot=length, declared=True
    )


def _not_for_devices(order: Order, spec: dict[str, Any]) -> str:
    """Why a model of images is refused, in its own numbers: circuits, shots and cost of what was asked for."""
    wanted = _(
        "Expected a run of a tabular classifier (vqc_classifier), got %(kind)s. Evaluate that model on the simulator "
        "of its run."
    ) % {"kind": spec["kind"]}
    latest = order.participant.manifests.order_by("created_at").last() if order.participant else None
    sides = latest.content["shape"][1:] if latest else []
    if "qubits" not in spec or not sides:
        return wanted
    from federation.domain.models.registry import build

    runs = build(spec).eval().core_runs((spec["inputs"], *sides))
    job = estimates.Job(order.device, spec["qubits"], order.patients * runs, order.shots)
    found = estimates.estimate(job, price=_declared(order))
    told = {"patients": f"{order.patients:,}", "runs": f"{runs:,}", "shots": f"{order.shots:,}", "sum": found.text}
    counted = _(
        "With one image a patient, %(patients)s patients x %(runs)s circuits an image x %(shots)s shots are %(sum)s"
    )
    return f"{wanted} {counted % told}"


def admit(order: Order, found: estimates.Estimate, actor: User) -> Admitted:
    """Every reason to refuse, in the order in which a person can mend them."""
    spec = find(order.device)
    spec.require_noise(order.noise)
    # An evaluation runs at the site, which asks its own memory.
    elsewhere = {"free_bytes": sys.maxsize} if order.purpose == Purpose.EVALUATION else {}
    spec.require_qubits(found.job.n_qubits, **elsewhere)
    consent = None
    if order.purpose == Purpose.EVALUATION:
        assert order.run and order.participant  # noqa: S101, PT018 - `estimate` has refused it
        if not actor.sees_all and not actor.may_at("quantum.order", order.participant.institution_id):
            raise NotFound("There is no such site within your reach.")
        require_evaluable(order.run, order.participant)
        if order.participant.site in left(order.run):
            raise Conflict(
                _("%(institution)s has withdrawn from this run; nothing more is asked of it.")
                % {"institution": order.participant.institution}
            )
        consent = consent_of(order.run, order.participant, order.device) if spec.needs_consent else None
        valid = (
            consent is not None
            and consent.decision == DeviceConsent.Decision.GIVEN
            and consent.config_hash == order.run.config_hash
        )
        spec.require_consent([order.device] if valid else [])
    elif spec.needs_consent:
        if not actor.sees_all:
            raise Forbidden(_("A check of a cloud device is at the platform's expense: its administrators order it."))
        spec.require_installed()
        spec.require_credentials()  # of the platform; an evaluation's are the site's, whose worker checks them
    health = _health(order)
    mitigation = mitigation_of(order, found.job.n_qubits)
    require_one_machine(health, mitigation)
    if spec.needs_consent:
        _require_limits(order, found, spec)
    return Admitted(consent, health, mitigation)


def not_wanted_any_more(job: QuantumJob) -> str:
    """Why the site of an order that was admitted lends its data no more; empty if it still does.

    Asked before each task is handed in and at each look: a withdrawal may come at any moment between them.
    """
    if job.run is None or job.participant is None:
        return ""
    if job.participant.site in left(job.run):
        return f"{job.participant.institution} has withdrawn from this run; nothing more is asked of it."
    if not find(job.device).needs_consent:
        return ""
    latest = consent_of(job.run, job.participant, job.device)
    if latest is not None and latest.decision == DeviceConsent.Decision.GIVEN:
        return ""
    return f"{job.participant.institution} does not consent to {job.device} for this run any more."


def require_evaluable(run: TrainingRun, participant: Participant) -> None:
    if run.state != TrainingRun.State.FINISHED or not run.rounds.filter(state=Round.State.DONE).exists():
        raise Conflict(
            _("Only the model of a finished run can be evaluated; this run is %(state)s.")
            % {"state": inside(look_of(run.state).label)}
        )
    if participant.federation_id != run.federation_id or participant.site not in run.config["data_digests"]:
        raise ApplicationError(
            _("%(participant)s takes no part in this run: choose one of its sites.") % {"participant": participant}
        )


def _health(order: Order) -> QuantumJob | None:
    """The newest measured quantum volume, if the order requires one."""
    if order.min_quantum_volume is None:
        return None
    wanted = _("The order requires a quantum volume of at least %(volume)s on %(device)s") % {
        "volume": order.min_quantum_volume, "device": order.where,
    }  # fmt: skip
    tried = QuantumJob.objects.health_of(order.device, Purpose.VOLUME, order.noise_digest)
    wide = tried.filter(qubits__gte=(order.min_quantum_volume - 1).bit_length())  # a narrower one cannot confirm it
    newest = wide.first() or tried.first()
    if newest is None:
        raise Conflict(_("%(wanted)s; it has never been measured. Order that check first.") % {"wanted": wanted})
    if newest.finished_at < timezone.now() - HEALTH_IS_FRESH:
        raise Conflict(
            _(
                "%(wanted)s; it was last measured on %(finished_at)s, more than %(days)s days ago. Order the "
                "check again."
            )
            % {"wanted": wanted, "finished_at": date_format(newest.finished_at, "j M Y"), "days": HEALTH_IS_FRESH.days}
        )
    measured = (newest.result or {}).get("quantum_volume")
    if not measured or measured < order.min_quantum_volume:
        said = (
            _("%(wanted)s; %(volume)s was confirmed on %(day)s. Choose another device, or require less.")
            if measured
            else _(
                "%(wanted)s; %(volume)s was tried, not confirmed, on %(day)s. Choose another device, or require less."
            )
        )
        volume = measured or (newest.result or {}).get("tried")
        raise Conflict(said % {"wanted": wanted, "volume": volume, "day": date_format(newest.finished_at, "j M Y")})
    return newest


def _require_limits(order: Order, found: estimates.Estimate, spec: DeviceSpec) -> None:
    used = used_this_month(payer_of(order))
    if found.cost is None:
        raise ApplicationError(
            _("No price of %(spec)s is known, so no cost limit can be kept. Give the price per shot of your contract.")
            % {"spec": spec.name}
        )
    cost = Decimal(str(found.cost))
    if order.cost_limit is None:
        raise ApplicationError("A run on a cloud device needs a cost limit: say what it may cost at most.")
    if cost > order.cost_limit:
        raise ApplicationError(
            _(
                "Expected a cost of at most %(cost_limit)s, the estimate is %(cost)s %(currency)s. Take fewer "
                "patients or shots, or raise the limit of the order."
            )
            % {"cost_limit": order.cost_limit, "cost": f"{cost:.2f}", "currency": found.currency}
        )
    if used.shots + found.shots > used.shots_limit:
        raise Conflict(
            _(
                "%(shots)s shots are over the monthly limit: %(shots_2)s of %(shots_limit)s are used. Take "
                "fewer, wait for the next month, or have an administrator raise the limit."
            )
            % {"shots": f"{found.shots:,}", "shots_2": f"{used.shots:,}", "shots_limit": f"{used.shots_limit:,}"}
        )
    if used.cost + cost > used.cost_limit:
        raise Conflict(
            _(
                "A cost of %(cost)s is over the monthly limit: %(cost_2)s of %(cost_limit)s are used. Take "
                "less, wait for the next month, or have an administrator raise the limit."
            )
            % {"cost": f"{cost:.2f}", "cost_2": f"{used.cost:.2f}", "cost_limit": f"{used.cost_limit:.2f}"}
        )
