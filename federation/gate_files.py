"""The door's certificate and key in files: made by who holds the authority, read by the door, which does not.

So the process that faces the hospitals signs nothing.
"""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from django.conf import settings

from federation import pki
from provenance.witness.state import write_whole

FRESH_SECONDS = 30 * 86_400  # a new certificate is made long before the old one ends
NAMES = ("certificate", "key", "authority")


def address() -> SplitResult | None:
    """Where hospitals reach the door; None if there is none. Raises ValueError for anything else."""
    if not settings.GATE_URL:
        return None
    parts = urlsplit(settings.GATE_URL)
    if parts.scheme != "rediss" or not parts.hostname or not parts.port:
        raise ValueError(f"expected QFL_GATE_URL as rediss://host:port, got {settings.GATE_URL!r}")
    return parts


def paths() -> dict[str, Path]:
    return {name: Path(settings.VAR) / "gate" / f"{name}.pem" for name in NAMES}


def renew(host: str) -> bool:
    """Make certificate and key for this name if there are none, or they grow old; False if they are good.

    Raises OSError where the authority's key cannot be read.
    """
    files = paths()
    if _good(files, host):
        return False
    certificate, key = pki.server_certificate(host)
    files["certificate"].parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in (("authority", pki.authority_pem()), ("key", key), ("certificate", certificate)):
        write_whole(files[name], text.encode())
    return True


def _good(files: dict[str, Path], host: str) -> bool:
    if not all(path.exists() for path in files.values()):
        return False
    found = x509.load_pem_x509_certificate(files["certificate"].read_bytes())
    named = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    return named == host[:64] and time.time() - files["certificate"].stat().st_mtime < FRESH_SECONDS
