"""What the page of invitations shows of each: how it stands, and whether the site that joined is heard of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings

from federation.domain.invitation import fingerprint
from federation.models import Federation, SiteInvitation

STATES = {
    "open": ("open", "Open"),
    "joined": ("granted", "Joined"),
    "revoked": ("withdrawn", "Withdrawn"),
    "expired": ("expired", "Ended unused"),
}


def gate() -> str:
    return settings.GATE_URL


def rows(federation: Federation, invitations: Iterable[SiteInvitation]) -> list[dict[str, Any]]:
    participants = {p.site: p for p in federation.participants.all()}
    return [_row(invitation, participants) for invitation in invitations]


def _row(invitation: SiteInvitation, participants: dict) -> dict[str, Any]:
    state, label = STATES[invitation.state]
    if invitation.state == "open" and not invitation.token_digest:
        label = "Open, for its operator to download"
    participant = participants.get(invitation.site) if invitation.state == "joined" else None
    current = participant is not None and participant.public_key == invitation.public_key
    return {
        "invitation": invitation,
        "state": state,
        "label": label if current or invitation.state != "joined" else "Joined, key replaced since",
        "fingerprint": fingerprint(invitation.public_key) if invitation.public_key else "",
        "last_seen_at": participant.last_seen_at if participant is not None and current else None,
    }
