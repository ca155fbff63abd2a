"""What the page of a run shows of its security: how updates travel, what was refused, how many bytes a round takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

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
        return _(SIGNED_ONLY)
    security = SecurityConfig.from_dict(raw)
    told = [
        _(
            "Sealed for the recipient (ML-KEM-768, AES-256-GCM) and signed (ML-DSA-65). No figure of fewer than "
            "%(least)s patients is shown."
        )
        % {"least": security.min_cell}
    ]
    if not security.masking:
        seen = (
            _("The coordinator sees each site's update.")
            if security.keep == 1
            else _("The coordinator sees each site's update, %(share)s of the weights: those that changed most.")
        )
        return " ".join([*told, seen % {"share": f"{security.keep:.0%}"}])
    told += [
        _(
            "Updates and scores are summed under masks: the coordinator learns their sum over at least %(least)s of "
            "%(sites)s sites and no single one."
        )
        % {"least": least_sites(config.get("privacy"), raw), "sites": len(security.signing_keys)},
        _sent(config, security),
    ]
    if security.qkd:
        told.append(_("A key of quantum key distribution is mixed into each secret of the masks."))
    return " ".join(told)


def _sent(config: Mapping[str, Any], security: SecurityConfig) -> str:
    if shared_noise(config.get("privacy")):
        return _("In each round the noised sums of all gradients are sent, %(bits)s bits each.") % {
            "bits": security.field_bits
        }
    said = (
        _(
            "In each round %(share)s of the weights are sent, %(bits)s bits each, a change of at most %(clip)s a "
            "weight; the rest is added to later rounds."
        )
        if security.error_feedback
        else _(
            "In each round %(share)s of the weights are sent, %(bits)s bits each, a change of at most %(clip)s a "
            "weight; the rest is dropped."
        )
    )
    return said % {"share": f"{security.keep:.0%}", "bits": security.field_bits, "clip": f"{security.clip:g}"}


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
