"""How demographics become groups, the same for every set of real patients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import UNKNOWN


def age_band(years: float | None) -> str:
    """``under 50``, ``50-64``, ``65 and over``, or ``unknown`` where the age is missing."""
    if years is None:
        return UNKNOWN
    return "under 50" if years < 50 else "50-64" if years < 65 else "65 and over"


def missing_notes(groups: Mapping[str, NDArray[np.str_]]) -> list[str]:
    """A note for each attribute that some patients miss, without naming them."""
    return [
        f"{name}: missing for {int((values == UNKNOWN).sum())} of {len(values)} patients, who form the group unknown"
        for name, values in groups.items()
        if (values == UNKNOWN).any()
    ]
