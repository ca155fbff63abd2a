"""What a run's model would score without each site: rebuilt from the updates that were sent, scored by the sites.

Training again without a site costs a run for each of them. Instead the changes of each round are averaged without it
and added up from the run's start [1]_: the other sites' changes stay those that they sent, though without it they would
have started from other weights. Averages are weighted by records whatever rule the run used; both sides are rebuilt in
the same way, so the difference is of the leaving out alone.

References
----------
.. [1] Song, Tong, Wei, "Profit allocation for federated learning", IEEE Big Data 2019 (one-round reconstruction).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.feature_summaries import UNITS, Counts
from federation.domain.intervals import t_quantile
from federation.domain.learning.states import State
from federation.domain.strategies.base import Update, checked

EVERYBODY = "all"  # the model with every site; no site's code has capitals or spaces, and none is called so
CONFIDENCE = 0.95
UPPER = 1.645  # standard deviations to a bound that noise passes in 5 % of draws


class Rebuilt:
    """The models of a run with every site, and without each of `sites`."""

    def __init__(self, start: State, sites: Sequence[str]) -> None:
        if EVERYBODY in sites:
            raise ValueError(f"expected no site called {EVERYBODY!r}")
        first = {name: value.astype(np.float64) for name, value in start.items()}
        self._sums = {name: dict(first) for name in (EVERYBODY, *sites)}

    def add(self, start: State, updates: Sequence[Update]) -> None:
        """One round. A site that was alone in it, or whose leaving out leaves nobody, changes nothing there."""
        ordered = checked(updates)
        for left_out, total in self._sums.items():
            kept = [update for update in ordered if update.key != left_out]
            weight = sum(update.weight for update in kept)
            if not weight:
                continue
            for name, value in start.items():
                mean = sum(u.weight / weight * u.state[name].astype(np.float64) for u in kept)
                total[name] = total[name] + mean - value

    def states(self) -> dict[str, State]:
        return {
            left_out: {name: value.astype(np.float32) for name, value in total.items()}
            for left_out, total in self._sums.items()
        }


def differences(scores: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    """What each site gained the patients here: their number, the sum and the sum of squares.

    Parameters
    ----------
    scores : {left out, or `EVERYBODY`: one number a patient, NaN where undefined}
    """
    out = {}
    for left_out, values in scores.items():
        if left_out != EVERYBODY:
            gained = scores[EVERYBODY] - values
            gained = gained[~np.isnan(gained)]
            out[left_out] = [len(gained), float(gained.sum()), float((gained**2).sum())]
    return out


def measures(sites: Iterable[str]) -> tuple[str, ...]:
    """What is told with noise of each site that was left out, as names of a `feature_summaries.Question`.

    A patient moves each by at most one: a metric is between 0 and 1, so the gain and its square are at most 1 in size.
    """
    return tuple(f"{site}: {what}" for site in sorted(sites) for what in ("gain", "square"))


def in_units(scores: Mapping[str, NDArray[np.float64]], names: Sequence[str]) -> Counts:
    """The sums of `measures` in whole units a patient, without noise: they must not leave the site.

    Every patient counts, since their number is taken as known; one whose score is undefined gained nothing.

    Raises
    ------
    ValueError
        If the names are not those of the sites that were left out, or a score is no share.
    """
    sites = [site for site in scores if site != EVERYBODY]
    if tuple(names) != measures(sites):
        raise ValueError(f"expected {list(measures(sites))} to be asked for, got {list(names)}")
    table = []
    for site in sorted(sites):
        gained = np.nan_to_num(scores[EVERYBODY] - scores[site])
        if np.abs(gained).max(initial=0) > 1:
            raise ValueError("expected scores between 0 and 1")
        table += [np.rint(gained * UNITS).sum(), np.rint(gained**2 * UNITS).sum()]
    return np.array(table, dtype=np.int64)


def from_units(counts: Sequence[int], names: Sequence[str], n: int) -> dict[str, list[float]]:
    """Noised sums as `differences` has exact ones; `n`: how many patients the site scored."""
    sums = [count / UNITS for count in counts]
    sites = [name.removesuffix(": gain") for name in names[::2]]
    return {site: [n, *sums[2 * place : 2 * place + 2]] for place, site in enumerate(sites)}


@dataclass(frozen=True)
class Gain:
    """What one site's taking part gained the model.

    Attributes
    ----------
    site : str
    n : int
        Held-out patients of the other sites.
    gain, low, high : float or None
        Mean gain of the metric for them, and its interval of 95 % over patients (paired, stratified by site).
    own_n, own : as n and gain, for the site's own held-out patients
    """

    site: str
    n: int
    gain: float | None
    low: float | None
    high: float | None
    own_n: int
    own: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def gains(
    told: Mapping[str, Mapping[str, Sequence[float]]],
    left_out: Iterable[str],
    *,
    min_cell: int,
    noise_sd: float = 0.0,
) -> list[Gain]:
    """What the sites' sums (see `differences`) say; of fewer than `min_cell` patients nothing is shown.

    `noise_sd` is that of the noise on each sum. It widens the interval, and the sums of squares are then taken at
    their upper bound, so that noise which happens to make them small does not make the interval narrow.
    """
    out = []
    for site in sorted(left_out):
        others = [sums[site] for scorer, sums in sorted(told.items()) if scorer != site and site in sums]
        strata = [(int(n), total, squares) for n, total, squares in others if n >= max(2, min_cell)]
        n = sum(one[0] for one in strata)
        own_n, own_total, _ = told.get(site, {}).get(site, (0, 0.0, 0.0))
        own = own_total / own_n if own_n >= min_cell else None
        mean = low = high = None
        if n > len(strata) > 0:
            mean = sum(one[1] for one in strata) / n
            # The squared error of the sum is the sum over strata of n times the sample variance, and the noise.
            spread = sum(k * max(0.0, min(k, sq + UPPER * noise_sd) - t * t / k) / (k - 1) for k, t, sq in strata)
            error = math.sqrt(spread + len(strata) * noise_sd**2) / n
            reach = t_quantile(CONFIDENCE, n - len(strata)) * error
            low, high = mean - reach, mean + reach
        out.append(Gain(site, n, mean, low, high, int(own_n) if own is not None else 0, own))
    return out
