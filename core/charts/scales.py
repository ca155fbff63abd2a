"""Axes: from data to coordinates, and the round values at which an axis is marked."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_TIME_STEPS = (
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 3, 5, 7, 10, 14, 28, 91, 182, 364, 728, 1_820)),
)


@dataclass(frozen=True)
class Scale:
    """A straight map from data (low, high) to coordinates (start, end)."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


def span(values: Iterable[float], *, pad: float = 0.05) -> tuple[float, float]:
    """The smallest and largest value with some room; one value (or equal ones) gets room on both sides."""
    kept = list(values)
    low, high = min(kept), max(kept)
    if low == high:
        room = abs(low) * 0.1 or 0.5
        return low - room, high + room
    room = (high - low) * pad
    return low - room, high + room


def ticks(low: float, high: float, *, count: int = 5, whole: bool = False) -> tuple[float, ...]:
    """About `count` round values within (low, high): steps of 1, 2, 2.5 or 5 times a power of ten."""
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    if whole:
        step = max(1.0, math.ceil(step) if step > 1 else 1.0)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(round(i * step, 12) + 0.0 for i in range(first, last + 1))


def tick_labels(values: tuple[float, ...]) -> tuple[str, ...]:
    """Labels with just as many decimals as the step needs."""
    if not values:
        return ()
    if max(abs(v) for v in values) >= 1e6 or 0 < max(abs(v) for v in values) < 1e-4:
        return tuple(f"{v:.3g}".replace("-", "\u2212") for v in values)
    step = values[1] - values[0] if len(values) > 1 else abs(values[0])
    decimals = next((d for d in range(7) if abs(step * 10**d - round(step * 10**d)) < 1e-6 * 10**d), 6)
    return tuple(f"{v:,.{decimals}f}".replace("-", "\u2212") for v in values)


def time_ticks(low: float, high: float, *, count: int = 6) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Round moments (UTC) within two POSIX times, and their labels: hours, days at midnight, months over years."""
    step = next((s for s in _TIME_STEPS if s >= (high - low) / count), _TIME_STEPS[-1])
    first, last = math.ceil(low / step), math.floor(high / step)
    places = tuple(float(i * step) for i in range(first, last + 1))[: 4 * count]
    return places, tuple(_moment_label(dt.datetime.fromtimestamp(p, dt.UTC), high - low) for p in places)


def _moment_label(moment: dt.datetime, width: float) -> str:
    if width >= 300 * _DAY:
        return f"{moment:%b %Y}"
    return f"{moment:%H:%M}" if moment.hour or moment.minute else f"{moment.day} {moment:%b}"
