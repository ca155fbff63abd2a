"""The part `start` of a run's configuration: the version whose weights its first round begins with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

ENCODERS = (None, "tuned", "frozen")
FROZEN = "frozen"
_MODELS = {"primary", "baseline"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Start:
    """What is frozen, so that each site sees it and consents to it.

    Attributes
    ----------
    version : str
        Id of the version.
    name : str
        How people call it.
    encoder : None, "tuned" or "frozen"
        None: training goes on with all weights. Otherwise the encoder alone is taken and the rest starts anew; a frozen
        encoder stays as it is, at the sites and in the average.
    weights : {"primary": SHA-256, "baseline": SHA-256}
        Of the version.
    taken : {"primary": SHA-256, "baseline": SHA-256}
        Of what is taken of them, which each site computes from the weights that it is sent.
    learned_from : tuple of str
        The institutions whose patients the version learned from, also before it began from another version.
    unclear : tuple of str
        Sites of this run where it learned from other data of the same institution: whether it has met patients who are
        held out there cannot be told.
    epsilon : float or None
        What a patient of the version has spent at most, the versions before it included; None: that is not bounded.
    """

    version: str
    name: str
    encoder: str | None
    weights: Mapping[str, str]
    taken: Mapping[str, str]
    learned_from: tuple[str, ...]
    unclear: tuple[str, ...]
    epsilon: float | None

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ValueError(f"expected the encoder tuned or frozen, or none for all weights, got {self.encoder!r}")
        for what, digests in (("weights", self.weights), ("taken", self.taken)):
            if set(digests) != _MODELS or not all(_SHA256.fullmatch(str(value)) for value in digests.values()):
                raise ValueError(f"start: expected {what} with a SHA-256 for primary and baseline, got {digests!r}")
        if self.encoder is None and self.taken != self.weights:
            raise ValueError("start: expected to take the version's weights as they are, got others")
        if not self.version or not self.name:
            raise ValueError("start: expected the id and the name of a version")

    @property
    def freezes(self) -> bool:
        return self.encoder == FROZEN

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Start:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        if set(raw) != {f.name for f in fields(cls)}:
            raise ValueError(f"expected a start with {', '.join(f.name for f in fields(cls))}, got {sorted(raw)}")
        lists = {name: tuple(raw[name]) for name in ("learned_from", "unclear")}
        return cls(**{**raw, **lists, "weights": dict(raw["weights"]), "taken": dict(raw["taken"])})

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "learned_from": list(self.learned_from), "unclear": list(self.unclear)}


def start_of(config: Mapping[str, Any]) -> Start | None:
    """The start of a frozen configuration, as it stands in an order; None if the run begins from initial weights."""
    part = config.get("start")
    return None if part is None else Start.from_dict(part)
