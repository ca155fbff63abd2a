"""Setting up a site's worker on this broker: its folder, and a Redis user that sees only its own keys."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import redis
from django.conf import settings

from federation.domain.messages import dump_public
from federation.keys import coordinator_key
from federation.site.home import SiteConfig, SiteHome
from federation.site.wire import channel_of
from provenance.keys import log_verifiers


def site_provision(*, folder: Path, site: str, data: str, federation_id: uuid.UUID) -> str:
    """Create or refresh the folder and the Redis user of a site of a federation. Returns the site's public key.

    The log's keys go with it: the site pins them when it first witnesses, and later takes others only from a checkpoint
    that the pinned ones signed too.
    """
    password, channel = secrets.token_urlsafe(24), channel_of(site, federation_id)
    broker_user(channel, only=hashlib.sha256(password.encode()).hexdigest())
    config = SiteConfig(
        site=site,
        data=data,
        coordinator_public_key=dump_public(coordinator_key()),
        redis_url=_as_user(settings.REDIS_URL, f"site.{channel}", password),
        channel=channel,
        witness_name=witness_name(site),
        overlays=data.partition(":")[0] == "phantom",  # nobody's pictures
        summary_epsilon=20.0 if data.partition(":")[0] == "phantom" else 0.0,
        log_keys=tuple(key.vkey for key in log_verifiers()),
    )
    return dump_public(SiteHome.create(folder, config).key)


def witness_name(site: str) -> str:
    """What the site is called under the log's checkpoints."""
    return f"{settings.LOG_ORIGIN.partition('/')[0]}/witness/{site}"


def broker_user(channel: str, *, only: str = "", add: str = "", remove: str = "") -> None:
    """Give, add or take a password (SHA-256, hex) of the site's Redis user.

    The user may touch ``site.<channel>.*`` only and run no administrative command, so a site can neither read nor fake
    another site's messages. Passwords may change while it is signed in; a worker at work is not disturbed.
    """
    passwords = [f"#{only}"] if only else [f"#{add}"] if add else []
    client = redis.Redis.from_url(settings.REDIS_URL)
    if remove:
        with contextlib.suppress(redis.ResponseError):  # it is gone: the broker was set up anew
            client.execute_command("ACL", "SETUSER", f"site.{channel}", f"!{remove}")
    else:
        client.execute_command(
            "ACL", "SETUSER", f"site.{channel}", *(["reset"] if only else []), "on", *passwords, "resetkeys",
            f"~site.{channel}.*", "resetchannels", f"&site.{channel}.*", "+@all", "-@admin", "-@dangerous", "+info",
        )  # fmt: skip
    _keep_users(client)


def carrier_user(name: str, password: str) -> str:
    """The Redis user of what carries orders for all sites; it touches nothing but their queues. Returns its URL."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.execute_command(
        "ACL", "SETUSER", name, "reset", "on", f">{password}", "~site.*", "resetchannels", "&site.*", "+@all",
        "-@admin", "-@dangerous", "+info",
    )  # fmt: skip
    _keep_users(client)
    return _as_user(settings.REDIS_URL, name, password)


def broker_user_end(channel: str) -> None:
    """Take the site's Redis user away; its connections end with it."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.execute_command("ACL", "DELUSER", f"site.{channel}")
    _keep_users(client)


def _keep_users(client: redis.Redis) -> None:
    with contextlib.suppress(redis.ResponseError):  # no ACL file: provisioned again after a restart
        client.execute_command("ACL", "SAVE")


def _as_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:{password}@{host}").geturl()
