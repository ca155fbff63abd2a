"""Whether a model's inputs have changed at one site: from histograms alone, as the inputs are not kept.

*Test.* Each block of new cases is compared, input by input, with as many cases drawn at random from all cases so far,
the block among them. While cases come in exchangeable order, the rank of the block's distance among those of `DRAWS`
draws (ties broken at random) is uniform, and the ranks of successive blocks are independent [1]_. So a martingale that
bets on small ranks reaches 1/alpha with probability at most alpha, however long it runs. The order within a block is
not needed, which is why a histogram suffices, and a block may be as long as it likes if its length does not depend on
what is in it. Some bets begin anew with every block, so that a change that comes late is found too.

*Population stability index.* The last whole block beside the reference: what the site's training data looked like when
the version was audited, or, where no audit told, the site's own first cases. It describes; it controls nothing. Chance
gives (groups - 1) (1/m + 1/n) of it, which is added to the customary mark: a small reference is no drift.

References
----------
.. [1] Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, chapter 8 (test of exchangeability).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.monitor.drift import JUMP, PSI_LIMIT
from audits.domain.monitor.histograms import CELLS, Counts, grouped, stability_index

BLOCK = 100  # new cases before they are tested
SHARE = 0.01  # of all cases so far, at least, in a block: a long life brings few tests more
WHOLE = 500  # cases in a block of the stability index, and in a first reference
DRAWS = 99
POWERS = (1.0, 0.5, 0.2)  # of the bets p ** (k - 1) * k; the first stakes nothing
MOST_CASES = 500_000_000  # of all cases so far: beyond, draws are no longer exact, and nothing is bet


@dataclass(frozen=True)
class InputState:
    """What is remembered of one site's inputs, d of them.

    Attributes
    ----------
    n : int
        Cases seen.
    counts : ndarray, shape (d, CELLS)
        Of all cases seen.
    reference : ndarray, shape (d, CELLS), or None until there is one
    audited : bool
        Whether the reference comes with the version.
    block, last : ndarray, shape (d, CELLS)
        Cases since the last whole block, and that block; `last` is None before there is one.
    wealth : ndarray, shape (d, len(POWERS))
    alarm_at : tuple of int or None, length d
        The case at which each input's wealth first reached its limit.
    """

    n: int
    counts: Counts
    reference: Counts | None
    audited: bool
    block: Counts
    last: Counts | None
    wealth: NDArray[np.float64]
    alarm_at: tuple[int | None, ...]

    @classmethod
    def begin(cls, inputs: int, reference: Counts | None = None) -> InputState:
        nothing = np.zeros((inputs, CELLS), dtype=np.int64)
        wealth = np.full((inputs, len(POWERS)), 1.0 / len(POWERS))
        return cls(0, nothing, reference, reference is not None, nothing, None, wealth, (None,) * inputs)

    @property
    def evidence(self) -> NDArray[np.float64]:
        """The wealth of each input's test, shape (d,); 1 at the beginning."""
        return np.asarray(self.wealth.sum(axis=1))

    @property
    def due(self) -> int:
        """How many new cases make the next block."""
        return max(BLOCK, math.ceil(SHARE * self.n))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        tables = {
            name: None if (table := getattr(self, name)) is None else table.tolist()
            for name in ("counts", "reference", "block", "last", "wealth")
        }
        return {"n": self.n, "audited": self.audited, "alarm_at": list(self.alarm_at), **tables}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> InputState:
        """The inverse of `as_dict`."""
        tables = {
            name: None if raw[name] is None else np.array(raw[name], dtype=np.int64)
            for name in ("counts", "reference", "block", "last")
        }
        wealth = np.array(raw["wealth"], dtype=np.float64)
        return cls(n=raw["n"], audited=raw["audited"], alarm_at=tuple(raw["alarm_at"]), wealth=wealth, **tables)  # type: ignore[arg-type]


