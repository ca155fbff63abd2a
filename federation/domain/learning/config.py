"""How a site trains in one round. Frozen into the run's hash before the run starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class DPConfig:
    """Patient-level differential privacy.

    Attributes
    ----------
    noise_multiplier : float, > 0
        Standard deviation of the noise on a summed gradient, in units of `max_grad_norm`. More is more private.
    max_grad_norm : float, > 0
        The L2 norm to which each patient's gradient is clipped.
    delta : float, in (0, 1)
        Probability with which the epsilon guarantee may fail; keep it well below 1 / patients.
    """

    noise_multiplier: float
    max_grad_norm: float
    delta: float

    def __post_init__(self) -> None:
        for name in ("noise_multiplier", "max_grad_norm"):
            _check_number(name, getattr(self, name), low=0.0, high=math.inf)
        _check_number("delta", self.delta, low=0.0, high=1.0)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> DPConfig:
        _check_keys(cls, raw)
        return cls(**raw)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class LocalConfig:
    """Local training.

    Attributes
    ----------
    epochs : int, 1 to 1000
        Passes over the site's patients in one round.
    batch_size : int, >= 1
        Patients (not slices) in a step; under differential privacy, the expected number.
    learning_rate : float, over 0 and under 1000
        Of Adam, whose moments start afresh each round.
    dp : DPConfig or None
        None trains without differential privacy: there is then no epsilon, not an epsilon of 0.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    dp: DPConfig | None = None

    def __post_init__(self) -> None:
        _check_integer("epochs", self.epochs, low=1, high=1000)
        _check_integer("batch_size", self.batch_size, low=1, high=1_000_000)
        _check_number("learning_rate", self.learning_rate, low=0.0, high=1000.0)
        if self.dp is not None and not isinstance(self.dp, DPConfig):
            raise ValueError(f"expected dp to be a DPConfig or None, got {self.dp!r}")

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> LocalConfig:
        """Read plain JSON as `as_dict` writes it; every key is required.

        Raises
        ------
        ValueError
            If a key is missing or unknown, or a value is out of range.
        """
        _check_keys(cls, raw)
        dp = raw["dp"]
        if dp is not None and not isinstance(dp, Mapping):
            raise ValueError(f"expected dp to be null or an object, got {dp!r}")
        return cls(**{**raw, "dp": None if dp is None else DPConfig.from_dict(dp)})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _check_keys(cls: type, raw: Mapping[str, Any]) -> None:
    expected, got = {field.name for field in fields(cls)}, set(raw)
    if expected != got:
        raise ValueError(
            f"expected the keys {sorted(expected)}; missing {sorted(expected - got)}, "
            f"unexpected {sorted(got - expected)}"
        )


def _check_number(name: str, value: Any, *, low: float, high: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low < value < high:
        raise ValueError(f"expected {name} to be a number over {low} and under {high}, got {value!r}")


def _check_integer(name: str, value: Any, *, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"expected {name} to be an integer from {low} to {high}, got {value!r}")
