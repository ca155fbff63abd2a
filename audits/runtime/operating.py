"""A case's inputs against the operating range on the card that was approved. Nothing is assumed: no range, no word."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.domain.robustness.operating_range import OperatingRange, Place, image_figures, image_inputs, place_of
from audits.runtime.declared import Declared
from models_registry.models import Card, Deployment

NOT_MEASURED = "operating range not measured"
LISTED = 5  # inputs named in one case's warnings


@dataclass(frozen=True)
class Operating:
    """The ranges on the approved card.

    Attributes
    ----------
    ranges : mapping of input to (low, high)
        Widest of the sites' 1st to 99th percentiles in training; empty if no audit measured them.
    """

    edition: int | None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def told(self, declared: Declared) -> dict[str, Any]:
        """What an answer says of it."""
        names = inputs_named(declared)
        known = [name for name in names if name in self.ranges]
        if not known:
            return {"measured": False, "note": f"{NOT_MEASURED}: the approved card has no range of this model's inputs"}
        out: dict[str, Any] = {"measured": True, "card_edition": self.edition, "inputs": len(known)}
        if len(known) < len(names):
            out["note"] = f"{NOT_MEASURED} for {len(names) - len(known)} of {len(names)} inputs"
        return out


@dataclass(frozen=True)
class Judged:
    """Where a case lies, and in words what is outside."""

    place: Place
    warnings: list[str]


def operating_of(deployment: Deployment) -> Operating:
    return _operating(deployment.version_id, deployment.approval.content.get("card", ""))


@lru_cache(maxsize=64)
def _operating(version_id: uuid.UUID, digest: str) -> Operating:
    """A card's edition never changes, so this is read once a process."""
    card = Card.objects.filter(version_id=version_id, digest=digest).first()
    if card is None:
        return Operating(None)
    rows = (card.content.get("boundaries") or {}).get("ranges") or []
    return Operating(card.edition, {str(row["input"]): (row["low"], row["high"]) for row in rows if _usable(row)})


def _usable(row: Mapping[str, Any]) -> bool:
    ends = (row.get("low"), row.get("high"))
    return bool(row.get("input")) and all(isinstance(end, int | float) and isfinite(end) for end in ends)


def inputs_named(declared: Declared) -> tuple[str, ...]:
    """What has a range: the columns of a table, three figures of each channel of an image."""
    return image_inputs(declared.feature_names) if declared.imaged else declared.feature_names


def inputs_of_case(declared: Declared, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """The values of a case's inputs, in the order of `inputs_named`.

    Parameters
    ----------
    x : ndarray, shape (1, d) or (slices, channels, height, width)
    """
    return image_figures(x) if declared.imaged else x[0].astype(float)


def judge(operating: Operating, declared: Declared, values: NDArray[np.float64]) -> Judged:
    """Hold one case's inputs, as `inputs_of_case` gives them, against the ranges."""
    if not operating.ranges:
        return Judged(Place.UNKNOWN, [])
    names = inputs_named(declared)
    known = [i for i, name in enumerate(names) if name in operating.ranges] if len(names) == len(values) else []
    low, high = (np.array([operating.ranges[names[i]][end] for i in known], dtype=float) for end in (0, 1))
    mine = values[known]
    place = place_of(mine, low, high)
    if place in (Place.INSIDE, Place.UNKNOWN):
        return Judged(place, [])
    outside = np.flatnonzero(OperatingRange(low, high).outside(mine))
    kind = "image" if declared.imaged else "features"
    said = [
        f"{kind}.{names[known[i]]}: {mine[i]:.4g} is outside the operating range {low[i]:g} to {high[i]:g}"
        for i in outside[:LISTED]
    ]
    if len(outside) > LISTED:
        said.append(f"{kind}: {len(outside) - LISTED} more are outside the operating range")
    if place is Place.FAR:
        said.append(f"out of distribution: {len(outside)} of {len(known)} inputs are outside, or one is far outside")
    return Judged(place, said)
