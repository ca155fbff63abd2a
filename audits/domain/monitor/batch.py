"""Many events folded at once; the state is equal, bit for bit, to that of `betting.fold` over them.

What makes that possible. Which cases are paired is found for a whole batch (`pairing`). The wealth of a bet is a
product taken in the order of its pairs, and `numpy.multiply.accumulate` multiplies in that order. The e-SR evidence is
no product, so its pairs are looped over, with all streams and bets side by side. Where a value leaves the range that
wealth is kept in (TINY, HUGE), that bet is computed one pair at a time, as the fold does it. Whether a limit is crossed
is looked up in plain sums first, and where these come near it, decided by the fold's own correctly rounded sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.domain.monitor.betting import (
    HUGE,
    TINY,
    MonitorState,
    PolicyMismatch,
    PositionError,
    StreamState,
    Waiting,
    _clip,
    mean_wealth,
)
from audits.domain.monitor.columns import Columns, Labels, sides
from audits.domain.monitor.pairing import pair
from audits.domain.monitor.policy import BETTING, E_SR, LABEL, WITHIN, MonitorPolicy, Stream

Floats = NDArray[np.float64]
CELLS = 1 << 18  # numbers in one block of pairs × lanes: what the processor's cache holds
ALL = slice(None)
NEAR = 1.0 - 1e-9  # a plain sum of a few floats is within this factor of the correctly rounded one


@dataclass
class _Run:
    """One stream while a batch is folded. The lanes are its bets, up and then down."""

    stream: StreamState
    positions: NDArray[np.int64]  # of each pair
    differences: Floats
    waiting: dict[str, Waiting]
    dropped: int
    base: Floats
    slope: Floats
    wealth: Floats
    evidence: Floats
    halted: dict[str, int] = field(default_factory=dict)

    def factors(self, start: int, stop: int, lanes: NDArray[np.intp] | slice = ALL) -> Floats:
        """What each pair multiplies each lane by, shape (pairs, lanes)."""
        return self.base[lanes] + self.slope[lanes] * self.differences[start:stop, None]

    def cross(self, rule: str, path: Floats, limit: float, start: int) -> None:
        """Note the first pair of this block after which the evidence of a direction is at the limit."""
        if rule in self.halted:
            return
        bets = path.shape[1] // 2
        sums = np.maximum(path[:, :bets].sum(axis=1), path[:, bets:].sum(axis=1))
        for place in np.flatnonzero(sums >= limit * bets * NEAR):
            row = path[place].tolist()
            if max(mean_wealth(tuple(row[:bets])), mean_wealth(tuple(row[bets:]))) >= limit:
                self.halted[rule] = int(self.positions[start + place])
                return


class _Cases(NamedTuple):
    """The cases of one metric and attribute that any stream may use."""

    places: NDArray[np.intp]
    codes: NDArray[np.int16]
    values: Floats
    strata: NDArray[np.int16] | None
    names: tuple[str, ...]


def fold_batch(state: MonitorState, columns: Columns, policy: MonitorPolicy) -> MonitorState:
    """The state after all events of the columns; neither argument is changed.

    Raises
    ------
    PositionError, PolicyMismatch, EventError
        As `betting.fold` does; nothing is folded then.
    """
    if not len(columns):
        return state
    if columns.first != state.position + 1:
        raise PositionError(expected=state.position + 1, got=columns.first)
    if state.policy != policy.digest:
        raise PolicyMismatch(
            f"expected the policy {state.policy[:12]}, got {policy.digest[:12]}. Begin a new state for a new policy"
        )
    columns.check()
    cases: dict[tuple[str, str], _Cases] = {}
    for attribute in policy.groups:
        codes = sides(columns, attribute, policy)
        cases |= {(metric, attribute): _cases(columns, metric, codes) for metric in policy.metrics}
    runs = [
        _gather(number, stream, state.streams[number], cases[stream.metric, stream.attribute], columns.first, policy)
        for number, stream in enumerate(policy.streams)
    ]
    for run in runs:
        _bet(run, policy)
    _restart(runs, policy)
    return MonitorState(
        state.position + len(columns), state.policy, tuple(_settled(run, policy.window) for run in runs)
    )


def _cases(columns: Columns, metric: str, codes: NDArray[np.int16]) -> _Cases:
    values = columns.values.get(metric)
    if values is None:
        return _Cases(np.empty(0, np.intp), codes[:0], np.empty(0), None, ())
    places = np.flatnonzero((codes >= 0) & ~np.isnan(values))
    within = WITHIN.get(metric, LABEL)
    labels: Labels | None = (columns.stratum if within == LABEL else columns.bin) if within else None
    if labels is None:
        return _Cases(places, codes[places], values[places], None, ())
    return _Cases(places, codes[places], values[places], labels.codes[places], labels.names)


def _gather(number: int, stream: Stream, s: StreamState, cases: _Cases, first: int, policy: MonitorPolicy) -> _Run:
    """The pairs that the batch completes in one stream."""
    names = sorted(policy.groups[stream.attribute])
    base, slope = (np.array(part) for part in zip(*policy.steps[number], strict=True))
    run = _Run(
        s, np.empty(0, np.int64), np.empty(0), dict(s.waiting), s.dropped, np.concatenate([base, base]),
        np.concatenate([slope, -slope]), np.array([*s.up, *s.down]), np.array([*s.e_sr_up, *s.e_sr_down]),
        dict(s.halted),
    )  # fmt: skip
    one, other = names.index(stream.first), names.index(stream.second)
    mine = slice(None) if len(names) == 2 else np.flatnonzero((cases.codes == one) | (cases.codes == other))
    places, values = cases.places[mine], cases.values[mine]
    side = (cases.codes[mine] == other).astype(np.int8)
    completes, differences = np.zeros(len(places), dtype=bool), np.empty(len(places))
    strata = None if cases.strata is None else cases.strata[mine]
    for label, rows in _strata(strata, cases.names, len(places)):
        found = pair(side[rows], values[rows], run.waiting.get(label), policy.queue)
        run.waiting[label] = found.waiting
        run.dropped += found.dropped
        done = rows[found.completes]
        completes[done] = True
        differences[done] = found.differences
    run.positions = first + places[completes]
    run.differences = differences[completes]
    return run


def _strata(codes: NDArray[np.int16] | None, names: tuple[str, ...], count: int) -> list[tuple[str, NDArray[np.intp]]]:
    """The rows of each stratum that any case is in; without a name, it is the stratum ""."""
    if codes is None:
        return [("", np.arange(count))] if count else []
    found: dict[str, NDArray[np.intp]] = {}
    for code, name in [(-1, ""), *enumerate(names)]:
        rows = np.flatnonzero(codes == code)
        if len(rows):
            found[name] = np.sort(np.concatenate([found[name], rows])) if name in found else rows
    return list(found.items())


def _bet(run: _Run, policy: MonitorPolicy) -> None:
    """Multiply each bet's wealth by its factors, pair after pair. A bet that has lost all is left at 0."""
    size = max(1, CELLS // (2 * len(policy.bets)))
    for start in range(0, len(run.differences), size):
        alive = np.flatnonzero(run.wealth)
        path = run.factors(start, start + size, alive)
        path[0] *= run.wealth[alive]
        with np.errstate(over="ignore"):
            np.multiply.accumulate(path, axis=0, out=path)
        highest = path.max(initial=0.0)
        if highest >= HUGE or path.min(initial=1.0) < TINY:
            factors = run.factors(start, start + size, alive)
            _keep_range(path, factors, run.wealth[alive], lambda wealth, factor: _clip(wealth * factor))
        if BETTING in policy.detectors and highest >= policy.betting_limit * NEAR:  # no mean is above its largest part
            full = np.zeros((len(path), len(run.wealth)))
            full[:, alive] = path
            run.cross(BETTING, full, policy.betting_limit, start)
        run.wealth[alive] = path[-1]


def _restart(runs: list[_Run], policy: MonitorPolicy) -> None:
    """The e-SR evidence: (evidence + 1) × factor at each pair. All streams go side by side."""
    lanes = 2 * len(policy.bets)
    size = max(1, CELLS // (lanes * max(1, len(runs))))
    longest = max((len(run.differences) for run in runs), default=0)
    for start in range(0, longest, size):
        going = [run for run in runs if len(run.differences) > start]
        lengths = [min(size, len(run.differences) - start) for run in going]
        factors = np.ones((max(lengths), lanes * len(going)))
        for number, (run, length) in enumerate(zip(going, lengths, strict=True)):
            factors[:length, number * lanes : (number + 1) * lanes] = run.factors(start, start + size)
        evidence = np.concatenate([run.evidence for run in going])
        path = _recur(factors, evidence)
        if (highest := path.max()) >= HUGE:
            _keep_range(path, factors, evidence, lambda wealth, factor: _clip((wealth + 1.0) * factor))
        for number, (run, length) in enumerate(zip(going, lengths, strict=True)):
            own = path[:length, number * lanes : (number + 1) * lanes]
            if E_SR in policy.detectors and highest >= policy.e_sr_limit * NEAR:
                run.cross(E_SR, own, policy.e_sr_limit, start)
            run.evidence = own[-1].copy()


def _recur(factors: Floats, evidence: Floats) -> Floats:
    path, one, more = np.empty_like(factors), np.ones_like(evidence), np.empty_like(evidence)
    add, multiply = np.add, np.multiply
    before = evidence
    with np.errstate(over="ignore"):
        for factor, after in zip(factors, path, strict=True):
            add(before, one, more)
            multiply(more, factor, after)
            before = after
    return path


def _keep_range(path: Floats, factors: Floats, start: Floats, step: Callable[[float, float], float]) -> None:
    """Mend, in place, those lanes that leave the range in which wealth is kept."""
    outside = ~((path.min(axis=0) >= TINY) & (path.max(axis=0) < HUGE))
    for lane in np.flatnonzero(outside):
        column = path[:, lane]
        place = int(np.argmax(~((column >= TINY) & (column < HUGE))))  # up to here all is as the fold has it
        if column[place] < TINY:
            column[place:] = 0.0  # lost for good
            continue
        value = float(column[place - 1]) if place else float(start[lane])
        rest = factors[place:, lane].tolist()
        for number, factor in enumerate(rest):
            value = rest[number] = step(value, factor)
        column[place:] = rest


def _settled(run: _Run, window: int) -> StreamState:
    """The stream's state after the batch, in plain Python numbers."""
    s, d = run.stream, run.differences
    if not len(d):
        return s._replace(waiting=run.waiting, dropped=run.dropped)
    bets = len(run.wealth) // 2
    wealth, evidence = run.wealth.tolist(), run.evidence.tolist()
    return StreamState(
        pairs=s.pairs + len(d), total=_sum(s.total, d), total_sq=_sum(s.total_sq, d * d),
        up=tuple(wealth[:bets]), down=tuple(wealth[bets:]),
        e_sr_up=tuple(evidence[:bets]), e_sr_down=tuple(evidence[bets:]),
        recent=(*s.recent, *d[-window:].tolist())[-window:], waiting=run.waiting, dropped=run.dropped,
        halted=run.halted,
    )  # fmt: skip


def _sum(start: float, values: Floats) -> float:
    """Added one after the other, as the fold does."""
    return float(np.add.accumulate(np.concatenate([[start], values]))[-1])
