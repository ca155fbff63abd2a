"""What it costs to know a rate by reading records: at random with replacement, without, or all of them.

These stand beside amplitude estimation. The number of reads is the smallest that gives the half width at the rate that
is there, as if it were known in advance: that favours sampling, never the quantum method.
"""

from __future__ import annotations

from collections.abc import Callable

from federation.domain.intervals import clopper_pearson

MOST_READS = 2**40


def hypergeometric(found: int, drawn: int, records: int, confidence: float) -> tuple[float, float]:
    """Exact interval of a rate from `found` of `drawn` reads without replacement among `records`.

    Reading all of them gives the rate itself.

    References
    ----------
    .. [1] Buonaccorsi, The American Statistician 41 (1987), 215-218.
    """
    from scipy.stats import hypergeom

    tail = (1 - confidence) / 2
    least, most = found, records - (drawn - found)
    lower = _first(least, most, lambda total: float(hypergeom.sf(found - 1, records, total, drawn)) > tail)
    upper = _first(least, most + 1, lambda total: float(hypergeom.cdf(found, records, total, drawn)) <= tail) - 1
    return lower / records, upper / records


def reads_with_replacement(rate: float, *, epsilon: float, confidence: float) -> int:
    """Reads after which the Clopper-Pearson interval is at most two epsilon wide."""
    return _first(1, MOST_READS, lambda n: _half(clopper_pearson(round(rate * n), n, confidence)) <= epsilon)


def reads_without_replacement(found: int, records: int, *, epsilon: float, confidence: float) -> int:
    """Reads among `records`, of which `found` count, after which the exact interval is at most two epsilon wide."""
    rate = found / records

    def enough(n: int) -> bool:
        return _half(hypergeometric(round(rate * n), n, records, confidence)) <= epsilon

    return _first(1, records, enough)


def _half(interval: tuple[float, float]) -> float:
    return (interval[1] - interval[0]) / 2


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first number from which `holds` holds, or `high`; bisection, since each of these holds ever after (rounding
    to whole records may move the reads by one or two).
    """
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
