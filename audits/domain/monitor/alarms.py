"""What the monitor's state means: halts (red) and warnings (amber), in plain words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal

from audits.domain.monitor.betting import MonitorState, PolicyMismatch, StreamState, mean_wealth
from audits.domain.monitor.policy import BETTING, SCALES, MonitorPolicy, Stream

Level = Literal["halt", "amber"]
WINDOW, NOT_SHOWN = "window", "not_shown_fair"
Z_95 = 1.959963984540054  # two-sided 95 % point of the normal distribution


@dataclass(frozen=True)
class Alarm:
    """One thing that a person must know.

    Attributes
    ----------
    rule : "betting" or "e_sr" (these halt, or warn where the metric is advisory), "window" or "not_shown_fair" (warn)
    higher, lower : str
        The groups with the higher and the lower value of the metric so far. For ``fpr`` a higher value is the harm.
    log_evidence, log_limit : float or None
        Natural logarithm of the evidence now and of the limit; None for "window" and "not_shown_fair". What crossed the
        limit stays crossed though the evidence may shrink afterwards.
    position : int
        The event at which it halted; for warnings, the last event folded.
    gap : float in [-1, 1]
        Mean difference higher - lower in the metric's own unit, over the window for "window", over all pairs otherwise.
    gap_upper : float or None
        Upper end of a plain 95 % interval of the gap ("not_shown_fair" only). It informs; it is not valid at all times.
    """

    level: Level
    rule: str
    metric: str
    attribute: str
    higher: str
    lower: str
    log_evidence: float | None
    log_limit: float | None
    pairs: int
    gap: float
    gap_upper: float | None
    position: int
    sentence: str

    @property
    def key(self) -> str:
        """What it is about, whatever its figures: a decision on a warning covers this."""
        return ":".join([self.rule, self.metric, self.attribute, *sorted((self.higher, self.lower))])

    def as_dict(self) -> dict:
        return asdict(self)


def alarms(state: MonitorState, policy: MonitorPolicy) -> list[Alarm]:
    """All alarms of a state, halts first. An empty list means "no alarm", not "shown to be fair".

    Raises
    ------
    PolicyMismatch
        If the state was begun under another policy.
    """
    if state.policy != policy.digest:
        raise PolicyMismatch(f"expected the policy {state.policy[:12]}, got {policy.digest[:12]}")
    out: list[Alarm] = []
    for stream, s in zip(policy.streams, state.streams, strict=True):
        out += [_crossed(stream, s, rule, position, policy) for rule, position in sorted(s.halted.items())]
        if not s.halted and s.pairs >= policy.min_pairs:
            out += _warnings(stream, s, state.position, policy)
    return sorted(out, key=lambda alarm: alarm.level != "halt")


def log_wealth(s: StreamState) -> float | None:
    """Natural logarithm of the stream's larger betting wealth; 0 at the start, None when all is lost."""
    return _log(max(mean_wealth(s.up), mean_wealth(s.down)))


def _log(value: float) -> float | None:
    return math.log(value) if value > 0 else None


def _sides(stream: Stream, difference: float) -> tuple[str, str]:
    return (stream.first, stream.second) if difference >= 0 else (stream.second, stream.first)


def in_unit(value: float, metric: str) -> float:
    """A mean difference of the values that are folded, in the metric's own unit."""
    return value / SCALES[metric] if metric in SCALES else value


def _crossed(stream: Stream, s: StreamState, rule: str, position: int, policy: MonitorPolicy) -> Alarm:
    """A limit that was crossed: a halt, or a warning where the metric is advisory."""
    up, down = (s.up, s.down) if rule == BETTING else (s.e_sr_up, s.e_sr_down)
    limit = policy.betting_limit if rule == BETTING else policy.e_sr_limit
    evidence = max(mean_wealth(up), mean_wealth(down))
    mean = in_unit(s.total / s.pairs, stream.metric)
    higher, lower = _sides(stream, mean)
    advisory = stream.metric in policy.advisory
    done = "alarmed" if advisory else "halted"
    promise = (
        f"a model within the limit would ever be {done} so with probability at most {policy.alpha:g}"
        if rule == BETTING
        else f"a model within the limit would be {done} so once in {policy.arl:g} pairs on average"
    )
    cause = " A difference between the groups themselves, such as in prevalence, may be the cause." if advisory else ""
    sentence = (
        f"{'Warning' if advisory else 'Halt'} at event {position}: {stream.metric} differs between "
        f"{stream.attribute} = {higher} and {lower} by more than {policy.threshold:g} (so far "
        f"{abs(mean):.3f} over {s.pairs} pairs); {promise}.{cause}"
    )
    return Alarm(
        "amber" if advisory else "halt", rule, stream.metric, stream.attribute, higher, lower, _log(evidence),
        math.log(limit), s.pairs, abs(mean), None, position, sentence,
    )  # fmt: skip


def _warnings(stream: Stream, s: StreamState, position: int, policy: MonitorPolicy) -> list[Alarm]:
    out = []
    recent = in_unit(math.fsum(s.recent) / len(s.recent), stream.metric)
    if len(s.recent) == policy.window and abs(recent) > policy.threshold:
        higher, lower = _sides(stream, recent)
        text = (
            f"Warning: over the last {len(s.recent)} pairs {stream.metric} was {abs(recent):.3f} higher for "
            f"{stream.attribute} = {higher} than for {lower}. This may be chance; it proves nothing yet."
        )
        out.append(_amber(WINDOW, stream, s, recent, None, position, text))
    mean = s.total / s.pairs
    spread = math.sqrt(max(s.total_sq / s.pairs - mean * mean, 1.0 / (s.pairs + 2.0)) / s.pairs)
    mean, spread = in_unit(mean, stream.metric), in_unit(spread, stream.metric)
    upper = min(1.0, abs(mean) + Z_95 * spread)
    if upper > policy.threshold:
        text = (
            f"Not shown to be fair: after {s.pairs} pairs the gap in {stream.metric} between {stream.attribute} = "
            f"{stream.first} and {stream.second} may still be as large as {upper:.3f}. No alarm is not a pass."
        )
        out.append(_amber(NOT_SHOWN, stream, s, mean, upper, position, text))
    return out


def _amber(
    rule: str, stream: Stream, s: StreamState, difference: float, upper: float | None, position: int, text: str
) -> Alarm:
    higher, lower = _sides(stream, difference)
    return Alarm(
        "amber", rule, stream.metric, stream.attribute, higher, lower, None, None, s.pairs, abs(difference), upper,
        position, text,
    )  # fmt: skip
