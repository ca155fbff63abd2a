"""A batch of events as columns: what `fold_batch` reads."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.domain.monitor.betting import EventError, OutcomeEvent, PositionError
from audits.domain.monitor.policy import CROSS, MonitorPolicy


@dataclass(frozen=True)
class Labels:
    """A column of names: `codes` point into `names`; -1 stands for no name."""

    codes: NDArray[np.int16]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """Events at the positions `first`, `first` + 1, ...; all columns have the same length.

    Attributes
    ----------
    groups : attribute to the group of each event. Intersections that the policy declares need not be given
    values : metric to its value in [0, 1] of each event, NaN where undefined
    stratum : the label of each event, if any; without a name is the stratum ""
    bin : the part of the score's range of each event, if any
    """

    first: int
    groups: Mapping[str, Labels]
    values: Mapping[str, NDArray[np.float64]]
    stratum: Labels | None = None
    bin: Labels | None = None

    def __len__(self) -> int:
        for column in self.values.values():
            return len(column)
        for labels in self.groups.values():
            return len(labels.codes)
        return 0

    def check(self) -> None:
        """Refuse a value that is not in [0, 1], naming its event."""
        for metric, column in self.values.items():
            with np.errstate(invalid="ignore"):
                wrong = (column < 0.0) | (column > 1.0)
            if wrong.any():
                place = int(np.argmax(wrong))
                raise EventError(
                    f"position {self.first + place}, {metric}: expected a number in [0, 1], got {column[place]!r}"
                )


def columns_of(events: Sequence[OutcomeEvent], policy: MonitorPolicy) -> Columns:
    """The events as columns.

    Raises
    ------
    PositionError
        If their positions are not gapless.
    EventError
        If a value is not a number.
    """
    for place, event in enumerate(events):
        if event.position != events[0].position + place:
            raise PositionError(expected=events[0].position + place, got=event.position)
    attributes = {part for name in policy.groups for part in (policy.crossed.get(name) or (name,))}
    return Columns(
        first=events[0].position if events else 0,
        groups={name: labels_of(event.groups.get(name) for event in events) for name in sorted(attributes)},
        values={metric: _values(metric, events) for metric in policy.metrics},
        stratum=labels_of(None if event.stratum is None else str(event.stratum) for event in events),
        bin=labels_of(event.bin for event in events),
    )


def labels_of(names: Iterable[str | None]) -> Labels:
    """A column of names from the names themselves, None for none."""
    seen: dict[Hashable, int] = {None: -1}
    codes = [seen.setdefault(name, len(seen) - 1) for name in names]
    return Labels(np.array(codes, dtype=np.int16), tuple(str(name) for name in seen if name is not None))


def sides(columns: Columns, attribute: str, policy: MonitorPolicy) -> NDArray[np.int16]:
    """For each event the number of its group among `policy.groups[attribute]` in alphabetical order; -1: none."""
    known = {name: number for number, name in enumerate(sorted(policy.groups[attribute]))}
    parts = policy.crossed.get(attribute)
    if not parts or attribute in columns.groups:
        labels = columns.groups.get(attribute)
        if labels is None:
            return np.full(len(columns), -1, dtype=np.int16)
        return _table([known.get(name, -1) for name in labels.names])[labels.codes]
    if not all(part in columns.groups for part in parts):
        return np.full(len(columns), -1, dtype=np.int16)
    codes, names = np.zeros(len(columns), dtype=np.int64), [""]
    missing = np.zeros(len(columns), dtype=bool)
    for number, part in enumerate(parts):
        labels = columns.groups[part]
        missing |= labels.codes < 0
        codes = codes * max(len(labels.names), 1) + labels.codes
        names = [f"{a}{CROSS}{b}" if number else b for a in names for b in labels.names]
    codes[missing] = len(names)
    return _table([known.get(name, -1) for name in names])[codes]


def _table(codes: list[int]) -> NDArray[np.int16]:
    """A look-up whose last place, which -1 and the length both name, is -1."""
    return np.array([*codes, -1], dtype=np.int16)


def _values(metric: str, events: Sequence[OutcomeEvent]) -> NDArray[np.float64]:
    out = np.full(len(events), np.nan)
    for place, event in enumerate(events):
        value = event.values.get(metric)
        if value is None:
            continue
        if not isinstance(value, (float, int)) or value != value:
            raise EventError(f"position {event.position}, {metric}: expected a number in [0, 1], got {value!r}")
        out[place] = value
    return out
