"""Is this container's service answering? Standard library first: a probe must not need what it probes.

probe.py http URL    the URL answers 2xx; a redirect, say to a sign-in page, is not an answer
probe.py alive URL   the URL answers at all, with any status below 500
probe.py site        the broker accepts the site's own user (SITE_REDIS_URL, else the folder SITE_HOME)
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5


def status_of(url: str) -> int:
    """The status of a GET, made as the proxy makes it: for our own host name, over TLS as far as Django is told."""
    parts = urlsplit(url)
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path or "/", headers={"Host": host, "X-Forwarded-Proto": "https"})
        return connection.getresponse().status
    finally:
        connection.close()


def site_redis_url() -> str:
    """The URL of the site's own broker user."""
    if url := os.environ.get("SITE_REDIS_URL"):
        return url
    url = json.loads((Path(os.environ["SITE_HOME"]) / "site.json").read_text())["redis_url"]
    return str(url)


def site_answers() -> bool:
    import redis

    url, tls = site_redis_url(), Path(os.environ.get("SITE_HOME", "")) / "tls"
    files = {"ssl_ca_certs": "authority.pem", "ssl_certfile": "certificate.pem", "ssl_keyfile": "key.pem"}
    shown = {option: str(tls / name) for option, name in files.items()} if url.startswith("rediss://") else {}
    return bool(redis.Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, **shown).ping())


def main(arguments: list[str]) -> int:
    """0 if healthy, 1 with the reason on standard error if not, 2 for a wrong call."""
    try:
        match arguments:
            case ["http", url]:
                healthy, found = 200 <= (status := status_of(url)) < 300, f"status {status}"
            case ["alive", url]:
                healthy, found = (status := status_of(url)) < 500, f"status {status}"
            case ["site"]:
                healthy, found = site_answers(), "no answer to PING"
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the service did not answer
        healthy, found = False, f"{type(error).__name__}: {error}"
    if not healthy:
        print(f"unhealthy: {found}", file=sys.stderr)
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
