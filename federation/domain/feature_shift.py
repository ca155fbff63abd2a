"""How unlike the sites' features are, from noised counts: each site against all the others together.

Noise and small numbers alone make two equal distributions look unlike, so beside each distance stands what they make
of equal ones: both sides are drawn from the pooled shares, noised, and compared, many times. A site is called shifted
where its distance is larger than that at a level of 5 % over all comparisons together (Bonferroni).

A distance of noised shares is biased upwards, most where there is none, and no bootstrap mends that. So the interval
inverts a test: between no difference and more than was seen, both sides are drawn and noised at many distances, and the
interval holds those at which what was seen is among the middle 95 %. Intensities of images are spread over bins within
a patient, which varies less than the drawing of patients that is simulated: there, interval and chance are wider than
they need be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.cells import MIN_CELL
from federation.domain.feature_summaries import UNITS

CONFIDENCE = 0.95
DRAWS, DRAWS_A_STEP = 4000, 500
STEPS = np.linspace(0, 2, 21)  # of the difference that was seen, from none to twice as much

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """One feature of one site against the rest.

    Attributes
    ----------
    distance : float
        Jensen-Shannon, 0 (alike) to 1 (nothing in common).
    low, high : float
        Its interval of 95 %.
    chance : float
        The largest that noise and numbers of patients alone would plausibly make of no difference.
    moved : float
        How far the mass would have to be moved (1-Wasserstein), as a share of the feature's range; the sign is that of
        the difference of the means: above 0 the site's values are higher.
    """

    feature: str
    site: str
    distance: float
    low: float
    high: float
    chance: float
    moved: float

    @property
    def shifted(self) -> bool:
        return self.distance > self.chance

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    tables: Mapping[str, NDArray[np.int64]], patients: Mapping[str, int], features: Sequence[str], *, noise_sd: float
) -> list[Shift]:
    """Each site against the rest, feature by feature.

    Parameters
    ----------
    tables : {site: array of shape (features, bins)}
        In units of `feature_summaries.UNITS` a patient, as released.
    patients : {site: number}
    noise_sd : float, >= 0
        Of a count, in patients; 0 for counts without noise.

    Returns
    -------
    list of Shift
        By feature, then by site; empty with fewer than two sites.
    """
    sites = sorted(tables)
    if len(sites) < 2:
        return []
    rng = np.random.default_rng(1)  # of the simulation: the same counts give the same figures
    tail = (1 - CONFIDENCE) / (len(features) * len(sites))
    out = []
    for place, feature in enumerate(features):
        counts = np.array([tables[site][place] for site in sites]) / UNITS
        for number, site in enumerate(sites):
            own, rest = counts[number], np.delete(counts, number, axis=0).sum(axis=0)
            n = patients[site], sum(patients[other] for other in sites if other != site)
            sd = noise_sd, noise_sd * np.sqrt(len(sites) - 1)
            pair = _merged(own, rest, least=max(MIN_CELL, 2 * noise_sd * np.sqrt(len(sites))))
            found = _bounds(rng, *pair, n, sd, tail)
            distance, low, high, chance = (round(float(x), 4) for x in found)
            out.append(Shift(feature, site, distance, low, high, chance, round(_moved(own, rest), 4)))
    return out


def _bounds(
    rng: np.random.Generator, own: Floats, rest: Floats, n: tuple[int, int], sd: tuple[float, float], tail: float
) -> tuple[float, float, float, float]:
    """Distance, interval and what chance makes."""
    seen, p, q = float(_distances(own, rest)), _shares(own), _shares(rest)
    pooled = _shares(np.clip(own, 0, None) + np.clip(rest, 0, None))
    true: list[float] = []
    bottom: list[float] = []
    top: list[float] = []
    for step in STEPS:
        pair = [_shares(pooled + step * (side - pooled)) for side in (p, q)]
        drawn = _distances(*(_redrawn(rng, side, m, s, DRAWS_A_STEP) for side, m, s in zip(pair, n, sd, strict=True)))
        true.append(float(_distances(*pair)))
        for found, share in ((bottom, (1 - CONFIDENCE) / 2), (top, (1 + CONFIDENCE) / 2)):
            found.append(float(np.quantile(drawn, share)))
    low, high = (float(np.interp(seen, np.maximum.accumulate(found), true)) for found in (top, bottom))
    chance = _distances(*(_redrawn(rng, pooled, m, s, DRAWS) for m, s in zip(n, sd, strict=True)))
    return seen, low, high, float(np.quantile(chance, 1 - max(tail, 1 / DRAWS)))


def _redrawn(rng: np.random.Generator, shares: Floats, n: int, sd: float, times: int) -> Floats:
    return rng.multinomial(n, shares, size=times) + sd * rng.standard_normal((times, len(shares)))


def _shares(counts: Floats) -> Floats:
    """Shares along the last axis; noise below 0 is cut off, and a row of nothing is even."""
    positive = np.clip(counts, 0, None)
    total = positive.sum(axis=-1, keepdims=True)
    return np.where(total > 0, positive / np.where(total > 0, total, 1), 1 / counts.shape[-1])


def _distances(own: Floats, rest: Floats) -> Floats:
    """Jensen-Shannon distance of each row of counts."""
    p, q = _shares(own), _shares(rest)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(p > 0, p * np.log2(p / middle), 0) + np.where(q > 0, q * np.log2(q / middle), 0)
    return np.sqrt(np.clip(parts.sum(axis=-1) / 2, 0, 1))


def _merged(own: Floats, rest: Floats, *, least: float) -> tuple[Floats, Floats]:
    """Neighbouring bins together until each has so many patients of all sites; what is left joins the last."""
    edges, waiting = [0], 0.0
    for place, count in enumerate(own + rest, start=1):
        waiting += count
        if waiting >= least:
            edges.append(place)
            waiting = 0.0
    starts = edges[:-1] or [0]
    return np.add.reduceat(own, starts), np.add.reduceat(rest, starts)


def _moved(own: Floats, rest: Floats) -> float:
    p, q = _shares(own), _shares(rest)
    work = float(np.abs(np.cumsum(p - q)).sum()) / len(p)
    return work if float((p - q) @ np.arange(len(p))) >= 0 else -work
