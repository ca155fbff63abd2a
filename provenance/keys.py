"""The log's keys: Ed25519 for every tool, ML-DSA-44 for the years to come, and the key of pseudonyms.

Each is made once in the platform's private folder. Log key, anchor key and officers' keys are different keys.
"""

from __future__ import annotations

import os
import secrets
import time
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from django.conf import settings

from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.note import Ed25519Signer, Signer, Verifier


def secret(name: str, length: int = 32) -> bytes:
    """A random secret that is drawn once; whoever comes second reads what the first one wrote."""
    path = Path(settings.VAR) / "keys" / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(length))
        try:
            os.link(temporary, path)  # fails if another process was first
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_bytes()


@cache
def log_signers() -> tuple[Signer, ...]:
    return (
        Ed25519Signer(settings.LOG_ORIGIN, Ed25519PrivateKey.from_private_bytes(secret("log-ed25519"))),
        CosignatureSigner(
            settings.LOG_ORIGIN, MLDSA44PrivateKey.from_seed_bytes(secret("log-mldsa44")), lambda: int(time.time())
        ),
    )


def log_verifiers() -> tuple[Verifier, ...]:
    return tuple(signer.verifier for signer in log_signers())
