"""Whence the readout error comes that an order wants inverted: measured on the device, or declared with its noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from core.errors import ApplicationError, Conflict
from federation.domain.quantum.devices import find
from federation.domain.quantum.noise import Readout
from federation.models import QuantumJob
from federation.quantum_health import HEALTH_IS_FRESH

if TYPE_CHECKING:
    from federation.quantum_estimate import Order

MEASURED, DECLARED = "measured", "declared"


def mitigation_of(order: Order, qubits: int) -> dict[str, Any] | None:
    """The readout errors to invert, frozen with the order; the newest measurement before what is declared."""
    if not order.mitigate:
        return None
    if order.purpose != QuantumJob.Purpose.EVALUATION:
        raise ApplicationError(_("Readout mitigation is for an evaluation: a check measures the device as it is."))
    if find(order.device).subject(order.noise) == "noiseless simulator":
        raise ApplicationError(
            _(
                "%(device)s without a noise model reads every bit rightly: there is no readout error to mitigate. "
                "Choose a noise model or another device, or leave the mitigation out."
            )
            % {"device": order.device}
        )
    if not find(order.device).fixed_qubits:
        raise ApplicationError(
            _(
                "Readout mitigation is not offered on %(device)s: each circuit is laid out on qubits of its own there, "
                "which need not be those whose error was measured. Leave it out."
            )
            % {"device": order.device}
        )
    found = _measured(order, qubits) or _declared(order, qubits)
    if found is None:
        raise Conflict(
            _(
                "The readout error of %(qubits)s qubits on %(device)s is not known: none was measured in the last "
                "%(days)s days. Order that check first, or leave the mitigation out."
            )
            % {"qubits": qubits, "device": order.where, "days": HEALTH_IS_FRESH.days}
        )
    _require_invertible(found)
    return found


def require_one_machine(health: QuantumJob | None, mitigation: dict[str, Any] | None) -> None:
    """Quantum volume and readout must be of one machine, to which the site is then bound."""
    measured = (mitigation or {}).get("machine")
    if health and measured and health.machine != measured:
        raise Conflict(
            _(
                "The quantum volume was measured on %(volume)s, the readout error on %(readout)s: order one of the "
                "checks again."
            )
            % {"volume": health.machine, "readout": measured}
        )


def _measured(order: Order, qubits: int) -> dict[str, Any] | None:
    checks = QuantumJob.objects.health_of(order.device, QuantumJob.Purpose.READOUT, order.noise_digest)
    newest = checks.filter(qubits__gte=qubits, finished_at__gte=timezone.now() - HEALTH_IS_FRESH).first()
    if newest is None or newest.result is None:
        return None
    return {
        "source": MEASURED, "check": str(newest.id), "machine": newest.machine, "shots": newest.shots,
        "qubits": newest.result["qubits"][:qubits],
    }  # fmt: skip


def _declared(order: Order, qubits: int) -> dict[str, Any] | None:
    if order.noise is None or order.noise.readout == Readout():
        return None
    readout = order.noise.readout
    errors = {"false_one": readout.one_if_zero, "false_zero": readout.zero_if_one}
    return {"source": DECLARED, "check": "", "machine": "", "shots": 0, "qubits": [errors] * qubits}


def _require_invertible(found: dict[str, Any]) -> None:
    from federation.domain.quantum.device_mitigation import calibration_from
    from federation.domain.quantum.mitigation import MitigationError

    try:
        calibration_from(found).require_invertible()
    except MitigationError as error:
        raise Conflict(str(error)) from error
