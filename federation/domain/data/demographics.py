"""How ages become groups, the same for every set of real patients."""

from __future__ import annotations

from federation.domain.data.dataset import UNKNOWN


def age_band(years: float | None) -> str:
    """``under 50``, ``50-64``, ``65 and over``, or ``unknown`` where the age is missing."""
    if years is None:
        return UNKNOWN
    return "under 50" if years < 50 else "50-64" if years < 65 else "65 and over"
