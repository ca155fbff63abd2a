"""How coordinator and site reach the same queues."""

from __future__ import annotations

from typing import Any


def broker(redis_url: str) -> str:
    """The server in the spelling that kombu wants."""
    return "redis+socket://" + redis_url.removeprefix("unix://") if redis_url.startswith("unix://") else redis_url


def transport_options(site: str) -> dict[str, Any]:
    """The prefix keeps each site's keys apart (kombu shares them otherwise); the site's Redis ACL allows no other."""
    return {
        "global_keyprefix": f"site.{site}.",
        "socket_timeout": 30,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
