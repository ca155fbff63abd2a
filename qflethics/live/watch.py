"""One look at the database for all who watch the same thing in this process, however many they are."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db import Error

from qflethics.live import bell
from qflethics.live.topics import Topic

logger = logging.getLogger(__name__)
_watches: dict[tuple[int, Topic], Watch] = {}


class Watch:
    """Looks when the doorbell rings, and now and then anyway, while somebody watches.

    `value` is empty before the first look has returned. Two looks are `Topic.seconds` apart however often it rings, so
    that a busy gateway costs its viewers no more than a calm one.
    """

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.value = ""
        self.viewers = 0
        self._turn = asyncio.Event()
        self._rung = asyncio.Event()
        self._bell = bell.listen(topic.name, self._rung.set)
        self._task = asyncio.create_task(self._look(), name=f"watch {topic}")

    async def changed(self, seen: str) -> str:
        """Wait until the value is not `seen`, and return it."""
        while not self.value or self.value == seen:
            await self._turn.wait()
        return self.value

    async def stop(self) -> None:
        self._task.cancel()
        await bell.leave(self.topic.name)

    async def _look(self) -> None:
        # A thread of the pool, not the request's own: this outlives the request that started it.
        fingerprint = sync_to_async(self.topic.fingerprint, thread_sensitive=False)
        while True:
            self._rung.clear()
            try:
                value = await fingerprint()
            except Error as error:
                logger.warning("cannot look at %s, trying again: %s", self.topic, error)
            else:
                if value != self.value:
                    self.value = value
                    self._turn.set()
                    self._turn = asyncio.Event()
            await asyncio.sleep(self.topic.seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), self._quiet_seconds)

    @property
    def _quiet_seconds(self) -> float:
        """How long to wait for a ring before looking unasked; no time at all while none can be heard."""
        return self.topic.patience - self.topic.seconds if self._bell.connected else 0


@contextlib.asynccontextmanager
async def watching(topic: Topic) -> AsyncIterator[Watch]:
    """Share the watch of a topic; the last to leave stops it."""
    key = (id(asyncio.get_running_loop()), topic)
    watch = _watches.get(key)
    if watch is None:
        watch = _watches[key] = Watch(topic)
    watch.viewers += 1
    try:
        yield watch
    finally:
        watch.viewers -= 1
        if not watch.viewers:
            del _watches[key]
            await watch.stop()
