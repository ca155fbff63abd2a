"""What the page of a run shows of its security: how updates travel, what was refused, how many bytes a round takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.domain.noise_config import least_sites, shared_noise
from federation.domain.secure.config import SecurityConfig
from federation.models import RefusedEnvelope, RoundTraffic, TrainingRun

SHOWN = 20
SIGNED_ONLY = "Signed by each site (ML-DSA-65), readable by whoever carries or stores the messages."
KIND_WORDS = {
    "malformed": "Malformed or cut off",
    "oversized": "Too large",
    "unknown-site": "Unknown site",
    "certificate-expired": "Certificate expired",
    "certificate-revoked": "Certificate revoked",
    "wrong-signature": "Wrong signature",
    "wrong-purpose": "For another message",
    "stale-round": "Of another round",
    "wrong-configuration": "Other configuration",
    "replayed": "Sent before",
    "unreadable": "Sealed for another",
    "unsealed": "In the open",
}


@dataclass(frozen=True)
class Refusal:
    """One refused envelope."""

    when: Any
    site: str
    words: str
    reason: str
    id: Any


@dataclass(frozen=True)
class Traffic:
    """Bytes of one finished round."""

    number: int
    to_sites: int
    from_sites: int
    share: float | None  # from the sites, of what their weights take as float32 in the open


def security_words(config: Mapping[str, Any]) -> str:
    """How updates travel, in sentences that a site can consent to."""
    raw = config.get("security")
    if raw is None:
        return SIGNED_ONLY
    security = SecurityConfig.from_dict(raw)
    sealed = (
        "Sealed for the recipient (ML-KEM-768, AES-256-GCM) and signed (ML-DSA-65). "
        f"No figure of fewer than {security.min_cell} patients is shown."
    )
    if not security.masking:
        thin = "" if security.keep == 1 else f", {security.keep:.0%} of the weights: those that changed most"
        return f"{sealed} The coordinator sees each site's update{thin}."
    sites, least = len(security.signing_keys), least_sites(config.get("privacy"), raw)
    quantum = " A key of quantum key distribution is mixed into each secret of the masks." if security.qkd else ""
    return (
        f"{sealed} Updates and scores are summed under masks: the coordinator learns their sum over at least "
        f"{least} of {sites} sites and no single one. {_sent(config, security)}{quantum}"
    )


def _sent(config: Mapping[str, Any], security: SecurityConfig) -> str:
    if shared_noise(config.get("privacy")):
        return f"In each round the noised sums of all gradients are sent, {security.field_bits} bits each."
    rest = "added to later rounds" if security.error_feedback else "dropped"
    return (
        f"In each round {security.keep:.0%} of the weights are sent, {security.field_bits} bits each, a change of at "
        f"most {security.clip:g} a weight; the rest is {rest}."
    )


def security_page(run: TrainingRun) -> dict[str, Any]:
    """Refusals and bytes, for the part of the page that changes; three queries."""
    found = RefusedEnvelope.objects.filter(run=run)
    refusals = [
        Refusal(r.created_at, r.participant.site, KIND_WORDS.get(r.kind, r.kind), r.reason, r.id)
        for r in found.select_related("participant")[:SHOWN]
    ]
    rounds = RoundTraffic.objects.filter(round__run=run).select_related("round").order_by("-round__number")[:SHOWN]
    traffic = [
        Traffic(
            t.round.number, t.bytes_to_sites, t.bytes_from_sites,
            t.bytes_from_sites / t.float32_bytes if t.float32_bytes else None,
        )
        for t in rounds
    ]  # fmt: skip
    return {"refusals": refusals, "traffic": traffic, "more_refusals": max(0, found.count() - len(refusals))}
