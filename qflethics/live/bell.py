"""One subscription to the doorbell for all streams of this process, however many viewers there are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from core.doorbell import CHANNEL

logger = logging.getLogger(__name__)
AGAIN_SECONDS = 2.0  # after the broker was lost
_bells: dict[int, Bell] = {}


class Bell:
    """Passes each ring on to those who wait for its topic. `connected` says whether rings can be heard at all."""

    def __init__(self) -> None:
        self.connected = False
        self.listeners: dict[str, Callable[[], None]] = {}
        self._task = asyncio.create_task(self._listen(), name="doorbell")

    async def stop(self) -> None:
        """End the subscription. Asked again until it has ended: a client that is just connecting may miss the first."""
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.2)

    async def _listen(self) -> None:
        while True:
            client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
            try:
                async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(CHANNEL)
                    self.connected = True
                    async for message in subscription.listen():
                        if heard := self.listeners.get(message["data"].decode(errors="replace")):
                            heard()
            except (RedisError, OSError) as error:
                logger.warning("the doorbell is not heard, looking every second instead: %s", error)
            finally:
                self.connected = False
            await asyncio.sleep(AGAIN_SECONDS)


def listen(topic: str, heard: Callable[[], None]) -> Bell:
    """Call `heard` at each ring of `topic`. The first listener of a process subscribes."""
    loop = id(asyncio.get_running_loop())
    if loop not in _bells:
        _bells[loop] = Bell()
    _bells[loop].listeners[topic] = heard
    return _bells[loop]


async def leave(topic: str) -> None:
    """Listen no more; the last to leave ends the subscription."""
    loop = id(asyncio.get_running_loop())
    bell = _bells.get(loop)
    if bell is None:
        return
    bell.listeners.pop(topic, None)
    if not bell.listeners:
        del _bells[loop]
        await bell.stop()
