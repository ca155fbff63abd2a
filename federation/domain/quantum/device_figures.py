"""The figures of a run on a device, as they leave a site and are shown. Light: pages import this, workers too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from federation.domain.quantum import device_facts

_NORMAL = 1.959963984540054  # two-sided 95 %
VERDICTS = ("helps", "hurts", "undecided")


@dataclass(frozen=True)
class Share:
    """A share of patients with its Wilson interval at 95 %."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Mitigated:
    """The same measurement with its readout error inverted, and whether that was worth its shots.

    Attributes
    ----------
    device, changed : Share
        As in `Figures`.
    z_error : float
    z_spread, plain_z_spread : float
        Standard deviation that the finite shots give the expectation values, the calibration's included, and that of
        the values as measured.
    calibration_shots : int
        Of both circuits together; 0 where the error was declared.
    equal_shots : int
        Per circuit, if the calibration's shots are spread over the circuits: at these both are compared.
    plain_z_error : float
        What the plain error would be with so many shots.
    difference, lower, upper : float
        Plain minus mitigated squared error, and its 95 % interval over patients: above 0 mitigation helped.
    verdict : "helps", "hurts" or "undecided"
    """

    device: Share
    changed: Share
    z_error: float
    z_spread: float
    plain_z_spread: float
    calibration_shots: int
    equal_shots: int
    plain_z_error: float
    difference: float
    lower: float
    upper: float
    verdict: str

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Mitigated:
        found = cls(**{**raw, "device": Share(**raw["device"]), "changed": Share(**raw["changed"])})
        told = {name: value for name, value in vars(found).items() if name not in {"device", "changed", "verdict"}}
        numbers = [*told.values(), *vars(found.device).values(), *vars(found.changed).values()]
        counts = all(type(count) is int and count >= 0 for count in (found.calibration_shots, found.equal_shots))
        if found.verdict not in VERDICTS or not counts or not _finite(numbers):
            raise ValueError("expected finite figures of a mitigated run on a device")
        return found


@dataclass(frozen=True)
class Figures:
    """A classifier on a device, beside the exact simulation and its classical twin, on the same patients.

    Attributes
    ----------
    n : int
        Patients.
    device, simulator, twin : Share
        Accuracy of each.
    changed : Share
        Patients whom the device puts on the other side than the exact simulation does.
    z_error : float
        Root mean square difference of the expectation values from the exact ones.
    z_shot_noise : float
        What the finite number of shots alone would make of it; more is the device's own error.
    facts : mapping
        How it was made, as in `device_facts`; empty in results from before they were kept.
    mitigated : Mitigated or None
        If the order asked for it.
    """

    n: int
    shots: int
    device: Share
    simulator: Share
    twin: Share
    changed: Share
    z_error: float
    z_shot_noise: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    mitigated: Mitigated | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Figures:
        """Read what a site answered. Raises ValueError on anything that is not figures."""
        try:
            shares = {name: Share(**raw[name]) for name in ("device", "simulator", "twin", "changed")}
            mitigated = Mitigated.from_dict(raw["mitigated"]) if raw.get("mitigated") else None
            facts = device_facts.read(raw["facts"]) if raw.get("facts") else {}
            found = cls(**{**raw, **shares, "mitigated": mitigated, "facts": facts})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"expected the figures of a run on a device, got {str(raw)[:80]}") from error
        numbers = [found.z_error, found.z_shot_noise, *(v for s in shares.values() for v in vars(s).values())]
        counted = all(type(count) is int and count > 0 for count in (found.n, found.shots))
        if not counted or not _finite(numbers):
            raise ValueError("expected finite figures of a run on a device")
        return found


def _finite(numbers: Iterable[Any]) -> bool:
    return all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)


def share(count: int, n: int) -> Share:
    """`count` of `n` with Wilson's interval, which stays within 0 and 1."""
    p, z = count / n, _NORMAL
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Share(p, max(0.0, middle - half), min(1.0, middle + half))
