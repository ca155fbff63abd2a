"""How coordinator and site reach the same queues."""

from __future__ import annotations

import ssl
import uuid
from pathlib import Path
from typing import Any

TLS_FILES = {"ssl_ca_certs": "authority.pem", "ssl_certfile": "certificate.pem", "ssl_keyfile": "key.pem"}


def broker(redis_url: str) -> str:
    """The server in the spelling that kombu wants."""
    return "redis+socket://" + redis_url.removeprefix("unix://") if redis_url.startswith("unix://") else redis_url


def channel_of(site: str, federation_id: uuid.UUID) -> str:
    """What a site's queues, broker user and FLARE client are called: one code may stand in two federations."""
    return f"{site}-{federation_id.hex[:8]}"


def transport_options(channel: str) -> dict[str, Any]:
    """The prefix keeps each site's keys apart (kombu shares them otherwise); the site's Redis ACL allows no other."""
    return {
        "global_keyprefix": f"site.{channel}.",
        "socket_timeout": 30,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }


def tls_options(redis_url: str, folder: Path) -> dict[str, Any] | None:
    """What a site believes and shows at a broker on another host: its files under ``tls``. None for a socket."""
    if not redis_url.startswith("rediss://"):
        return None
    files = {option: str(folder / name) for option, name in TLS_FILES.items()}
    return {
        **files,
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_3,
    }
