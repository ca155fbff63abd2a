"""A stratified random sample of controls or decisions, and the rate that an auditor's findings on it give.

The draw follows from a seed alone, so that anybody can repeat it: within each stratum items are taken in the order of
SHA-256(seed, item).

References
----------
.. [1] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
   Biometrika 26 (1934).
.. [2] L. Kish, "Survey Sampling" (1965), for the effective size of a weighted sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Item:
    """One thing that can be drawn. `ref` is unique in the population."""

    stratum: str
    ref: str
    title: str


@dataclass(frozen=True)
class Stratum:
    """What was found in one stratum."""

    name: str
    population: int
    assessed: int  # items drawn that could be assessed
    conform: int  # of which conform


@dataclass(frozen=True)
class Rate:
    """The share of the population that conforms, by the sample, with its exact interval."""

    value: float
    low: float
    high: float
    assessed: int

    @property
    def words(self) -> str:
        """The rate as people read it."""
        interval = f"{LEVEL:.0%} interval {self.low:.1%} to {self.high:.1%}"
        return f"{self.value:.1%} ({interval}, {self.assessed} items assessed)"


def seed_of(words: str, nonce: str, population_digest: str) -> bytes:
    """The seed: from the auditor's words, what the platform drew after them, and the population.

    Neither side alone chooses it.
    """
    return hashlib.sha256("\n".join(("qfl-ethics/sample/v1", words, nonce, population_digest)).encode()).digest()


def allocate(sizes: Mapping[str, int], wanted: int) -> dict[str, int]:
    """How many items each stratum gives: in proportion to its size, and at least one.

    Raises
    ------
    ValueError
        If fewer are wanted than there are strata, or more than there are items.

    Examples
    --------
    >>> allocate({"a": 60, "b": 30, "c": 10}, 10)
    {'a': 6, 'b': 3, 'c': 1}
    >>> allocate({"a": 98, "b": 1, "c": 1}, 4)
    {'a': 2, 'b': 1, 'c': 1}
    """
    held = {name: size for name, size in sizes.items() if size > 0}
    total = sum(held.values())
    if not len(held) <= wanted <= total or not held:
        raise ValueError(f"expected a sample of {len(held)} to {total} items, got {wanted}")
    given = dict.fromkeys(held, 1)
    while sum(given.values()) < wanted:  # the stratum that lags most behind its share
        open_ = [name for name in held if given[name] < held[name]]
        lag = max(open_, key=lambda name: (held[name] * wanted / total - given[name], name))
        given[lag] += 1
    return given


def draw(population: Sequence[Item], wanted: int, seed: bytes) -> list[Item]:
    """Draw a stratified sample, in the order of the strata's names."""
    strata: dict[str, list[Item]] = {}
    for item in population:
        strata.setdefault(item.stratum, []).append(item)
    given = allocate({name: len(items) for name, items in strata.items()}, wanted)

    def place(item: Item) -> bytes:
        return hashlib.sha256(seed + item.ref.encode()).digest()

    return [item for name in sorted(strata) for item in sorted(strata[name], key=place)[: given[name]]]


def success_rate(strata: Sequence[Stratum]) -> Rate | None:
    """The rate of conformity; None where nothing could be assessed.

    Each stratum counts by its part of the population, so that small strata, of which at least one item is drawn, do not
    weigh too much. The interval is that of Clopper and Pearson at Kish's effective size, which is the number of items
    where the draw is in proportion. Strata without an assessed item say nothing, and their part goes to the others.

    Examples
    --------
    >>> found = success_rate([Stratum("all", 100, 20, 19)])
    >>> round(found.value, 2), round(found.low, 4), round(found.high, 4)
    (0.95, 0.7513, 0.9987)
    """
    from scipy.special import betaincinv  # not at the top: pages load what loads this

    told = [stratum for stratum in strata if stratum.assessed > 0]
    if not told:
        return None
    total = sum(stratum.population for stratum in told)
    value = sum(s.population / total * s.conform / s.assessed for s in told)
    size = 1 / sum((s.population / total) ** 2 / s.assessed for s in told)
    hits, tail = value * size, (1 - LEVEL) / 2
    low = 0.0 if hits <= 1e-12 else float(betaincinv(hits, size - hits + 1, tail))
    high = 1.0 if size - hits <= 1e-12 else float(betaincinv(hits + 1, size - hits, 1 - tail))
    return Rate(value, low, high, sum(s.assessed for s in told))
