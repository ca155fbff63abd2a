"""The figures of a run on a device, as they leave a site and are shown. Light: pages import this, workers too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_NORMAL = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True)
class Share:
    """A share of patients with its Wilson interval at 95 %."""

    value: float
    lower: float
    upper: float


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
    """

    n: int
    shots: int
    device: Share
    simulator: Share
    twin: Share
    changed: Share
    z_error: float
    z_shot_noise: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Figures:
        """Read what a site answered. Raises ValueError on anything that is not figures."""
        try:
            shares = {name: Share(**raw[name]) for name in ("device", "simulator", "twin", "changed")}
            found = cls(**{**raw, **shares})
        except (TypeError, KeyError) as error:
            raise ValueError(f"expected the figures of a run on a device, got {str(raw)[:80]}") from error
        numbers = [found.z_error, found.z_shot_noise, *(v for s in shares.values() for v in vars(s).values())]
        counted = all(type(count) is int and count > 0 for count in (found.n, found.shots))
        if not counted or not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
            raise ValueError("expected finite figures of a run on a device")
        return found


def share(count: int, n: int) -> Share:
    """`count` of `n` with Wilson's interval, which stays within 0 and 1."""
    p, z = count / n, _NORMAL
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Share(p, max(0.0, middle - half), min(1.0, middle + half))