@dataclass(frozen=True)
class InputFound:
    """What is known of one input.

    Attributes
    ----------
    index : float or None
        Population stability index of the last whole block; None before there are two histograms to compare.
    mark : float or None
        From where on it is called large.
    alarm_at : int or None
        The case at which the test showed a change.
    evidence : float
        The test's wealth now.
    """

    name: str
    index: float | None
    mark: float | None
    alarm_at: int | None
    evidence: float

    @property
    def large(self) -> bool:
        return self.index is not None and self.mark is not None and self.index > self.mark

    @property
    def warns(self) -> bool:
        return self.alarm_at is not None or self.large


def fold_block(state: InputState, counts: Counts, *, key: str, limit: float) -> InputState:
    """The state after a block of new cases.

    Parameters
    ----------
    counts : ndarray, shape (d, CELLS)
        Each input's row sums to the same number of cases.
    key : str
        Names the stream of random numbers, such as the deployment's id and the site.
    limit : float
        Wealth at which a change is shown: the number of inputs and sites watched, over alpha.
    """
    size = int(counts[0].sum())
    wealth, alarm_at = state.wealth, state.alarm_at
    if state.n and state.n + size <= MOST_CASES:
        ranks = _ranks(counts, state.counts + counts, _seed(key, state.n))
        wealth = _bet(wealth, ranks)
        crossed = wealth.sum(axis=1) >= limit
        alarm_at = tuple(
            state.n + size if before is None and now else before for before, now in zip(alarm_at, crossed, strict=True)
        )
        wealth = np.where(wealth.max(axis=1, keepdims=True) > 1e100, wealth * 1e-50, wealth)  # the alarm stands
    block, last, reference = state.block + counts, state.last, state.reference
    if reference is None and block[0].sum() >= WHOLE:
        reference, block = block, np.zeros_like(block)
    elif block[0].sum() >= WHOLE:
        last, block = block, np.zeros_like(block)
    return replace(
        state, n=state.n + size, counts=state.counts + counts, reference=reference, block=block, last=last,
        wealth=wealth, alarm_at=alarm_at,
    )  # fmt: skip


def found(state: InputState, names: Sequence[str]) -> list[InputFound]:
    """What is known of each input, in their order."""
    evidence = state.evidence
    return [
        InputFound(name, *_index(state, place), state.alarm_at[place], float(evidence[place]))
        for place, name in enumerate(names)
    ]


def _index(state: InputState, place: int) -> tuple[float | None, float | None]:
    if state.reference is None or state.last is None or not state.reference[place].sum():
        return None, None
    one, other = grouped(state.reference[place], state.last[place])
    chance = (len(one) - 1) * (1.0 / sum(one) + 1.0 / sum(other))
    return stability_index(one, other), PSI_LIMIT + chance


def _ranks(block: Counts, everything: Counts, seed: int) -> NDArray[np.float64]:
    """For each input, the rank of the block's distance among those of random draws: small if it is far off."""
    rng = np.random.Generator(np.random.PCG64(seed))
    size = int(block[0].sum())
    ties = rng.random(len(block))
    out = np.empty(len(block))
    for place, (mine, pooled) in enumerate(zip(block, everything, strict=True)):
        kept = np.flatnonzero(pooled)
        drawn = rng.multivariate_hypergeometric(pooled[kept], size, size=DRAWS, method="marginals")
        every = np.vstack([mine[kept], drawn])
        away = ((every - size * pooled[kept] / pooled.sum()) ** 2 / pooled[kept]).sum(axis=1)
        above, equal = (away[1:] > away[0]).sum(), (away[1:] == away[0]).sum()
        out[place] = (above + ties[place] * (equal + 1)) / (DRAWS + 1)
    return np.maximum(out, 2.0**-53)


def _bet(wealth: NDArray[np.float64], ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each bet's wealth times k p^(k-1), after a little of all of it was shared out among the bets anew."""
    powers = np.array(POWERS)
    shared = (1.0 - JUMP) * wealth + JUMP / len(POWERS) * wealth.sum(axis=1, keepdims=True)
    return np.asarray(shared * powers * ranks[:, None] ** (powers - 1.0))


def _seed(key: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{key}:{number}".encode()).digest()[:8], "big")
