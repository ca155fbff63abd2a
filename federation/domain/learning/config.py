"""How a site trains in one round. Frozen into the run's hash before the run starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

SCHEDULES = ("constant", "cosine")
AUGMENTATIONS = ("none", "flips", "affine", "full")
LEAST_RATE = 0.01  # of the learning rate, at the end of a schedule


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
    schedule : "constant" or "cosine"
        The learning rate over the rounds of the run: as it is, or falling to nearly 0 along half a cosine.
    augment : "none", "flips", "affine" or "full"
        Changed copies of the images, see `augment.augmented`.
    hide : float, 0 to under 1
        Probability with which a sequence of an image is hidden, as if it had not been acquired.
    slices : int, >= 0
        Rows taken of an imaged patient in each pass, half of them with a lesion where there are so many; 0 takes all.

    misses : float, over 0 and under 1
        Weight of missed lesion pixels in the loss of a segmentation, see `loss.loss_per_row`.

    Augmentation, hiding, another weight and the choice of slices exclude differential privacy, whose accounting they
    are no part of.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    dp: DPConfig | None = None
    schedule: str = "constant"
    augment: str = "none"
    hide: float = 0.0
    slices: int = 0
    misses: float = 0.5

    def __post_init__(self) -> None:
        _check_integer("epochs", self.epochs, low=1, high=1000)
        _check_integer("batch_size", self.batch_size, low=1, high=1_000_000)
        _check_number("learning_rate", self.learning_rate, low=0.0, high=1000.0)
        if self.dp is not None and not isinstance(self.dp, DPConfig):
            raise ValueError(f"expected dp to be a DPConfig or None, got {self.dp!r}")
        _check_word("schedule", self.schedule, SCHEDULES)
        _check_word("augment", self.augment, AUGMENTATIONS)
        _check_integer("slices", self.slices, low=0, high=1_000_000)
        if isinstance(self.hide, bool) or not isinstance(self.hide, int | float) or not 0 <= self.hide < 1:
            raise ValueError(f"expected hide to be a number from 0 to under 1, got {self.hide!r}")
        _check_number("misses", self.misses, low=0.0, high=1.0)
        if self.dp is not None and (self.augment, self.hide, self.slices, self.misses) != ("none", 0, 0, 0.5):
            raise ValueError("expected no augmentation, hiding, slices or misses with differential privacy")

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> LocalConfig:
        """Read plain JSON as `as_dict` writes it. What format 1 did not know may be missing; all else is required.

        Raises
        ------
        ValueError
            If a key is missing or unknown, or a value is out of range.
        """
        raw = {**_NEW_IN_2, **raw}
        _check_keys(cls, raw)
        dp = raw["dp"]
        if dp is not None and not isinstance(dp, Mapping):
            raise ValueError(f"expected dp to be null or an object, got {dp!r}")
        return cls(**{**raw, "dp": None if dp is None else DPConfig.from_dict(dp)})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def as_format_1(self) -> dict[str, Any]:
        """As runs were frozen before there was anything but the first four keys.

        Raises
        ------
        ValueError
            If the configuration uses what format 1 did not know.
        """
        whole = self.as_dict()
        used = {name for name, plain in _NEW_IN_2.items() if whole.pop(name) != plain}
        if used:
            raise ValueError(f"expected no {', '.join(sorted(used))} in a run of format 1")
        return whole

    def noise_of(self, n_patients: int) -> float:
        """Standard deviation of the privacy noise on each number of the mean gradient of so many patients; 0 without.

        Few patients bear more noise. It says nothing about any patient.
        """
        if self.dp is None or n_patients == 0:
            return 0.0
        return self.dp.noise_multiplier * self.dp.max_grad_norm / min(self.batch_size, n_patients)

    def rate_at(self, share: float) -> float:
        """The learning rate when `share` of the run's rounds, from 0 to under 1, lie behind."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * max(LEAST_RATE, (1 + math.cos(math.pi * share)) / 2)


_ADDED = {"schedule", "augment", "hide", "slices", "misses"}
_NEW_IN_2 = {field.name: field.default for field in fields(LocalConfig) if field.name in _ADDED}


def _check_word(name: str, value: Any, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ValueError(f"expected {name} to be one of {', '.join(words)}, got {value!r}")


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
