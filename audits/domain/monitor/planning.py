"""How long a monitor takes to find a gap: what an approval must know before the first patient.

Under a true gap the logarithm of a bet's wealth grows by g = E[log(1 + bet (d - limit) / (1 + limit))] a pair. The
mixture over K bets halts about when its best bet has earned K times the limit, so after

    pairs = log(K * 2M / alpha) / g      (Wald, the best bet)

and patients = pairs / (pairs a patient) plus those who are served while the labels of the last pair are awaited. The
approximation is a mean, not a promise, and is held against simulation in `benchmarks/monitor`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from audits.domain.monitor.policy import CROSS, FED_BY_PREDICTIONS, MonitorPolicy, Stream

GAPS = (0.15, 0.2, 0.3)
EXPOSURE_GAP = 0.15  # whose expected detection bounds the exposure that is proposed: the smallest one foretold
LEAST_EXPOSURE = 1_000


@dataclass(frozen=True)
class Growth:
    """Expected pairs until the betting detector halts; infinite where no bet gains.

    Attributes
    ----------
    bet : float
        The bet that gets there first.
    rate : float
        Natural logarithm of its gain a pair.
    """

    pairs: float
    bet: float
    rate: float


@dataclass(frozen=True)
class CaseMix:
    """What is known of the patients to come.

    Attributes
    ----------
    prevalence : float in (0, 1)
        Share of patients who have the condition.
    shares : attribute to group to its share of the patients; intersections may be left out
    rates : metric to its mean over all groups
    delay_days : float
        From a prediction until its outcome is told.
    patients_per_day : float
    """

    prevalence: float
    shares: Mapping[str, Mapping[str, float]]
    rates: Mapping[str, float]
    delay_days: float = 0.0
    patients_per_day: float = 0.0

    def share_of(self, stream: Stream, group: str, policy: MonitorPolicy) -> float:
        """Of all patients; of an intersection the product of its parts' shares, as if they were independent."""
        parts = policy.crossed.get(stream.attribute)
        if not parts or stream.attribute in self.shares:
            return self.shares.get(stream.attribute, {}).get(group, 0.0)
        names = group.split(CROSS)
        return math.prod(self.shares.get(a, {}).get(name, 0.0) for a, name in zip(parts, names, strict=True))


@dataclass(frozen=True)
class Forecast:
    """When a gap would be found, in the stream that takes longest.

    Attributes
    ----------
    patients : int or None
        Expected number of predictions until the halt, those during the delay of labels included; None: not in any
        number that could be stated (a group that nobody is in, or a rate that cannot lie so far from the others).
    days : float or None
    """

    gap: float
    patients: int | None
    pairs: int | None
    days: float | None
    metric: str
    attribute: str
    first: str
    second: str

    def as_dict(self) -> dict:
        return asdict(self)


def expected_pairs(policy: MonitorPolicy, metric: str, first: float, second: float) -> Growth:
    """Expected pairs of a stream until the betting detector halts.

    Parameters
    ----------
    first, second : float in [0, 1]
        The true rates of the groups, values of 0 or 1 for each case. (Values between, such as Dice, vary less and are
        found sooner.)
    """
    high, low = max(first, second), min(first, second)
    plus, minus = high * (1 - low), low * (1 - high)
    limit = policy.limit_of(metric)
    need = math.log(len(policy.bets) * policy.betting_limit)
    best = Growth(math.inf, 0.0, 0.0)
    for bet in policy.bets:
        base, slope = 1.0 - bet * limit / (1.0 + limit), bet / (1.0 + limit)
        rate = plus * math.log(base + slope) + minus * math.log(base - slope) + (1 - plus - minus) * math.log(base)
        if rate > 0 and need / rate < best.pairs:
            best = Growth(need / rate, bet, rate)
    return best


def pairs_per_case(first: float, second: float) -> float:
    """Pairs that a case of the stratum gives: the smaller group decides, the larger one's queue is never empty."""
    return min(first, second)


def forecast(policy: MonitorPolicy, mix: CaseMix, gaps: tuple[float, ...] = GAPS) -> list[Forecast]:
    """For each gap the stream that would take longest to show it, among those that halt."""
    streams = [stream for stream in policy.streams if stream.metric not in policy.advisory]
    return [max((_of(policy, mix, stream, gap) for stream in streams), key=_length) for gap in gaps] if streams else []


def exposure(forecasts: list[Forecast], *, most: int) -> int:
    """The number of predictions to grant: until a gap of `EXPOSURE_GAP` would be found everywhere, and never more than
    `most`. What cannot be found at all does not loosen it.
    """
    found = next((f for f in forecasts if f.gap == EXPOSURE_GAP), None)
    if found is None or found.patients is None:
        return most
    return max(1, min(most, found.patients))


def _length(found: Forecast) -> float:
    return math.inf if found.patients is None else found.patients


def _of(policy: MonitorPolicy, mix: CaseMix, stream: Stream, gap: float) -> Forecast:
    first, second = (mix.share_of(stream, group, policy) for group in (stream.first, stream.second))
    rate = min(1.0, max(0.0, mix.rates.get(stream.metric, 0.5)))
    low, high = (rate - gap, rate) if rate - gap >= 0 else (rate, rate + gap)
    growth = expected_pairs(policy, stream.metric, low, min(1.0, high))
    relevant = {"tpr": mix.prevalence, "fpr": 1 - mix.prevalence}.get(stream.metric, 1.0)
    per_patient = pairs_per_case(first, second) * relevant
    names = (stream.metric, stream.attribute, stream.first, stream.second)
    if per_patient <= 0 or not math.isfinite(growth.pairs):
        return Forecast(gap, None, None, None, *names)
    waited = 0.0 if stream.metric in FED_BY_PREDICTIONS else mix.delay_days * mix.patients_per_day
    patients = growth.pairs / per_patient + waited
    days = patients / mix.patients_per_day if mix.patients_per_day else None
    return Forecast(gap, math.ceil(patients), math.ceil(growth.pairs), days, *names)
