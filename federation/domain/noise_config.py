"""What a run must be whose sites make the noise together: the parts `privacy` and `security` of one configuration.

Each step of such a run is one round. Sites add up clipped gradients, round them, add their shares of the noise and mask
the result; the sum alone is opened, over at least the quorum that the noise was dealt out for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.domain.privacy.config import DISTRIBUTED, LEVELS, PrivacyConfig
from federation.domain.privacy.distributed import require_room
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.field import Field
from federation.domain.strategies.base import Pull, Strategy

FIELD_BITS = 32  # 16 hold only about 80 levels for 300 patients, whose rounding would cost 15 % more noise
SECURITY: Mapping[str, Any] = {"field_bits": FIELD_BITS, "error_feedback": False, "keep": 1.0}


def shared_noise(privacy: Mapping[str, Any] | None) -> PrivacyConfig | None:
    """The privacy part, if the sites make the noise together."""
    together = privacy is not None and privacy.get("regime") == DISTRIBUTED
    return PrivacyConfig.from_dict(privacy) if together else None  # type: ignore[arg-type]


def usual(*, threshold: int, patients: int, parameters: int) -> dict[str, Any]:
    """What is frozen of the privacy part where nobody chose otherwise.

    Parameters
    ----------
    threshold : int
        Of the masks. The noise is enough if no more sites than these are left and one of them tells, or subtracts, its
        own share.
    patients : int
        Of all sites, at most: the levels are halved until these take at most half of the field's room.
    parameters : int
        Of the larger of the two models.
    """
    levels, modulus = LEVELS, Field(FIELD_BITS).modulus
    while 4 * patients * levels > modulus and levels > 2:
        levels //= 2
    return {
        "sample_rate": 0.25, "quorum": threshold, "colluding": min(1, threshold - 1), "levels": levels,
        "parameters": parameters,
    }  # fmt: skip


def check(privacy: PrivacyConfig, security: Mapping[str, Any] | None, rule: Strategy, *, sites: int) -> None:
    """Raise ValueError, with the reason, for what cannot go with noise that `sites` sites make together."""
    if security is None or not security.get("masking"):
        raise ValueError(
            "noise that sites make together needs secure aggregation: a single update holds only a share of it; "
            "propose the run with masks, or with noise of each site"
        )
    masks = SecurityConfig.from_dict(security)
    if masks.error_feedback:
        raise ValueError(
            "error feedback cannot be had with distributed noise: what is carried over is not covered by the "
            "clipping that bounds a patient's influence; propose the run without it"
        )
    if masks.keep != 1:
        raise ValueError(f"expected all coordinates with distributed noise, got a share of {masks.keep:g}")
    if privacy.quorum is not None and privacy.quorum > sites:
        raise ValueError(f"expected a quorum of the noise of at most the run's {sites} sites, got {privacy.quorum}")
    if rule.pull != Pull():
        raise ValueError(
            f"{rule.title} changes the local training of several steps, and with distributed noise a round is one "
            "step; choose FedAdam or FedAvg"
        )
    modulus = Field(masks.field_bits).modulus
    require_room(privacy, patients=sites * masks.most_records, sites=sites, modulus=modulus)


def least_sites(privacy: Mapping[str, Any] | None, security: Mapping[str, Any] | None) -> int:
    """Sites whose sum may be opened: the threshold of the masks, and the quorum of the noise if that is more."""
    noise, threshold = shared_noise(privacy), int((security or {}).get("threshold", 0))
    return threshold if noise is None else max(threshold, noise.quorum or 0)
