"""The coordinator's signing key: made once, kept in the platform's private folder, never in the database."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from django.conf import settings

from federation.domain import messages


@cache
def coordinator_key() -> MLDSA65PrivateKey:
    path = Path(settings.VAR) / "keys" / "coordinator"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return messages.load_private(path.read_bytes())
    with os.fdopen(descriptor, "wb") as file:
        file.write(messages.dump_private(messages.new_key()))
    return messages.load_private(path.read_bytes())
