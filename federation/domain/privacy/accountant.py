"""The one accountant: what training has spent of each patient's privacy, over rounds, models and runs.

Neighbouring data sets differ by adding or removing one patient. A step takes each patient with the same probability
(Poisson sampling). The Renyi bound is what budgets are enforced on; it is never below the true value. The privacy loss
distribution is nearly exact, and only displayed.

Noise in a finite field is accounted as what it is. For noise that is symmetric about 0, sampling is amplified by the
binomial formula of [1]_ with the divergences of that noise in place of the Gaussian's: one direction is the expansion
itself, the other is never larger because x -> d - x swaps the two laws (theorem 5 of [1]_). Rounding to whole numbers
is in the sensitivity: a patient who moves a sum by at most `levels` moves the rounded one by at most levels + sqrt(n).

References
----------
.. [1] Mironov, Talwar, Zhang, "Renyi differential privacy of the sampled Gaussian mechanism", arXiv:1908.10530.
.. [2] Agarwal, Kairouz, Liu, "The Skellam mechanism", arXiv:2110.04995.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from federation.domain.privacy.discrete import skellam_divergence

# A wide set: with too few orders the bound is loose at high sampling rates. None under 2: there the series for
# fractional orders does not converge at such rates, and what it would gain shows only where epsilon is over 10.
RDP_ORDERS = [2 + x / 10 for x in range(100)] + list(range(12, 64)) + [64, 80, 96, 128, 192, 256, 512, 1024]
WHOLE_ORDERS = [*range(2, 65), 80, 96, 128, 192, 256, 512, 1024]
LARGEST_NOISE = 1e4


@dataclass(frozen=True)
class Spend:
    """Some DP-SGD steps on the same patients.

    Attributes
    ----------
    noise_multiplier : float, > 0
        Standard deviation of the noise on a sum, in units of the clipping norm.
    sample_rate : float, in (0, 1]
        Probability with which a step takes a patient.
    steps : int, >= 0
    levels : int, >= 0
        0: Gaussian noise. Otherwise Skellam noise on whole numbers, the clipping norm being so many of them.
    parameters : int, >= 0
        Coordinates of a sum; counts only with `levels`.
    """

    noise_multiplier: float
    sample_rate: float
    steps: int
    levels: int = 0
    parameters: int = 0

    def __post_init__(self) -> None:
        if not (self.noise_multiplier > 0 and 0 < self.sample_rate <= 1 and self.steps >= 0):
            raise ValueError(f"expected noise over 0, a sample rate in (0, 1] and steps of 0 or more, got {self}")
        if self.levels and (self.levels < 1 or self.parameters < 1):
            raise ValueError(f"expected levels and parameters of 1 or more for discrete noise, got {self}")

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Spend:
        return cls(**raw)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def spent_epsilon(noise_multiplier: float, sample_rate: float, steps: int, delta: float) -> float:
    """The epsilon that budgets are enforced on: the Renyi bound, which is never below the true value.

    Parameters
    ----------
    noise_multiplier : float, > 0
    sample_rate : float, in (0, 1]
    steps : int, >= 0
        Over all rounds so far; 0 steps have spent 0.
    delta : float, in (0, 1)

    Returns
    -------
    float, >= 0
        0: nothing can be learned about one patient. Each unit multiplies the odds an attacker may reach by e. Training
        without noise has no epsilon; the caller writes None.
    """
    return composed_epsilon([Spend(noise_multiplier, sample_rate, steps)], delta)


def composed_epsilon(spends: Iterable[Spend], delta: float) -> float:
    """Epsilon (Renyi bound) of several spends on the same patients, e.g. the rounds of several runs."""
    counted = _counted(spends, delta)
    return _renyi_epsilon(counted, delta) if counted else 0.0


@lru_cache(maxsize=1024)  # pages ask again and again for what has not changed
def _renyi_epsilon(counted: tuple[Spend, ...], delta: float) -> float:
    from dp_accounting.rdp import RdpAccountant, compute_epsilon

    if not any(spend.levels for spend in counted):
        return _compose(RdpAccountant(RDP_ORDERS), counted, delta)
    curve = np.sum([[spend.steps * sampled_divergence(spend, order) for order in WHOLE_ORDERS] for spend in counted], 0)
    return float(compute_epsilon(WHOLE_ORDERS, curve, delta)[0])


def epsilon_pld(spends: Iterable[Spend], delta: float) -> float:
    """Epsilon by privacy loss distributions: nearly exact, for display beside the bound that is enforced.

    Discrete noise is shown by the Gaussian of equal variance and sensitivity, from which it differs by less than the
    display's digits at the levels that are used; the enforced bound makes no such step.
    """
    counted = _counted(spends, delta)
    return _pld_epsilon(counted, delta) if counted else 0.0


@lru_cache(maxsize=1024)  # with little noise the distribution is wide, and takes seconds
def _pld_epsilon(counted: tuple[Spend, ...], delta: float) -> float:
    from dp_accounting.pld import PLDAccountant

    return _compose(PLDAccountant(), counted, delta)


def sampled_divergence(spend: Spend, order: int) -> float:
    """Renyi divergence, at a whole order of 2 or more, of one step of a spend between neighbouring data sets."""
    if spend.sample_rate == 1:
        return _divergence(spend, order)
    taken = np.arange(order + 1)
    logs = np.array([math.lgamma(order + 1) - math.lgamma(k + 1) - math.lgamma(order - k + 1) for k in taken])
    logs += taken * math.log(spend.sample_rate) + (order - taken) * math.log1p(-spend.sample_rate)
    logs += [0.0, 0.0, *((k - 1) * _divergence(spend, k) for k in range(2, order + 1))]
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).sum())) / (order - 1)


def _divergence(spend: Spend, order: int) -> float:
    """Without sampling."""
    if not spend.levels:
        return order / (2 * spend.noise_multiplier**2)
    l2 = spend.levels + math.sqrt(spend.parameters)
    # Of whole numbers the sum of sizes is at most the sum of squares.
    l1 = min(math.sqrt(spend.parameters) * l2, l2**2)
    return skellam_divergence(order, variance=(spend.noise_multiplier * spend.levels) ** 2, l2=l2, l1=l1)


def solve_noise(plan: Callable[[float], Sequence[Spend]], *, epsilon: float, delta: float) -> float:
    """The smallest noise multiplier, rounded up to three digits after the point, whose plan costs at most `epsilon`.

    Parameters
    ----------
    plan : callable
        Noise multiplier to what would be spent with it; more noise must not cost more.

    Raises
    ------
    ValueError
        If no multiplier up to 10,000 is enough.
    """
    if not epsilon > 0:
        raise ValueError(f"expected an epsilon over 0, got {epsilon}")
    low, high = 0.05, 1.0
    while composed_epsilon(plan(high), delta) > epsilon:
        low, high = high, 2 * high
        if high > LARGEST_NOISE:
            raise ValueError(f"expected an epsilon that noise can reach, got {epsilon}; plan fewer steps")
    while high - low > 5e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if composed_epsilon(plan(middle), delta) > epsilon else (low, middle)
    return math.ceil(high * 1000) / 1000


def _counted(spends: Iterable[Spend], delta: float) -> tuple[Spend, ...]:
    """The steps of each kind added up; without those that never happened."""
    if not 0 < delta < 1:
        raise ValueError(f"expected delta over 0 and under 1, got {delta}")
    steps: Counter[Spend] = Counter()
    for spend in spends:
        steps[replace(spend, steps=0)] += spend.steps
    return tuple(replace(kind, steps=count) for kind, count in steps.items() if count)


def _compose(accountant: Any, spends: Iterable[Spend], delta: float) -> float:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent

    for spend in spends:
        inflated = 1 + math.sqrt(spend.parameters) / spend.levels if spend.levels else 1.0
        event = PoissonSampledDpEvent(spend.sample_rate, GaussianDpEvent(spend.noise_multiplier / inflated))
        accountant.compose(SelfComposedDpEvent(event, spend.steps))
    return float(accountant.get_epsilon(delta))
