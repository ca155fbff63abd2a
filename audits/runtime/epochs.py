"""One run of the monitor, an epoch, as it is kept and compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from audits.domain.monitor.batch import fold_batch
from audits.domain.monitor.betting import MonitorState as Fold
from audits.domain.monitor.betting import OutcomeEvent, begin, fold_all
from audits.domain.monitor.columns import columns_of
from audits.domain.monitor.drift import DriftState, fold_scores
from audits.domain.monitor.policy import MonitorPolicy
from audits.runtime import feeds

VECTORISED = 100  # from so many events on, the batch fold is the faster one; both give the same bits


@dataclass
class Epoch:
    """Where one run of the monitor stands."""

    policy: MonitorPolicy
    fold: Fold
    served: ServedState


@dataclass(frozen=True)
class ServedState:
    """The part that predictions feed: their streams' fold, and the drift of the scores."""

    start: int  # predictions that were counted before the epoch
    cursor: int
    fold: Fold
    drift: DriftState

    def as_dict(self) -> dict:
        return {
            "start": self.start, "cursor": self.cursor, "fold": json.loads(self.fold.to_json()),
            "drift": self.drift.as_dict(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, raw: dict) -> ServedState:
        return cls(
            raw["start"], raw["cursor"], Fold.from_json(canonical(raw["fold"])), DriftState.from_dict(raw["drift"])
        )

    @classmethod
    def begin(cls, policy: MonitorPolicy, start: int) -> ServedState:
        return cls(start, start, begin(policy, position=start), DriftState())

    def on(self, served: feeds.Served, policy: MonitorPolicy, key: str) -> ServedState:
        """After more predictions."""
        drift = fold_scores(self.drift, served.scores, key=key, alpha=policy.alpha)
        return ServedState(self.start, served.cursor, fold_some(self.fold, served.events, policy), drift)


@dataclass(frozen=True)
class Replay:
    """The monitor folded again from the stored outcomes and predictions, beside what it had written."""

    position: int
    again: str  # canonical JSON of the state
    stored: str
    gone: tuple[date, ...] = ()  # months of the epoch whose rows were retired: it cannot be folded again

    @property
    def equal(self) -> bool:
        return self.again == self.stored

    @property
    def outcome(self) -> str:
        """Of "equal", "different" and "not replayable"."""
        return "not replayable" if self.gone else "equal" if self.equal else "different"


def fold_some(fold: Fold, events: list[OutcomeEvent], policy: MonitorPolicy) -> Fold:
    """Fold events, few one by one and many at once: the same bits."""
    if len(events) < VECTORISED:
        return fold_all(fold, events, policy)
    return fold_batch(fold, columns_of(events, policy), policy)


def canonical(state: dict) -> str:
    return json.dumps(state, sort_keys=True, separators=(",", ":"))
