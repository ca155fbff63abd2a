"""What an order of a device would take, counted from the order alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.errors import ApplicationError
from federation.domain.cells import whole_tens
from federation.domain.models.specs import runs_on_devices
from federation.domain.quantum import estimates
from federation.domain.quantum.circuits import gates_of
from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.devices import Price
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.spec import circuit_of
from federation.models import Participant, QuantumJob, TrainingRun
from federation.quantum_health import place

Purpose = QuantumJob.Purpose
CHECK_CIRCUITS = {Purpose.READOUT: 2, Purpose.VOLUME: 100}  # of health, which loads torch
# One random unitary on two qubits becomes so many gates.
PAIR_ONE_QUBIT_GATES, PAIR_TWO_QUBIT_GATES = 15, 3

DECLARED = ("price_per_shot", "price_per_second", "seconds_per_shot")
GIVEN = gettext_noop("given with the order")  # where a declared price comes from


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
        return place(self.device, self.noise)


def estimate(order: Order) -> estimates.Estimate:
    """Counted from the order alone; no device is asked and no framework loaded."""
    if order.purpose == Purpose.EVALUATION:
        if order.run is None or order.participant is None:
            raise ApplicationError("An evaluation needs a finished run and one of its sites.")
        spec = order.run.config["models"]["primary"]
        if not runs_on_devices(spec):
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


def in_words(told: estimates.Said) -> str:
    """What an estimate says, in the reader's language."""
    values = {name: in_words(one) if isinstance(one, estimates.Said) else one for name, one in told.values.items()}
    return _(told.message) % values


def recorded_in_words(recorded: Mapping[str, Any]) -> dict[str, str]:
    """The basis and warnings of an estimate as it was recorded, in English, each with the reader's words for it.

    They are made again from what was estimated. What is said otherwise by now stays as it was recorded, and is absent.
    """
    given = {name: Decimal(price) for name, price in recorded.get("declared", {}).items()}
    try:
        found = estimates.estimate(estimates.Job.from_dict(recorded["job"]), price=_price(given))
    except (DeviceError, KeyError, ValueError):
        return {}
    return {str(told): in_words(told) for told in (found.basis, *found.warnings)}


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
    return _price(given)


def _price(given: Mapping[str, Decimal]) -> Price | None:
    if not given:
        return None
    shot, second, length = (float(given.get(name, 0)) for name in DECLARED)
    return Price(source=GIVEN, per_shot=shot, per_second=second, seconds_per_shot=length, declared=True)


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
    told = {
        "patients": f"{order.patients:,}",
        "runs": f"{runs:,}",
        "shots": f"{order.shots:,}",
        "sum": in_words(found.text),
    }
    counted = _(
        "With one image a patient, %(patients)s patients x %(runs)s circuits an image x %(shots)s shots are %(sum)s"
    )
    return f"{wanted} {counted % told}"
