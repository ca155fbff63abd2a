"""Whose key signed, as the ledger has it: the order of a key's entries and of what it signed."""

from __future__ import annotations

import pytest

from provenance.domain.errors import VerificationError
from provenance.verifier.signatures import KEYS, Recorded, key_of

KEY = {"id": "k", "user_id": "p", "kind": "webauthn", "public_key": "AA==", "revoked_at": None}


def entries(*changes: dict) -> list[Recorded]:
    """Entries 10, 20, ... about the key."""
    return [Recorded(10 * (n + 1), KEYS, KEY | change) for n, change in enumerate(changes)]


def test_a_key_counts_from_its_registration_to_its_revocation():
    life = entries({}, {"revoked_at": "2026-01-01"})
    assert key_of(life, "k", 15) == KEY
    assert key_of(life, "another", 15) is None
    for before, found, told in (
        (5, life, "registered later"), (25, life, "revoked by then"),
        (25, entries({}, {"user_id": "q"}), "exchanged"), (25, entries({}, {"public_key": "BB=="}), "exchanged"),
    ):  # fmt: skip
        with pytest.raises(VerificationError, match=told):
            key_of(reversed(found), "k", before)
