"""The coordinator's signing key: made once, kept in the platform's private folder, never in the database."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from federation.domain import messages
from provenance.keys import secret


@cache
def coordinator_key() -> MLDSA65PrivateKey:
    return messages.load_private(secret("coordinator"))  # the 32-byte seed
