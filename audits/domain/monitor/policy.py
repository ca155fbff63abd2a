"""What the live monitor watches and when it halts: fixed, and approved, before the first patient.

Declaring the streams in advance is what makes the promise hold: the evidence a stream needs to halt grows with the
number of streams watched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

from audits.domain.monitor.calibration import SCALE

# Within what the cases of a metric are paired: the label, unless said otherwise here. The selection rate is known at
# prediction time and has no label to be conditioned on.
WITHIN = {"selection_rate": "", "calibration": "score"}
LABEL, SCORE = "label", "score"
FED_BY_PREDICTIONS = frozenset({"selection_rate"})
SCALES = {"calibration": SCALE}  # a gap in the metric's own unit times this is a gap of the values that are folded
CROSS = " × "  # "age_band × sex" is the attribute of their intersections, "60+ × female" one of its groups
MOST_STREAMS = 1000
BETTING, E_SR = "betting", "e_sr"
DETECTORS = (BETTING, E_SR)


class PolicyError(ValueError):
    """A monitor policy that cannot work."""


class Stream(NamedTuple):
    """One metric compared between two groups of one attribute."""

    metric: str
    attribute: str
    first: str
    second: str


class Target(NamedTuple):
    """One place where an event's value goes: the stream, the side of it, and within what cases are paired."""

    metric: str
    stream: int
    side: int  # 0: the event's group is `first`; 1: it is `second`
    within: str  # LABEL, SCORE, or "": all cases


