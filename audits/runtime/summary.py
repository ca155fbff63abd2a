"""What people are shown of the monitor: streams, alarms and a bounded history. Derived, never read back by the fold."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from audits.domain.monitor.alarms import Alarm, alarms, in_unit
from audits.domain.monitor.betting import MonitorState, StreamState, mean_wealth
from audits.domain.monitor.drift import BLOCK, DriftState, estimated_accuracy, stability_index
from audits.domain.monitor.policy import BETTING, E_SR, MonitorPolicy, Stream

KEPT_POINTS = 240
UNWATCHED = "No attribute with two groups was declared: there is nothing to compare, and this monitor cannot halt."
Z_95 = 1.959963984540054


def update(
    before: dict,
    *,
    policy: MonitorPolicy | None,
    fold: MonitorState | None,
    found: list[Alarm],
    points: list[dict],
) -> dict:
    """The new summary: epochs are kept, the history grows by `points` and is thinned when it is full."""
    epochs = before.get("epochs", [])
    if policy is None or fold is None:
        return {"epochs": epochs, "streams": [], "alarms": [], "history": [], "note": UNWATCHED}
    return {
        "epochs": epochs,
        "note": "",
        "threshold": policy.threshold,
        "alpha": policy.alpha,
        "arl": policy.arl,
        "detectors": list(policy.detectors),
        "limits": {BETTING: _log10(policy.betting_limit), E_SR: _log10(policy.e_sr_limit)},
        "streams": [
            _stream(s, held, advisory=s.metric in policy.advisory)
            for s, held in zip(policy.streams, fold.streams, strict=True)
        ],
        "alarms": [alarm.as_dict() for alarm in found],
        "history": _thin([*before.get("history", []), *points]),
    }


def point(fold: MonitorState, policy: MonitorPolicy) -> dict:
    """Evidence (log10) of each stream at one position, and whether there was a warning."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "position": fold.position,
        "amber": any(alarm.level == "amber" for alarm in alarms(fold, policy)),
        BETTING: [_rounded(evidence(s, BETTING)) for s in fold.streams],
        E_SR: [_rounded(evidence(s, E_SR)) for s in fold.streams],
    }


def drift(state: DriftState) -> dict:
    """What is known of the scores without labels."""
    first, last = estimated_accuracy(state)
    return {
        "predictions": state.n, "block": BLOCK, "psi": stability_index(state), "evidence": _log10(sum(state.wealth)),
        "alarm_at": state.alarm_at, "estimated_first": first, "estimated_last": last,
    }  # fmt: skip


def epoch_start(summary: dict) -> int:
    """The position after which the present epoch began."""
    epochs = summary.get("epochs", [])
    return epochs[-1]["start"] if epochs else 0


def evidence(s: StreamState, rule: str) -> float | None:
    """log10 of the stream's larger evidence, None where it is 0 (nothing counted, or all lost)."""
    up, down = (s.up, s.down) if rule == BETTING else (s.e_sr_up, s.e_sr_down)
    return _log10(max(mean_wealth(up), mean_wealth(down)))


def _stream(stream: Stream, s: StreamState, *, advisory: bool) -> dict:
    """The gap is the mean difference; its plain 95 % interval informs and decides nothing."""
    mean = s.total / s.pairs if s.pairs else None
    half = None
    if s.pairs >= 2 and mean is not None:
        half = Z_95 * math.sqrt(max(s.total_sq / s.pairs - mean * mean, 1.0 / (s.pairs + 2.0)) / s.pairs)
        mean, half = in_unit(mean, stream.metric), in_unit(half, stream.metric)
    elif mean is not None:
        mean = in_unit(mean, stream.metric)
    return {
        "metric": stream.metric,
        "attribute": stream.attribute,
        "first": stream.first,
        "second": stream.second,
        "pairs": s.pairs,
        "dropped": s.dropped,
        "gap": None if mean is None else abs(mean),
        "lower": None if mean is None or half is None else max(0.0, abs(mean) - half),
        "upper": None if mean is None or half is None else min(1.0, abs(mean) + half),
        "higher": None if mean is None else (stream.first if mean >= 0 else stream.second),
        BETTING: _rounded(evidence(s, BETTING)),
        E_SR: _rounded(evidence(s, E_SR)),
        "halted": {} if advisory else dict(s.halted),
        "warned": dict(s.halted) if advisory else {},
    }


def _thin(history: list[dict]) -> list[dict]:
    """Drop every second of the older points when there are too many; the newest one stays."""
    while len(history) > KEPT_POINTS:
        history = history[:-1][::2] + history[-1:]
    return history


def _log10(value: float) -> float | None:
    return math.log10(value) if value > 0 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
