"""Intervals of rates, defined once."""

from __future__ import annotations


def clopper_pearson(found: int, drawn: int, confidence: float) -> tuple[float, float]:
    """Exact interval of a rate from `found` of `drawn` independent reads; `drawn` >= 1."""
    from scipy.special import betaincinv  # not at the top: pages load what loads this

    tail = (1 - confidence) / 2
    lower = float(betaincinv(found, drawn - found + 1, tail)) if found > 0 else 0.0
    upper = float(betaincinv(found + 1, drawn - found, 1 - tail)) if found < drawn else 1.0
    return lower, upper
