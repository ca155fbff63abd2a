"""Whether the model's scores have changed since the deployment began: without labels, so without their delay.

*Test.* Each score is ranked among all before it (in `BINS` equal parts of [0, 1]; ties are broken by a number drawn
from a hash, so that a replay draws the same). While scores come in exchangeable order the ranks p are uniform and
independent, and the Simple Jumper martingale [1]_ that bets on high or on low ranks reaches 1/alpha with probability at
most alpha, however long it runs.

*Population stability index.* The last whole block of scores beside the first one. It describes; it controls nothing. A
version carries no scores from its audit, so the reference is the deployment's own first block.

*Estimated accuracy.* If scores are calibrated, a case is right with probability max(score, 1 - score); the mean over a
block estimates its accuracy. It is an estimate and no measurement: a model that is wrong and sure of it looks well.

References
----------
.. [1] Vovk et al., Retrain or not retrain: conformal test martingales for change-point detection, arXiv:2102.10439.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from audits.domain.monitor import histograms

BINS = 10
BLOCK = 500  # scores in the reference, and in each block after it
JUMP = 0.01
LEANS = (-1.0, 0.0, 1.0)
PSI_LIMIT = 0.25  # the customary mark of a large shift; chance alone gives about 0.04 for two blocks
DECLINE = 0.05  # of the estimated accuracy


@dataclass(frozen=True)
class DriftState:
    """What is remembered of the scores.

    Attributes
    ----------
    n : int
        Scores seen.
    counts, reference, block, last : tuple of int, BINS of each
        Histograms of all scores, of the first block, of the block that is being filled, of the last whole one.
    wealth : the martingale's three parts
    alarm_at : int or None
        The score at which it first reached its limit.
    sure_reference, sure_block, sure_last : float
        Sums of max(score, 1 - score) over the same blocks.
    """

    n: int = 0
    counts: tuple[int, ...] = (0,) * BINS
    reference: tuple[int, ...] = (0,) * BINS
    block: tuple[int, ...] = (0,) * BINS
    last: tuple[int, ...] | None = None
    wealth: tuple[float, ...] = (1.0 / 3.0,) * 3
    alarm_at: int | None = None
    sure_reference: float = 0.0
    sure_block: float = 0.0
    sure_last: float = 0.0

    def as_dict(self) -> dict:
        """Plain JSON; floats in hexadecimal, so that they come back exactly."""
        floats = {name: getattr(self, name).hex() for name in _FLOATS}
        return asdict(self) | floats | {"wealth": [part.hex() for part in self.wealth]}

    @classmethod
    def from_dict(cls, raw: dict) -> DriftState:
        """The inverse of `as_dict`."""
        fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in raw.items()}
        fields |= {name: float.fromhex(raw[name]) for name in _FLOATS}
        fields["wealth"] = tuple(map(float.fromhex, raw["wealth"]))
        return cls(**fields)


_FLOATS = ("sure_reference", "sure_block", "sure_last")


def fold_scores(state: DriftState, scores: Iterable[float], *, key: str, alpha: float) -> DriftState:
    """The state after more scores, each in [0, 1].

    Parameters
    ----------
    key : str
        Names the stream of tie-breaking numbers, such as the deployment's id.
    alpha : float
        Probability of the test's ever alarming while nothing changes.
    """
    n, counts, wealth, alarm_at = state.n, list(state.counts), list(state.wealth), state.alarm_at
    reference, block, last = list(state.reference), list(state.block), state.last
    sure_reference, sure_block, sure_last = state.sure_reference, state.sure_block, state.sure_last
    for score in scores:
        place = min(int(score * BINS), BINS - 1)
        n += 1
        counts[place] += 1
        rank = (sum(counts[place + 1 :]) + _uniform(key, n) * counts[place]) / n
        total = wealth[0] + wealth[1] + wealth[2]
        wealth = [
            ((1.0 - JUMP) * part + JUMP / 3.0 * total) * (1.0 + lean * (rank - 0.5))
            for part, lean in zip(wealth, LEANS, strict=True)
        ]
        if alarm_at is None and wealth[0] + wealth[1] + wealth[2] >= 1.0 / alpha:
            alarm_at = n
        if max(wealth) > 1e100:  # the alarm stands; further growth says nothing more
            wealth = [part * 1e-50 for part in wealth]
        sure = max(score, 1.0 - score)
        if n <= BLOCK:
            reference[place] += 1
            sure_reference += sure
            continue
        block[place] += 1
        sure_block += sure
        if (n % BLOCK) == 0:
            last, sure_last = tuple(block), sure_block
            block, sure_block = [0] * BINS, 0.0
    return DriftState(
        n, tuple(counts), tuple(reference), tuple(block), last, tuple(wealth), alarm_at, sure_reference, sure_block,
        sure_last,
    )  # fmt: skip


def stability_index(state: DriftState) -> float | None:
    """PSI of the last whole block against the first; 0: equal; None before there are two blocks."""
    return None if state.last is None else histograms.stability_index(state.reference, state.last)


def estimated_accuracy(state: DriftState) -> tuple[float | None, float | None]:
    """Of the first block and of the last whole one, in [0, 1], if scores are calibrated."""
    first = state.sure_reference / BLOCK if state.n >= BLOCK else None
    return first, None if state.last is None else state.sure_last / BLOCK


def warnings(state: DriftState, *, alpha: float, scores_are_probabilities: bool = True) -> list[tuple[str, str]]:
    """What a person must know, as (rule, sentence)."""
    out = []
    if state.alarm_at is not None:
        out.append(
            ("score_drift", f"The distribution of the scores has changed: shown at prediction {state.alarm_at:,} by a "
             f"test that alarms with probability at most {alpha:g} while nothing changes. It needs no labels and does "
             "not say why.")
        )  # fmt: skip
    index = stability_index(state)
    if index is not None and index > PSI_LIMIT:
        out.append(
            ("score_psi", f"The scores of the last {BLOCK} predictions differ from the first {BLOCK}: population "
             f"stability index {index:.2f}, customary mark {PSI_LIMIT:g}. This describes and proves nothing.")
        )  # fmt: skip
    first, last = estimated_accuracy(state)
    if scores_are_probabilities and first is not None and last is not None and first - last > DECLINE:
        out.append(
            ("estimated_decline", f"The estimated accuracy fell from {first:.3f} to {last:.3f} (mean confidence of "
             f"the first and of the last {BLOCK} predictions). An estimate that supposes calibrated scores, no "
             "measurement.")
        )  # fmt: skip
    return out


def _uniform(key: str, number: int) -> float:
    digest = hashlib.sha256(f"{key}:{number}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) * 2.0**-53
