"""Tells the live streams that something changed, through Redis, once the change is committed.

Only a doorbell: what changed stands in the database, who listens looks there, and looks every few seconds anyway. So a
ring may be lost, and a broker that is away costs a writer one short attempt every few seconds, never an error.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache

import redis
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)
CHANNEL = "live"  # no site's user may publish here (federation.provisioning)
TIMEOUT_SECONDS = 0.25
SILENT_SECONDS = 5.0  # after a failure nothing is tried
MOST_TOPICS = 1000  # that are remembered
SPARE_SECONDS = 0.2  # nobody looks more often
_silent_until = 0.0
_rung: dict[str, float] = {}  # topic -> when it was last rung for by this process


def ring(topic: str, *, spare: bool = False) -> None:
    """Ring for a topic ("deployment:<uuid>") when the transaction commits.

    A `spare` ring is left out shortly after another: what happens hundreds of times a second is seen soon enough.
    """
    transaction.on_commit(lambda: _publish(topic, spare), robust=True)


def _publish(topic: str, spare: bool) -> None:
    global _silent_until
    now = time.monotonic()
    if now < _silent_until or (spare and now < _rung.get(topic, 0.0) + SPARE_SECONDS):
        return
    if len(_rung) > MOST_TOPICS:
        _rung.clear()
    _rung[topic] = now
    try:
        _client(settings.REDIS_URL).publish(CHANNEL, topic)
    except (redis.RedisError, OSError) as error:
        _silent_until = time.monotonic() + SILENT_SECONDS
        logger.warning("live streams are not told at once, the broker is away: %s", error)


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=None
    )  # fmt: skip
