"""The `privacy` part of a run's frozen configuration: where the noise is made, how much, and what it is to cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from federation.domain.learning.config import DPConfig
from federation.domain.privacy.accountant import Spend, solve_noise

NONE, PER_SITE, DISTRIBUTED = "none", "per_site", "distributed"
REGIMES = (NONE, PER_SITE, DISTRIBUTED)
MODELS_A_RUN = 2  # both learn from the same patients, so both are paid for
LEVELS = 2**16


@dataclass(frozen=True)
class PrivacyConfig:
    """The regime of differential privacy.

    Attributes
    ----------
    regime : "none", "per_site" or "distributed"
        per_site: each site adds all the noise itself, in each step of its local training. distributed: a round is one
        step; each site adds a share of the noise to its sum, and only the sum of all sites is revealed (`distributed`).
    epsilon, delta : float or None
        What the run may cost each patient over both models; None exactly without differential privacy.
    clip : float or None
        The L2 norm to which each patient's gradient is clipped.
    noise_multiplier : float or None
        Standard deviation of the noise that is accounted, in units of `clip`.
    sample_rate : float or None
        distributed: probability with which a round takes a patient, the same at all sites.
    quorum : int or None
        distributed: the fewest sites whose sum may be revealed.
    colluding : int
        distributed: so many of them may tell each other their shares; under `quorum`.
    levels : int or None
        distributed: whole numbers that `clip` is divided into.
    parameters : int or None
        distributed: coordinates of the larger of the two models' updates.
    """

    regime: str
    epsilon: float | None = None
    delta: float | None = None
    clip: float | None = None
    noise_multiplier: float | None = None
    sample_rate: float | None = None
    quorum: int | None = None
    colluding: int = 0
    levels: int | None = None
    parameters: int | None = None

    def __post_init__(self) -> None:
        if self.regime not in REGIMES:
            raise ValueError(f"expected a privacy regime among {', '.join(REGIMES)}, got {self.regime!r}")
        amounts = ("epsilon", "delta", "clip", "noise_multiplier")
        shares = ("sample_rate", "quorum", "levels", "parameters")
        _only_with(self.regime != NONE, amounts, self, f"the regime {self.regime}")
        _only_with(self.regime == DISTRIBUTED, shares, self, f"the regime {self.regime}")
        if self.regime != NONE:
            for name in amounts:
                _number(name, getattr(self, name), high=1.0 if name == "delta" else math.inf)
        if self.regime == DISTRIBUTED:
            _number("sample_rate", self.sample_rate, high=1.0, inclusive=True)
            for name, low in (("quorum", 2), ("levels", 2), ("parameters", 1), ("colluding", 0)):
                _whole(name, getattr(self, name), low)
            if self.quorum is not None and self.colluding >= self.quorum:
                raise ValueError(f"expected fewer colluding sites than the quorum {self.quorum}, got {self.colluding}")
        elif self.colluding:
            raise ValueError(f"expected no colluding sites in the regime {self.regime}, got {self.colluding}")

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> PrivacyConfig:
        """Read what `as_dict` wrote. Raises ValueError on a missing or unknown key or a value out of range."""
        expected = {field.name for field in fields(cls)}
        if set(raw) != expected:
            raise ValueError(
                f"expected the keys {sorted(expected)} of privacy; missing {sorted(expected - set(raw))}, "
                f"unexpected {sorted(set(raw) - expected)}"
            )
        return cls(**raw)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def dp(self) -> DPConfig | None:
        """The mechanism, as local training takes it: a site that knows no regimes adds all the noise."""
        if self.noise_multiplier is None or self.clip is None or self.delta is None:
            return None
        return DPConfig(self.noise_multiplier, self.clip, self.delta)

    def require_agreement(self, *, dp: DPConfig | None, epsilon_budget: float | None) -> None:
        """Refuse a configuration that says one thing here and another where local training reads it."""
        if (self.dp, self.epsilon) != (dp, epsilon_budget):
            raise ValueError(
                f"expected the privacy part to agree with local training and its budget: {self.dp} and {self.epsilon}, "
                f"got {dp} and {epsilon_budget}"
            )


@dataclass(frozen=True)
class Plan:
    """What a site will be asked to do in a run, as far as it matters for privacy."""

    rounds: int
    epochs: int
    batch_size: int
    n_train: int  # patients whom the site trains on

    def spends(self, privacy: PrivacyConfig, *, rounds: int | None = None) -> list[Spend]:
        """What so many rounds (all, if not said) would spend at the site, over both models; the regime is not none."""
        planned = self.rounds if rounds is None else rounds
        noise = privacy.noise_multiplier
        if noise is None:
            raise ValueError("expected differential privacy: without it there is nothing to count")
        if self.n_train == 0 or planned == 0:
            return []
        if privacy.regime == DISTRIBUTED:
            return [
                Spend(
                    noise, privacy.sample_rate or 1.0, MODELS_A_RUN * planned,
                    privacy.levels or 0, privacy.parameters or 0,
                )
            ]  # fmt: skip
        steps = self.epochs * math.ceil(self.n_train / self.batch_size)
        return [Spend(noise, min(1.0, self.batch_size / self.n_train), MODELS_A_RUN * planned * steps)]


def with_noise_for(privacy: PrivacyConfig, plans: Mapping[str, Plan]) -> PrivacyConfig:
    """The same regime with the least noise that keeps every site's whole run within `epsilon`.

    Parameters
    ----------
    plans : site to its plan, at least one with patients

    Raises
    ------
    ValueError
        If no noise is enough, or there is nothing to train.
    """
    if privacy.epsilon is None or privacy.delta is None or not any(plan.n_train for plan in plans.values()):
        raise ValueError("expected differential privacy and a site with patients to train on")
    costliest = [
        solve_noise(
            lambda noise, plan=plan: plan.spends(replace(privacy, noise_multiplier=noise)),  # type: ignore[misc]
            epsilon=privacy.epsilon, delta=privacy.delta,
        )
        for plan in plans.values() if plan.n_train
    ]  # fmt: skip
    return replace(privacy, noise_multiplier=max(costliest))


def _only_with(wanted: bool, names: tuple[str, ...], config: PrivacyConfig, what: str) -> None:
    wrong = [name for name in names if (getattr(config, name) is None) == wanted]
    if wrong:
        raise ValueError(f"expected {'a' if wanted else 'no'} {', '.join(wrong)} with {what}")


def _number(name: str, value: Any, *, high: float, inclusive: bool = False) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not (0 < value < high or (inclusive and value == high)):
        raise ValueError(f"expected {name} over 0 and {'at most' if inclusive else 'under'} {high}, got {value!r}")


def _whole(name: str, value: Any, low: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"expected {name} to be a whole number of {low} or more, got {value!r}")
