"""What a run on a device would take, said before anything is run: circuits, shots and cost.

A gradient on a device is not free: the parameter-shift rule [1]_ runs two more circuits for each angle (four for a
controlled rotation), for every input. That is why training on hardware is for a handful of patients, and why a circuit
at every position of an image is not for hardware at all.

What is said here to people is `Said`: a message and its values, which pages say in their language.

References
----------
.. [1] Wierichs et al., "General parameter-shift rules for quantum gradients", Quantum 6, 677 (2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from federation.domain.quantum.devices import DeviceSpec, Price, find

MANY_CIRCUITS = 1000  # above this, on a cloud device, the estimate warns that the work suits a simulator

# What a shot costs at least where time is billed and no price is published by the shot: a declared price below it would
# make every limit of cost void. IBM: USD 1.60 a second, pay as you go (IBM Cloud Docs, "Qiskit Runtime plans",
# 2022-10-04; the same in API Evangelist's copy of ibm.com/quantum/pricing of 2026-05-25), times the wait between two
# shots, 250 microseconds on most machines (quantum.cloud.ibm.com/docs/guides/estimate-job-run-time, a copy read on
# 2026-11-29), which our client leaves at the machine's default. The circuit itself and about 2 s a job come on top. A
# premium contract, or a machine that waits less, is cheaper: who answers for the contract may go below
# (`quantum_admission`).
FLOORS: Mapping[str, Price] = {
    "ibm": Price("IBM's list price, pay as you go", per_second=1.6, seconds_per_shot=0.00025)
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """Words for people: a message with ``%(name)s`` for each value, of which some are words themselves."""

    message: str
    values: Mapping[str, str | Said] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message % {name: str(value) for name, value in self.values.items()}


def said(message: str, **values: str | Said) -> Said:
    """Words for people. Called by this name, its message is found for translation (`qflethics.translations`)."""
    return Said(message, values)


@dataclass(frozen=True)
class Job:
    """Work for one device. It can be frozen in JSON (`as_dict`) and read back (`from_dict`).

    Attributes
    ----------
    device : str
        Name in the registry.
    n_qubits : int
    evaluations : int
        Forward passes: one input, one set of weights. An image with a circuit at each of 8 x 8 positions counts 64.
    shots : int or None
        Per circuit; None for exact expectation values.
    gradients : int
        Evaluations of which the gradient is taken too.
    shift_circuits : int
        Circuits that the parameter-shift gradient of one evaluation takes.
    bases : int
        Circuits per evaluation, because observables that do not commute are measured apart.
    folds : tuple of float, each >= 1
        Scale factors of zero-noise extrapolation: each is a circuit of its own, that many times as long.
    calibrations : int
        Circuits that calibrate the readout.
    one_qubit_gates, two_qubit_gates : int
        Of one circuit as the device runs it.
    """

    device: str
    n_qubits: int
    evaluations: int
    shots: int | None
    gradients: int = 0
    shift_circuits: int = 0
    bases: int = 1
    folds: tuple[float, ...] = (1.0,)
    calibrations: int = 0
    one_qubit_gates: int = 0
    two_qubit_gates: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.device, str):
            raise ValueError(f"expected the name of a device, got {self.device!r}")
        object.__setattr__(self, "folds", tuple(self.folds))
        counts = {k: v for k, v in vars(self).items() if k not in {"device", "shots", "folds"}}
        for name, value in counts.items():
            least = 1 if name in {"n_qubits", "evaluations", "bases"} else 0
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"expected {name} to be a whole number of at least {least}, got {value!r}")
        if self.shots is not None and (not isinstance(self.shots, int) or isinstance(self.shots, bool)):
            raise ValueError(f"expected shots to be a whole number or none, got {self.shots!r}")
        if self.gradients > self.evaluations:
            raise ValueError(f"expected at most {self.evaluations} gradients, got {self.gradients}")
        if not self.folds or not all(math.isfinite(fold) and fold >= 1 for fold in self.folds):
            raise ValueError(f"expected scale factors of at least 1, got {self.folds}")

    @property
    def runs(self) -> int:
        """Circuits at each scale factor."""
        return (self.evaluations + self.gradients * self.shift_circuits) * self.bases

    @property
    def circuits(self) -> int:
        return self.runs * len(self.folds) + self.calibrations

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "folds": list(self.folds)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Job:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        try:
            return cls(**{**raw, "folds": tuple(raw["folds"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"expected the fields of a job on a device, got {sorted(raw)}") from error


@dataclass(frozen=True)
class Estimate:
    """What a job would take.

    Attributes
    ----------
    circuits, shots : int
        In all; `shots` is 0 where the device answers exactly.
    submissions : int
        How many jobs the provider will see; 0 on a local device.
    cost : float or None
        0 on a local device. None where no price is known: declare one.
    currency : str
    basis : Said
        Where the price comes from, and whether the cost is only a lower bound.
    warnings : tuple of Said
    floor : float or None
        Cost at the provider's list price, where that is all that is known and a price was declared.
    """

    job: Job
    circuits: int
    shots: int
    submissions: int
    cost: float | None
    currency: str
    basis: Said
    warnings: tuple[Said, ...] = ()
    floor: float | None = None

    @property
    def below_floor(self) -> bool:
        """Whether the declared price makes less of it than the provider's list price does at least."""
        return _is_below(self.cost, self.floor)

    @property
    def text(self) -> Said:
        """One sentence for people."""
        shots = said("%(n)s shots", n=f"{self.shots:,}") if self.shots else said("exact expectation values")
        if self.cost is None:
            cost = said("cost unknown")
        else:
            cost = Said(f"{self.cost:,.2f} {self.currency}") if self.cost else said("no charge")
        return said(
            "%(circuits)s circuits on %(device)s, %(shots)s, %(cost)s (%(basis)s).", circuits=f"{self.circuits:,}",
            device=self.job.device, shots=shots, cost=cost, basis=self.basis,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """For the record and the API: in English."""
        told = {"basis": str(self.basis), "warnings": [str(words) for words in self.warnings]}
        return {**vars(self), "job": self.job.as_dict(), **told}


def estimate(job: Job, *, price: Price | None = None) -> Estimate:
    """What a job would take. Nothing is imported or contacted.

    Parameters
    ----------
    price : Price, optional
        One that the user declared. Where the registry has a published one too, the dearer of the two counts.

    Raises
    ------
    UnknownDevice, ShotsRefused, TooManyQubits
    """
    spec = find(job.device)
    spec.require_shots(job.shots)
    if spec.state is None:
        spec.require_qubits(job.n_qubits)
    declared = price
    price, cost, basis = _dearest(job, spec, declared)
    known = FLOORS.get(spec.name) if declared and spec.price is None else None
    floor = _cost(job, spec, known)[0] if known else None
    return Estimate(
        job=job,
        circuits=job.circuits,
        shots=job.circuits * (job.shots or 0),
        submissions=math.ceil(job.circuits / (spec.max_circuits_per_job or job.circuits)) if spec.needs_consent else 0,
        cost=cost,
        currency=price.currency if price else "",
        basis=basis,
        warnings=_warnings(job, spec, cost, floor),
        floor=floor,
    )


def _is_below(cost: float | None, floor: float | None) -> bool:
    return cost is not None and floor is not None and cost < floor and not math.isclose(cost, floor)


def _dearest(job: Job, spec: DeviceSpec, declared: Price | None) -> tuple[Price | None, float | None, Said]:
    """A declared price fills a gap, or raises a published one; it never lowers it, so that limits of cost hold."""
    price = declared or spec.price
    cost, basis = _cost(job, spec, price)
    if declared and spec.price:
        published, published_basis = _cost(job, spec, spec.price)
        if published is not None and cost is not None and published > cost:
            lower = said("%(basis)s; the declared price is lower and does not count", basis=published_basis)
            return spec.price, published, lower
    return price, cost, basis


def _cost(job: Job, spec: DeviceSpec, price: Price | None) -> tuple[float | None, Said]:
    if not spec.needs_consent:
        return 0.0, said("runs on this machine")
    if price is None:
        return None, said("no price is known; declare what your contract says")
    shots = job.shots or 0
    gates = job.one_qubit_gates, job.two_qubit_gates
    each = [price.of_circuit(shots, fold * gates[0], fold * gates[1]) for fold in job.folds]
    cost = job.runs * sum(each) + job.calibrations * price.of_circuit(shots, job.n_qubits, 0)
    source = Said(price.source.replace("%", "%%"))
    basis = said("declared: %(source)s", source=source) if price.declared else said(
        "published: %(source)s", source=source
    )  # fmt: skip
    if price.is_lower_bound:
        basis = said("%(basis)s; a lower bound, time before the first shot not counted", basis=basis)
    return cost, basis


def _warnings(job: Job, spec: DeviceSpec, cost: float | None, floor: float | None) -> tuple[Said, ...]:
    found = []
    if spec.needs_consent:
        found.append(said("Encoded features leave the house: the site must consent to exactly this device."))
        if job.circuits > MANY_CIRCUITS:
            found.append(
                said(
                    "%(circuits)s circuits are too many for most machines' queues. Hardware is for a classifier of "
                    "tabular records; a circuit at every position of an image belongs on a simulator.",
                    circuits=f"{job.circuits:,}",
                )
            )
        if cost is None:
            found.append(said("No cost limit can be kept without a price."))
        if _is_below(cost, floor):
            found.append(
                said(
                    "The declared price is below the provider's list price, at which this takes %(floor)s USD at "
                    "least. The limits of cost hold only if the contract says so.",
                    floor=f"{floor:,.2f}",
                )
            )
    if job.gradients:
        found.append(
            said(
                "The gradient takes %(shifts)s circuits of the %(all)s for each record (parameter-shift rule).",
                shifts=f"{job.shift_circuits:,}", all=f"{job.shift_circuits + 1:,}",
            )
        )  # fmt: skip
    return tuple(found)
