"""What every aggregation rule takes and gives, and what all of them refuse before they look at a number.

There are two kinds. A `SumRule` needs nothing but a weighted mean of what each site contributes, so the sites can mask
their contributions (secure aggregation) and the rule never sees one of them. A `SingleRule` compares updates with each
other: it needs them one by one, and masking excludes it. Whatever a rule remembers from round to round is a state of
its own that comes in and goes out, so that a server that dies loses nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from federation.domain.learning.states import State, WeightsError, check, shapes_of

Vector = dict[str, NDArray[np.float64]]


class AggregationError(ValueError):
    """Updates that cannot be put together. The message names the one at fault."""


@dataclass(frozen=True)
class Update:
    """One site's contribution to a round."""

    key: str  # unique in the round, e.g. the site's code; fixes the order of summation
    state: State
    weight: float  # >= 0, e.g. the number of patients
    noise: float = 0.0  # standard deviation of the noise on each number of its mean gradient; 0: none was added


@dataclass(frozen=True)
class Before:
    """What a rule knows when a round ends.

    Attributes
    ----------
    start : State
        The weights that the round started from.
    memory : State
        What the rule gave as `Aggregate.memory` after the round before; empty in the first.
    angles : names of the weights that are rotation angles of a circuit, in radians
    sites : int
        Sites of the run, whether or not they took part in this round.
    """

    start: State
    memory: State = field(default_factory=dict)
    angles: frozenset[str] = frozenset()
    sites: int = 0


@dataclass(frozen=True)
class Aggregate:
    """The weights after a round, what the rule remembers, and what it did with single sites, in words."""

    state: State
    memory: State = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pull:
    """What a rule adds to each gradient of local training: ``mu (w - start) - own``; nothing where `mu` is 0.

    With `remembers`, the site keeps ``own``, 0 at first, and after each of its rounds subtracts ``mu (w - start)``.
    """

    mu: float = 0.0
    remembers: bool = False


@dataclass(frozen=True)
class Strategy(ABC):
    """A rule with its options, which are the fields of its class."""

    name: ClassVar[str]
    title: ClassVar[str]  # as people call it
    words: ClassVar[str]  # what it does, in one sentence
    paper: ClassVar[str]
    needs_single_updates: ClassVar[bool]

    def __post_init__(self) -> None:
        for option in fields(self):
            _check_option(option.name, getattr(self, option.name), option.metadata)

    @property
    def fewest(self) -> int:
        """Sites that a round needs for this rule to work at all."""
        return 1

    @property
    def pull(self) -> Pull:
        return Pull()

    def options(self) -> dict[str, Any]:
        return asdict(self)

    @abstractmethod
    def aggregate(self, updates: Sequence[Update], before: Before) -> Aggregate:
        """Put the updates of a round together; the same for any order of them.

        Raises
        ------
        AggregationError
            See `checked`; and if there are fewer than `fewest`.
        """


class SumRule(Strategy):
    """A rule that needs only the weighted mean of the contributions."""

    needs_single_updates = False

    def weight(self, update: Update) -> float:
        """What the site's contribution counts in the mean, >= 0."""
        return update.weight

    def contribution(self, state: State, angles: frozenset[str]) -> Vector:
        """The numbers of one site that are averaged. Under secure aggregation the site computes and masks them."""
        return {name: value.astype(np.float64) for name, value in state.items()}

    @abstractmethod
    def finish(self, mean: Vector, before: Before, *, weight: float) -> Aggregate:
        """The new weights, from the weighted mean of the contributions and the sum of their weights."""

    def aggregate(self, updates: Sequence[Update], before: Before) -> Aggregate:
        ordered = checked(updates, like=before.start)
        weights = [self.weight(update) for update in ordered]
        parts = [self.contribution(update.state, before.angles) for update in ordered]
        return self.finish(mean_of(parts, weights), before, weight=sum(weights))


class SingleRule(Strategy):
    """A rule that looks at every update by itself. Records weigh nothing: a liar could claim any number of them."""

    needs_single_updates = True

    @abstractmethod
    def choose(self, stacked: Vector, keys: Sequence[str]) -> tuple[Vector, dict[str, str]]:
        """The new weights of arrays with the sites along the first axis, and notes on single sites."""

    def aggregate(self, updates: Sequence[Update], before: Before) -> Aggregate:
        ordered = [update for update in checked(updates, like=before.start) if update.weight > 0]
        if len(ordered) < self.fewest:
            raise AggregationError(
                f"{self.title} with these options expected updates of at least {self.fewest} sites with records, got "
                f"{len(ordered)}"
            )
        names = sorted(ordered[0].state)
        stacked = {name: np.stack([u.state[name].astype(np.float64) for u in ordered]) for name in names}
        chosen, notes = self.choose(stacked, [update.key for update in ordered])
        return Aggregate(as_state(chosen), {}, notes)


def mean_of(parts: Sequence[Vector], weights: Sequence[float]) -> Vector:
    """The weighted mean, summed in float64 in the given order."""
    total = sum(weights)
    return {
        name: np.asarray(sum(weight / total * part[name] for part, weight in zip(parts, weights, strict=True)))
        for name in sorted(parts[0])
    }


def as_state(values: Mapping[str, NDArray[np.float64]]) -> State:
    return {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}


def checked(updates: Sequence[Update], *, like: State | None = None) -> list[Update]:
    """The updates sorted by key, so that floating-point sums do not depend on the order of arrival.

    Parameters
    ----------
    like : weights whose names and shapes they must have; None: those of the first

    Raises
    ------
    AggregationError
        If there is none, a key comes twice, a weight is negative or not finite, all weights are 0, or states differ in
        names or shapes or hold values that are not finite.
    """
    if not updates:
        raise AggregationError("expected at least one update, got none; the round has no quorum")
    ordered = sorted(updates, key=lambda update: update.key)
    if len({update.key for update in ordered}) < len(ordered):
        raise AggregationError(f"expected one update a site, got {[update.key for update in ordered]}")
    shapes = shapes_of(ordered[0].state if like is None else like)
    for update in ordered:
        for what in ("weight", "noise"):
            value = getattr(update, what)
            if not (math.isfinite(value) and value >= 0):
                raise AggregationError(f"{update.key}: expected a finite {what} of 0 or more, got {value}")
        try:
            check(update.state, shapes=shapes)
        except WeightsError as error:
            raise AggregationError(f"{update.key}: {error}") from error
    if sum(update.weight for update in ordered) == 0:
        raise AggregationError("expected a total weight over 0, got 0; no site has a record")
    return ordered


def option(default: float, text: str, *, low: float, high: float) -> Any:
    """An option of a rule, from `low` to `high`; a whole number if the default is one."""
    return field(default=default, metadata={"help": text, "low": low, "high": high, "whole": type(default) is int})


def _check_option(name: str, value: Any, about: Mapping[str, Any]) -> None:
    kinds: tuple[type, ...] = (int,) if about["whole"] else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not about["low"] <= value <= about["high"]:
        kind = "whole number" if about["whole"] else "number"
        raise ValueError(f"expected {name} to be a {kind} from {about['low']} to {about['high']}, got {value!r}")
