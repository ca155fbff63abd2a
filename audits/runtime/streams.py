"""The monitor's streams as people see them: evidence against the limit, and when it decides at the present rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from audits.domain.monitor.pace import Pace, pace
from audits.domain.monitor.policy import BETTING, E_SR
from audits.runtime.rollups import SERVED

SHOWN = 24  # rows of the table, those nearest to a decision
METRICS = {
    "tpr": "True positive rate",
    "fpr": "False positive rate",
    "accuracy": "Accuracy",
    "dice": "Dice",
    SERVED: "Flagged share",
}
SHORT = {"tpr": "TPR", "fpr": "FPR", "accuracy": "Accuracy", "dice": "Dice", SERVED: "Flagged"}  # beside lines


def metric_words(name: str) -> str:
    """A metric within a sentence."""
    words = METRICS.get(name, name)
    return words if words == METRICS["dice"] else words[:1].lower() + words[1:]


DETECTORS = {BETTING: "Betting wealth", E_SR: "e-SR evidence"}


@dataclass(frozen=True)
class Detector:
    """One detector of a stream: log10 of its evidence and of its limit."""

    rule: str
    name: str
    value: float | None  # None: nothing counted yet, or all lost
    limit: float
    pace: Pace
    halted_at: int | None  # the outcome

    @property
    def share(self) -> float:
        """How far on the way from no evidence (log10 = 0) to the limit, in [0, 1]."""
        return 0.0 if self.value is None else min(1.0, max(0.0, self.value / self.limit))


@dataclass(frozen=True)
class StreamRow:
    name: str
    key: str  # of the metric
    metric: str
    attribute: str
    first: str
    second: str
    pairs: int
    gap: float | None
    detectors: list[Detector]
    hourly: float | None  # outcomes told an hour

    @property
    def halted_at(self) -> int | None:
        return min((d.halted_at for d in self.detectors if d.halted_at is not None), default=None)

    @property
    def nearest(self) -> Detector | None:
        """The detector that would decide first at the present rate; None if none has an estimate."""
        known = [d for d in self.detectors if d.pace.outcomes is not None and d.halted_at is None]
        return min(known, key=lambda d: d.pace.outcomes or 0.0, default=None)

    @property
    def time_left(self) -> str:
        """How long that is, in words; empty where no outcome comes or there is no estimate."""
        if self.nearest is None or self.nearest.pace.outcomes is None or not self.hourly:
            return ""
        return duration(self.nearest.pace.outcomes / self.hourly * 3600)


def rows(told: dict, hourly: float | None, *, most: int = SHOWN) -> list[StreamRow]:
    """The streams of a monitor's summary: those that halted, then those nearest to their limit."""
    found = [_row(told, i, hourly) for i in range(len(told.get("streams", [])))]
    return sorted(found, key=lambda row: (row.halted_at is None, -max(d.share for d in row.detectors)))[:most]


def name_of(stream: dict) -> str:
    return f"{SHORT.get(stream['metric'], stream['metric'])} {stream['first']} / {stream['second']}"


def soonest(found: list[StreamRow]) -> StreamRow | None:
    """The stream that would decide first."""
    known = [row for row in found if row.nearest is not None]
    return min(known, key=lambda row: (row.nearest and row.nearest.pace.outcomes) or 0.0, default=None)


def duration(seconds: float) -> str:
    """A length of time in one unit, as exact as an estimate deserves."""
    for size, word in ((86_400 * 365, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {word}s"
    return "2 minutes or less" if seconds >= 1 else "now"


def _row(told: dict, index: int, hourly: float | None) -> StreamRow:
    stream = told["streams"][index]
    return StreamRow(
        name=name_of(stream), key=stream["metric"], metric=METRICS.get(stream["metric"], stream["metric"]),
        attribute=stream["attribute"], first=stream["first"], second=stream["second"], pairs=stream["pairs"],
        gap=stream["gap"], detectors=[_detector(told, index, rule) for rule in told["detectors"]], hourly=hourly,
    )  # fmt: skip


def _detector(told: dict, index: int, rule: str) -> Detector:
    stream, limit = told["streams"][index], told["limits"][rule]
    way = [(point["position"], point[rule][index]) for point in told["history"]]
    value = stream[rule] if stream[rule] is not None and math.isfinite(stream[rule]) else None
    return Detector(rule, DETECTORS[rule], value, limit, pace(way, limit), stream["halted"].get(rule))
