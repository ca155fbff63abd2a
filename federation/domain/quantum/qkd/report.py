"""What a site says of its QKD links: figures for people, no key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from federation.domain.quantum.qkd.etsi014 import KmeStatus

STATES = ("up", "no_key", "down", "unconfigured")
_SHARES, _COUNTS = ("qber", "qber_upper", "rate"), ("secure_bits", "stored_keys", "max_keys", "key_size")


@dataclass(frozen=True)
class LinkReport:
    """One link as its own end sees it; what the entity did not say is None."""

    peer: str
    state: str
    simulated: bool | None = None
    qber: float | None = None
    qber_upper: float | None = None
    rate: float | None = None  # secure bits a pulse
    secure_bits: int | None = None  # of the last session
    stored_keys: int | None = None
    max_keys: int | None = None
    key_size: int | None = None  # bits
    reason: str = ""

    @classmethod
    def of_status(cls, peer: str, status: KmeStatus) -> LinkReport:
        """From an entity's own words; its extension is taken as far as it makes sense."""
        said = status.extension
        return cls.from_dict(
            {
                "peer": peer,
                "state": "up" if status.stored_keys else "no_key",
                "simulated": status.simulated,
                "stored_keys": status.stored_keys,
                "max_keys": status.max_keys,
                "key_size": status.key_size,
                "reason": said.get("refusal", ""),
                **{name: said.get(name) for name in (*_SHARES, "secure_bits")},
            }
        )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> LinkReport:
        """Read what `as_dict` wrote or another's worker sent; a figure that cannot be one is left out.

        Raises
        ------
        ValueError
            If the peer or the state is none.
        """
        if not isinstance(raw.get("peer"), str) or raw.get("state") not in STATES:
            raise ValueError(
                f"expected a peer and a state among {STATES}, got {raw.get('peer')!r}, {raw.get('state')!r}"
            )
        simulated = raw.get("simulated")
        figures: dict[str, Any] = {name: _share(raw.get(name)) for name in _SHARES}
        figures |= {name: _count(raw.get(name)) for name in _COUNTS}
        return cls(
            peer=raw["peer"],
            state=raw["state"],
            simulated=simulated if isinstance(simulated, bool) else None,
            reason=str(raw.get("reason") or "")[:500],
            **figures,
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _share(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number and 0 <= value <= 1 else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None