@dataclass(frozen=True)
class MonitorPolicy:
    """The monitor's settings.

    Attributes
    ----------
    metrics : tuple of str
        Metrics watched, each in [0, 1] per event.
    groups : mapping of str to tuple of str
        The groups of each attribute to be compared, every pair of them. Other groups, ``unknown`` too, are ignored.
        An attribute named "a × b" (`CROSS`) has the intersections of a and b for groups, "x × y"; events need not
        carry it.
    threshold : float in (0, 1)
        The largest tolerated gap, in the metric's own unit (of calibration: of mean residuals).
    alpha : float in (0, 1)
        Probability of the betting detector ever halting a model whose gaps never exceed the threshold, however long it
        runs.
    arl : float, >= 1
        Average number of pairs, in the busiest stream, until the e-SR detector halts such a model. A mean, not a
        probability: it does halt a fair model some day. In return it finds harm that begins late.
    bets : tuple of float, each in (0, 1)
        Shares of the wealth staked. Many bets, averaged: no single one has to be right.
    detectors : which of "betting" and "e_sr" may halt
    min_pairs : int
        Pairs before the amber warnings speak. Halting needs no minimum.
    window : int
        Pairs in the moving window (amber only).
    queue : int
        Cases of one group that may wait for a partner, per stream and stratum.
    advisory : tuple of str
        Metrics whose streams warn where others halt: their gaps may have a lawful cause, such as prevalence.
    excluded : tuple of str
        Origins of outcomes that bet nothing, because their cases are no random sample ("appeal").
    """

    metrics: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    threshold: float = 0.1
    alpha: float = 0.05
    arl: float = 10_000.0
    bets: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
    detectors: tuple[str, ...] = DETECTORS
    min_pairs: int = 100
    window: int = 100
    queue: int = 64
    advisory: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse settings under which the promises above would not hold."""
        checks = (
            (0 < self.threshold < 1, f"expected threshold in (0, 1), got {self.threshold}"),
            (0 < self.alpha < 1, f"expected alpha in (0, 1), got {self.alpha}"),
            (self.arl >= 1, f"expected arl >= 1 pairs, got {self.arl}"),
            (bool(self.bets) and all(0 < bet < 1 for bet in self.bets), f"expected bets in (0, 1), got {self.bets}"),
            (
                bool(self.detectors) and set(self.detectors) <= set(DETECTORS),
                f"expected some of {DETECTORS}, got {self.detectors}",
            ),
            (
                min(self.min_pairs, self.window, self.queue) >= 1,
                f"expected min_pairs, window and queue >= 1, got {self.min_pairs}, {self.window}, {self.queue}",
            ),
            (len(set(self.metrics)) == len(self.metrics), f"expected each metric once, got {self.metrics}"),
            (
                all(len(set(names)) == len(names) for names in self.groups.values()),
                f"expected each group once, got {dict(self.groups)}",
            ),
            (
                set(self.advisory) <= set(self.metrics),
                f"expected advisory metrics among {self.metrics}, got {self.advisory}",
            ),
            (bool(self.streams), "expected at least one metric and one attribute with two groups, got no stream"),
            (
                len(self.streams) <= MOST_STREAMS,
                f"expected at most {MOST_STREAMS} streams, got {len(self.streams)}: declare fewer groups to compare",
            ),
        )
        for good, message in checks:
            if not good:
                raise PolicyError(message)

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """Every metric and pair of groups, in a fixed order."""
        return tuple(
            Stream(metric, attribute, first, second)
            for metric in self.metrics
            for attribute in sorted(self.groups)
            for first, second in combinations(sorted(self.groups[attribute]), 2)
        )

    @cached_property
    def targets(self) -> dict[tuple[str, str], tuple[Target, ...]]:
        """(attribute, group) to the streams that a case of this group feeds."""
        out: dict[tuple[str, str], tuple[Target, ...]] = {}
        for number, stream in enumerate(self.streams):
            for side, name in enumerate((stream.first, stream.second)):
                target = Target(stream.metric, number, side, WITHIN.get(stream.metric, LABEL))
                out[stream.attribute, name] = (*out.get((stream.attribute, name), ()), target)
        return out

    @cached_property
    def crossed(self) -> dict[str, tuple[str, ...]]:
        """The attributes of intersections, each with the attributes that it crosses."""
        return {name: tuple(name.split(CROSS)) for name in self.groups if CROSS in name}

    def groups_of(self, groups: Mapping[str, str]) -> Mapping[str, str]:
        """The groups of an event with those of its intersections; a part that is missing leaves its crossing out."""
        if not self.crossed:
            return groups
        out = dict(groups)
        for name, parts in self.crossed.items():
            if all(part in groups for part in parts):
                out[name] = CROSS.join(groups[part] for part in parts)
        return out

    def limit_of(self, metric: str) -> float:
        """The threshold as a gap of the values that are folded."""
        return self.threshold * SCALES[metric] if metric in SCALES else self.threshold

    @property
    def betting_limit(self) -> float:
        """Wealth at which the betting detector halts: 2M/alpha for M streams and two directions (Bonferroni)."""
        return 2 * len(self.streams) / self.alpha

    @property
    def e_sr_limit(self) -> float:
        """Evidence at which the e-SR detector halts: 4M * arl.

        One of 2M detectors reaches A within n pairs with probability at most n/A, some one of them with at most 2Mn/A.
        With A = 4M * arl that is n / (2 arl), and the average run is at least the sum of 1 - n / (2 arl): arl pairs.
        """
        return 4 * len(self.streams) * self.arl

    @cached_property
    def steps(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """For each stream, each bet as (base, slope): a pair of difference d multiplies the wealth by base + slope * d.

        That is 1 + bet * (d - limit) / (1 + limit): never below 1 - bet, and fair at d = limit.
        """
        of = {metric: self._steps(self.limit_of(metric)) for metric in self.metrics}
        return tuple(of[stream.metric] for stream in self.streams)

    def _steps(self, limit: float) -> tuple[tuple[float, float], ...]:
        scale = 1.0 + limit
        return tuple((1.0 - bet * limit / scale, bet / scale) for bet in self.bets)

    def as_dict(self) -> dict:
        """Plain JSON. What is not used is left out, so that policies of earlier releases keep their digest."""
        used = {name: list(getattr(self, name)) for name in ("advisory", "excluded") if getattr(self, name)}
        return used | {
            "metrics": list(self.metrics),
            "groups": {name: list(names) for name, names in sorted(self.groups.items())},
            "threshold": self.threshold,
            "alpha": self.alpha,
            "arl": self.arl,
            "bets": list(self.bets),
            "detectors": list(self.detectors),
            "min_pairs": self.min_pairs,
            "window": self.window,
            "queue": self.queue,
        }

    @classmethod
    def from_dict(cls, raw: Mapping) -> MonitorPolicy:
        """The inverse of `as_dict`."""
        return cls(
            metrics=tuple(raw["metrics"]),
            groups={name: tuple(names) for name, names in raw["groups"].items()},
            threshold=raw["threshold"],
            alpha=raw["alpha"],
            arl=raw["arl"],
            bets=tuple(raw["bets"]),
            detectors=tuple(raw["detectors"]),
            min_pairs=raw["min_pairs"],
            window=raw["window"],
            queue=raw["queue"],
            advisory=tuple(raw.get("advisory", ())),
            excluded=tuple(raw.get("excluded", ())),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the settings; a state can only be folded on with the policy it began with."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()
