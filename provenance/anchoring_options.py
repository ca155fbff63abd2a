"""The chain's options out of the settings."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from django.conf import settings

from provenance.chain.connection import ChainOptions
from provenance.chain.web3signer import Tls


def chain_options() -> ChainOptions:
    """Read the settings; for a trial make the folders and the keystore's passphrase."""
    var = Path(settings.VAR)
    keys, chain = var / "keys", var / "chain"
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    chain.mkdir(parents=True, exist_ok=True)
    return ChainOptions(
        url=settings.CHAIN_RPC or f"embedded://{chain / 'chain.sqlite3'}",
        salt=hashlib.sha256(settings.LOG_ORIGIN.encode()).digest(),
        keystore=Path(settings.ANCHOR_KEYSTORE) if settings.ANCHOR_KEYSTORE else keys / "anchor.json",
        passphrase_file=_passphrase(keys),
        chain_id=settings.CHAIN_ID,
        registry=settings.CHAIN_REGISTRY,
        log_id=settings.CHAIN_LOG_ID,
        finality=settings.CHAIN_FINALITY,
        fee_cap_gwei=settings.CHAIN_FEE_CAP_GWEI,
        signer_url=settings.SIGNER_URL,
        signer_address=settings.SIGNER_ADDRESS,
        signer_tls=Tls(settings.SIGNER_CA_FILE, settings.SIGNER_CERTIFICATE_FILE, settings.SIGNER_KEY_FILE),
    )


def _passphrase(keys: Path) -> Path:
    """The file with the keystore's passphrase: given by the operator, else made beside it for a trial."""
    if settings.ANCHOR_PASSPHRASE_FILE:
        return Path(settings.ANCHOR_PASSPHRASE_FILE)
    path = keys / "anchor.passphrase"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path
