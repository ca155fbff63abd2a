"""What an order of a device would take, and every reason to refuse it before the device hears of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Institution, User
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.spoken import inside
from core.tones import look_of
from federation.consents import left
from federation.domain.quantum import estimates
from federation.domain.quantum.devices import DEVICES, DeviceSpec, find
from federation.models import DeviceConsent, Participant, QuantumJob, QuantumLimit, Round, TrainingRun
from federation.quantum_estimate import Order
from federation.quantum_health import confirmed_volume
from federation.quantum_readout import mitigation_of, require_one_machine

Purpose, State = QuantumJob.Purpose, QuantumJob.State
DEFAULT_SHOTS_PER_MONTH, DEFAULT_COST_PER_MONTH = 1_000_000, Decimal("200.00")


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


def used_this_month(payer: Institution | None) -> Used:
    return used_by([payer])[0]


def used_by(payers: Iterable[Institution | None]) -> list[Used]:
    """What each has used this month (none: the platform), in two queries in all.

    Counted from the orders' estimates. Of one that ended without its result, what the provider may have taken.
    """
    ids = [payer.id if payer else None for payer in payers]
    theirs = Q(institution__in=[one for one in ids if one])
    if None in ids:
        theirs |= Q(institution__isnull=True)
    start = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    cloud = [spec.name for spec in DEVICES.values() if spec.needs_consent]
    taken = QuantumJob.objects.filter(id=OuterRef("id")).order_by().with_taken().values("taken")
    ordered = QuantumJob.objects.filter(theirs, device__in=cloud, created_at__gte=start).order_by()
    sums: dict[Any, Mapping[str, Any]] = {
        row["institution"]: dict(row)
        for row in ordered.annotate(taken=Subquery(taken)).values("institution").annotate(
            of_shots=Sum(F("taken") * F("shots")), of_cost=Sum(F("cost") * F("taken") / F("circuits"))
        )
    }  # fmt: skip
    newest = QuantumLimit.objects.filter(theirs).order_by("institution_id", "-created_at").distinct("institution_id")
    limits = {limit.institution_id: limit for limit in newest}
    return [_used(sums.get(one, {}), limits.get(one)) for one in ids]


def _used(sums: Mapping[str, Any], limit: QuantumLimit | None) -> Used:
    return Used(
        shots=sums.get("of_shots") or 0,
        cost=(sums.get("of_cost") or Decimal(0)).quantize(Decimal("0.0001")),
        shots_limit=limit.shots_per_month if limit else DEFAULT_SHOTS_PER_MONTH,
        cost_limit=limit.cost_per_month if limit else DEFAULT_COST_PER_MONTH,
    )


def orders_for_platform(actor: User) -> bool:
    """Whether the person orders at the platform's expense.

    Not `sees_all`, which an auditor of the platform has too, nor `may`, which a role at any hospital gives.
    """
    return actor.may_at("quantum.order", None)  # none: the platform


def orders_for(actor: User, payer: Institution | None) -> bool:
    """Whether the person orders at this expense: a hospital's administrators at its own, the platform's at any."""
    return orders_for_platform(actor) or (payer is not None and actor.may_at("quantum.order", payer.id))


def consent_of(run: TrainingRun, participant: Participant, device: str) -> DeviceConsent | None:
    """The site's latest answer."""
    return DeviceConsent.objects.filter(run=run, participant=participant, device=device).last()


def payer_of(order: Order) -> Institution | None:
    return order.participant.institution if order.participant else None


def admit(order: Order, found: estimates.Estimate, actor: User) -> Admitted:
    """Every reason to refuse, in the order in which a person can mend them."""
    spec = find(order.device)
    spec.require_noise(order.noise)
    # An evaluation runs at the site, which asks its own memory.
    elsewhere = {"free_bytes": sys.maxsize} if order.purpose == Purpose.EVALUATION else {}
    spec.require_qubits(found.job.n_qubits, shots=order.shots, **elsewhere)
    consent = None
    if order.purpose == Purpose.EVALUATION:
        assert order.run and order.participant  # noqa: S101, PT018 - `estimate` has refused it
        if not orders_for(actor, order.participant.institution):
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
        if not orders_for_platform(actor):
            raise Forbidden(_("A check of a cloud device is at the platform's expense: its administrators order it."))
        spec.require_installed()
        spec.require_credentials()  # of the platform; an evaluation's are the site's, whose worker checks them
    health = _health(order)
    mitigation = mitigation_of(order, found.job.n_qubits)
    require_one_machine(health, mitigation)
    if spec.needs_consent:
        _require_limits(order, found, spec, actor)
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
    return confirmed_volume(order.device, order.noise, order.min_quantum_volume, wanted=wanted)


def _price_of(found: estimates.Estimate, spec: DeviceSpec, actor: User) -> Decimal:
    """The cost by which limits can be kept. Who answers for the contract alone may say that it is below the list."""
    if found.cost is None:
        raise ApplicationError(
            _("No price of %(spec)s is known, so no cost limit can be kept. Give the price per shot of your contract.")
            % {"spec": spec.name}
        )
    if found.below_floor and not orders_for_platform(actor):
        raise ApplicationError(
            _(
                "Expected a price at which this takes %(floor)s %(currency)s at least, the provider's list price for "
                "the shortest time that it can take; with the price given it takes %(cost)s. Give the price of your "
                "contract; if that is lower, have an administrator of the platform place the order."
            )
            % {"floor": f"{found.floor:.2f}", "currency": found.currency, "cost": f"{found.cost:.4f}"}
        )
    return Decimal(str(found.cost))


def _require_limits(order: Order, found: estimates.Estimate, spec: DeviceSpec, actor: User) -> None:
    cost = _price_of(found, spec, actor)
    _require_order_limit(order, cost, found.currency)
    used = used_this_month(payer_of(order))
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


def _require_order_limit(order: Order, cost: Decimal, currency: str) -> None:
    if order.cost_limit is None:
        raise ApplicationError("A run on a cloud device needs a cost limit: say what it may cost at most.")
    if cost > order.cost_limit:
        raise ApplicationError(
            _(
                "Expected a cost of at most %(cost_limit)s, the estimate is %(cost)s %(currency)s. Take fewer "
                "patients or shots, or raise the limit of the order."
            )
            % {"cost_limit": order.cost_limit, "cost": f"{cost:.2f}", "currency": currency}
        )
