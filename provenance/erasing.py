"""What the ledger forgets of an erased person beyond their texts: the key for the chain, and what opens commitments."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from provenance.models import ChainDecision, OfficerKey


def person_forget(user_id: str) -> dict[str, int]:
    """Revoke the person's key for the chain, and drop the salts of the rationales they wrote.

    With the salt, somebody could guess a rationale and check the guess against the commitment on the chain. The role on
    the chain itself is taken away by the log's owner: soon by the anchor worker, if that is the anchoring key.
    """
    user = UUID(user_id)
    live = OfficerKey.objects.filter(user_id=user, revoked_at__isnull=True)
    blinded = ChainDecision.objects.filter(opened_by_id=user).exclude(commitment_salt=b"")
    return {
        "keys for the chain revoked": live.update(revoked_at=timezone.now()),
        "commitments on the chain blinded": blinded.update(commitment_salt=b""),
    }
