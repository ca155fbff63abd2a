"""How updates of a run are compressed, masked and sealed: the part `security` of the frozen configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from federation.domain.cells import MIN_CELL
from federation.domain.secure.aggregation import MIN_SITES, default_threshold
from federation.domain.secure.field import MODULI

WHY_NOT_MASKED = "it compares the updates of single sites, which secure aggregation hides from everybody"


@dataclass(frozen=True)
class SecurityConfig:
    """What is frozen of it.

    Attributes
    ----------
    masking : bool
        Whether updates and scores are summed under masks (`aggregation`).
    threshold : int
        Sites that must stay to the end of a round; 0 without masking.
    keep : float, over 0 to 1
        Share of the coordinates sent in a round: under masks the same at all sites, else each site's largest changes.
    field_bits : 12, 16 or 32
        Width of a sent number. Noise that all sites make together needs 32 (`noise_config`).
    clip : float, over 0
        Largest change of a weight that a round carries; more is carried over where there is error feedback.
    error_feedback : bool
        Whether a site adds to its next update what it could not send of this one.
    most_records : int, >= 1
        Weights of sites are relative to so many records.
    signing_keys : {site: SHA-256 of its ML-DSA-65 public key, hex}
        Whose keys the sites believe. Frozen, so that the coordinator cannot put others in their place.
    min_cell : int, >= 2
        Fewest patients of which a figure is released.
    qkd : bool
        Whether a key of quantum key distribution is mixed into each pairwise secret of the masks, beside ML-KEM's.
    """

    masking: bool
    threshold: int
    keep: float
    field_bits: int
    clip: float
    error_feedback: bool
    most_records: int
    signing_keys: Mapping[str, str]
    min_cell: int = MIN_CELL
    qkd: bool = False

    def __post_init__(self) -> None:
        for name in ("masking", "error_feedback", "qkd"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"expected {name} to be true or false, got {getattr(self, name)!r}")
        for name, low in (("threshold", 0), ("most_records", 1), ("min_cell", 2)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= 10**9:
                raise ValueError(f"expected {name} to be an integer from {low}, got {value!r}")
        for name, most in (("keep", 1.0), ("clip", 1e6)):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not 0 < value <= most:
                raise ValueError(f"expected {name} to be a number over 0 to {most:g}, got {value!r}")
        if type(self.field_bits) is not int or self.field_bits not in MODULI:
            raise ValueError(f"expected a field of 12, 16 or 32 bits, got {self.field_bits!r}")
        self._check_sites()

    def _check_sites(self) -> None:
        keys = self.signing_keys
        if not isinstance(keys, Mapping) or not all(isinstance(v, str) and len(v) == 64 for v in keys.values()):
            raise ValueError("expected signing_keys to give the SHA-256 of each site's key")
        sites = len(keys)
        if not self.masking:
            if self.threshold:
                raise ValueError(f"expected a threshold of 0 without masking, got {self.threshold}")
            if self.qkd:
                raise ValueError("expected masking with qkd: quantum keys are mixed into the secrets of the masks")
            return
        if sites < MIN_SITES:
            raise ValueError(
                f"secure aggregation needs at least {MIN_SITES} sites, got {sites}: of a sum of two, each site can "
                "subtract its own part; propose the run without it, or admit another site"
            )
        least = max(MIN_SITES, sites // 2 + 1)
        if not least <= self.threshold <= sites:
            raise ValueError(f"expected a threshold from {least} to {sites} of {sites} sites, got {self.threshold}")

    @classmethod
    def recommended(cls, signing_keys: Mapping[str, str], *, most_records: int, **chosen: Any) -> SecurityConfig:
        """Masked, a thirteenth of the coordinates a round, up to a third of the sites may drop out.

        Without masks whole weights are sent, each site's by itself, or its largest changes where a share is chosen.
        """
        masking = chosen.pop("masking", True)
        thin = masking or chosen.get("keep", 1.0) < 1
        usual: dict[str, Any] = {
            "threshold": default_threshold(len(signing_keys)) if masking else 0,
            "keep": 0.08 if masking else 1.0, "field_bits": 16, "clip": 0.25, "error_feedback": thin,
        }  # fmt: skip
        return cls(masking=masking, signing_keys=dict(signing_keys), most_records=most_records, **{**usual, **chosen})

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> SecurityConfig:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        expected = {field.name for field in fields(cls)}
        raw = {"qkd": False, **raw}
        if set(raw) != expected:
            raise ValueError(
                f"expected security with {sorted(expected)}; missing {sorted(expected - set(raw))}, unexpected "
                f"{sorted(set(raw) - expected)}"
            )
        return cls(**raw)

    def as_dict(self) -> dict[str, Any]:
        """For the frozen configuration: without `qkd` where it is off, as before there was any."""
        whole = {**asdict(self), "signing_keys": dict(self.signing_keys)}
        return whole if self.qkd else {name: value for name, value in whole.items() if name != "qkd"}

    def check_fits(self, *, sites: Mapping[str, Any]) -> None:
        """Raise ValueError unless there is a signing key of exactly the run's sites."""
        if set(self.signing_keys) != set(sites):
            raise ValueError(f"expected a signing key of each of {sorted(sites)}, got {sorted(self.signing_keys)}")
