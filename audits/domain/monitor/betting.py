"""The live fairness monitor: a pure, strict left fold over outcome events.

For each stream (a metric and two groups) one case of either group is paired, first in first out, within the label
stratum. The difference d of the pair's values, in [-1, 1], is bet on, in both directions, against

    H0: E[d | earlier pairs] <= threshold.

*Betting.* The wealth, mean over bets of prod(1 + bet * (d - threshold) / (1 + threshold)), is a supermartingale under
H0 that starts at 1, so by Ville's inequality it reaches 2M/alpha with probability at most alpha/2M [1]_. Over M streams
and two directions the probability of ever halting a fair model is at most alpha (Bonferroni, which names the stream).

*e-SR.* R = (R + 1) * factor restarts at every pair and so finds harm that begins late. Under H0, E[R_n] <= n, so the
probability of halting a fair model within n pairs is at most n/(2 arl), and the average run is at least arl [2]_.

Metrics other than the selection rate are compared within each label, so for accuracy and Dice H0 says that the gap is
within the threshold *in each stratum*; a difference in prevalence alone never halts a model.

Why bounded queues keep this valid. Given the order in which groups and labels arrive, which cases are paired does not
depend on their values: a full queue drops its oldest case, whatever its value. Each case is used at most once per
stream. The pairs of a stream are thus a fixed selection of independent cases, and its wealth is a supermartingale over
its own pairs; streams that share cases need no joint argument, because Bonferroni asks for none. Dropping the oldest
also keeps partners close in time, so a drift common to both groups does not look like a gap. What does break validity:
outcomes that are reported, or not, depending on the group *and* on whether the model was right.

Why products and not logarithms. IEEE multiplication is rounded in one way only, log1p is not: a replay gives the same
bits on another machine. Wealth below 1e-280 is written off and above 1e280 not counted; both only lower it, and keep
denormal numbers (whose handling a process may switch off) out.

References
----------
.. [1] Waudby-Smith and Ramdas, JRSS B 86 (2024), 1-27, arXiv:2010.09686; Chugg et al., arXiv:2305.17570.
.. [2] Shin, Ramdas and Rinaldo, e-detectors, arXiv:2203.03532.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from audits.domain.monitor.policy import BETTING, E_SR, LABEL, MonitorPolicy

Floats = tuple[float, ...]
TINY, HUGE = 1e-280, 1e280
STATE_VERSION = 1


class MonitorError(ValueError):
    """Something the monitor will not fold."""


class PositionError(MonitorError):
    """An event that is not the next one: a duplicate, a gap, or out of order."""

    def __init__(self, *, expected: int, got: int) -> None:
        self.expected, self.got = expected, got
        kind = "was folded already" if got < expected else "comes too early"
        super().__init__(
            f"expected the event at position {expected}, got {got}, which {kind}. Fold in order from there"
        )


class PolicyMismatch(MonitorError):
    """A state that was begun under another policy."""


class EventError(MonitorError):
    """An event with a value that is not a number in [0, 1]."""


class OutcomeEvent(NamedTuple):
    """One patient's outcome.

    `position` counts events of the deployment from 1 without gaps. `groups` maps attribute to group; `values` metric to
    a number in [0, 1], or None where undefined; `stratum` is the label (cases are paired within it), None if unknown;
    `bin` is the part of the score's range that calibration is compared within.
    """

    position: int
    groups: Mapping[str, str]
    values: Mapping[str, float | None]
    stratum: str | None = None
    bin: str | None = None


class Waiting(NamedTuple):
    """Cases of one side that wait for a partner. Only one side ever waits: two would have been paired."""

    side: int
    values: Floats


class StreamState(NamedTuple):
    """All that is remembered of one stream. `up` bets on the first group's higher rate, `down` on the second's."""

    pairs: int
    total: float  # sum of differences
    total_sq: float
    up: Floats  # wealth of each bet
    down: Floats
    e_sr_up: Floats
    e_sr_down: Floats
    recent: Floats  # the last differences, oldest first
    waiting: Mapping[str, Waiting]
    dropped: int
    halted: Mapping[str, int]  # detector -> position of the event at which it first halted


@dataclass(frozen=True)
class MonitorState:
    """The monitor after `position` events. Equal states have equal `to_json`, bit for bit."""

    position: int
    policy: str
    streams: tuple[StreamState, ...]

    @property
    def halted(self) -> bool:
        """Whether any stream, an advisory one too, has ever crossed a limit. Reinstatement begins with a new state."""
        return any(stream.halted for stream in self.streams)

    def to_json(self) -> str:
        """Canonical JSON; floats in hexadecimal, so that they come back exactly."""
        streams = [
            {
                "pairs": s.pairs,
                "total": s.total.hex(),
                "total_sq": s.total_sq.hex(),
                **{name: [v.hex() for v in getattr(s, name)] for name in _FLOAT_FIELDS},
                "waiting": {key: [w.side, [v.hex() for v in w.values]] for key, w in s.waiting.items()},
                "dropped": s.dropped,
                "halted": dict(s.halted),
            }
            for s in self.streams
        ]
        body = {"version": STATE_VERSION, "position": self.position, "policy": self.policy, "streams": streams}
        return json.dumps(body, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> MonitorState:
        """The inverse of `to_json`."""
        raw = json.loads(text)
        if raw.get("version") != STATE_VERSION:
            raise MonitorError(f"expected a monitor state of version {STATE_VERSION}, got {raw.get('version')}")
        streams = tuple(
            StreamState(
                pairs=s["pairs"],
                total=float.fromhex(s["total"]),
                total_sq=float.fromhex(s["total_sq"]),
                **{name: tuple(map(float.fromhex, s[name])) for name in _FLOAT_FIELDS},
                waiting={k: Waiting(side, tuple(map(float.fromhex, v))) for k, (side, v) in s["waiting"].items()},
                dropped=s["dropped"],
                halted=s["halted"],
            )
            for s in raw["streams"]
        )
        return cls(raw["position"], raw["policy"], streams)


_FLOAT_FIELDS = ("up", "down", "e_sr_up", "e_sr_down", "recent")


def begin(policy: MonitorPolicy, *, position: int = 0) -> MonitorState:
    """The state before any event, or after the event at `position` when a monitor starts anew."""
    one, none = (1.0,) * len(policy.bets), (0.0,) * len(policy.bets)
    empty = StreamState(0, 0.0, 0.0, one, one, none, none, (), {}, 0, {})
    return MonitorState(position, policy.digest, (empty,) * len(policy.streams))


def fold(state: MonitorState, event: OutcomeEvent, policy: MonitorPolicy) -> MonitorState:
    """The state after one more event. Neither argument is changed.

    Raises
    ------
    PositionError
        If `event.position` is not `state.position + 1`.
    PolicyMismatch
        If the state was begun under another policy.
    EventError
        If a value is not a number in [0, 1].
    """
    if event.position != state.position + 1:
        raise PositionError(expected=state.position + 1, got=event.position)
    if state.policy != policy.digest:
        raise PolicyMismatch(
            f"expected the policy {state.policy[:12]}, got {policy.digest[:12]}. Begin a new state for a new policy"
        )
    for metric, value in event.values.items():
        if value is not None and not (isinstance(value, (float, int)) and 0.0 <= value <= 1.0):
            raise EventError(f"position {event.position}, {metric}: expected a number in [0, 1], got {value!r}")
    streams = list(state.streams)
    stratum = "" if event.stratum is None else str(event.stratum)
    score_bin = "" if event.bin is None else event.bin
    for key in policy.groups_of(event.groups).items():
        for metric, number, side, within in policy.targets.get(key, ()):
            value = event.values.get(metric)
            if value is not None:
                part = stratum if within == LABEL else score_bin if within else ""
                streams[number] = _feed(streams[number], number, side, float(value), part, event.position, policy)
    return MonitorState(event.position, state.policy, tuple(streams))


def fold_all(state: MonitorState, events: Iterable[OutcomeEvent], policy: MonitorPolicy) -> MonitorState:
    """`fold` over events in order. However they are split into batches, the result is the same."""
    return reduce(lambda folded, event: fold(folded, event, policy), events, state)


def _feed(
    s: StreamState, number: int, side: int, value: float, label: str, position: int, policy: MonitorPolicy
) -> StreamState:
    """Pair the case with the oldest one of the other side, or let it wait."""
    waiting = s.waiting.get(label)
    if waiting is None or not waiting.values:
        return s._replace(waiting={**s.waiting, label: Waiting(side, (value,))})
    if waiting.side == side:
        kept = waiting.values[1:] if len(waiting.values) >= policy.queue else waiting.values
        queue = {**s.waiting, label: Waiting(side, (*kept, value))}
        return s._replace(waiting=queue, dropped=s.dropped + (kept is not waiting.values))
    partner, rest = waiting.values[0], waiting.values[1:]
    queue = {**s.waiting, label: Waiting(waiting.side, rest)}
    return _bet(s, number, value - partner if side == 0 else partner - value, queue, position, policy)


def _bet(
    s: StreamState, number: int, d: float, waiting: Mapping[str, Waiting], position: int, policy: MonitorPolicy
) -> StreamState:
    """Settle all bets on one pair with difference d = first - second."""
    gain = [base + slope * d for base, slope in policy.steps[number]]
    loss = [base - slope * d for base, slope in policy.steps[number]]
    up = tuple([_clip(w * f) for w, f in zip(s.up, gain, strict=True)])
    down = tuple([_clip(w * f) for w, f in zip(s.down, loss, strict=True)])
    e_sr_up = tuple([_clip((r + 1.0) * f) for r, f in zip(s.e_sr_up, gain, strict=True)])
    e_sr_down = tuple([_clip((r + 1.0) * f) for r, f in zip(s.e_sr_down, loss, strict=True)])
    halted = s.halted
    if BETTING in policy.detectors and max(mean_wealth(up), mean_wealth(down)) >= policy.betting_limit:
        halted = {BETTING: position, **halted}  # the first crossing stays
    if E_SR in policy.detectors and max(mean_wealth(e_sr_up), mean_wealth(e_sr_down)) >= policy.e_sr_limit:
        halted = {E_SR: position, **halted}
    recent = (*s.recent, d)
    return StreamState(
        s.pairs + 1, s.total + d, s.total_sq + d * d, up, down, e_sr_up, e_sr_down,
        recent[-policy.window :], waiting, s.dropped, halted,
    )  # fmt: skip


def _clip(wealth: float) -> float:
    if wealth < TINY:
        return 0.0
    return wealth if wealth < HUGE else HUGE


def mean_wealth(wealth: Floats) -> float:
    """The wealth of the mixture: the mean over bets, from a correctly rounded sum (the same on every machine)."""
    return math.fsum(wealth) / len(wealth)
