"""The frame of every standing process of ours: one holder at a time, stops cleanly, survives a lost database."""

from __future__ import annotations

import logging
import signal
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

HEALTH_NOTES: list[Callable[[], str]] = []
"""Lines that `manage.py health` adds; apps of higher floors append theirs in `ready()`."""


class LoopCommand(BaseCommand):
    """Repeat `step` under a session advisory lock until SIGTERM or SIGINT.

    `step` returns True if there may be more to do at once; otherwise the loop waits `interval()` seconds.
    """

    lock_name = ""
    requires_system_checks: list[str] = []

    def interval(self) -> float:
        return 0.5

    def step(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Called once, after the lock was won."""

    def handle(self, *args, **options) -> None:
        self.stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        locked = False
        while not self.stopping.is_set():
            try:
                if not locked:
                    locked = self._lock()
                    if not locked:
                        self.stopping.wait(1)
                        continue
                    self.start()
                more = self.step()
                beat(self.lock_name)
            except (OperationalError, InterfaceError) as error:
                logger.warning("%s: database away, trying again: %s", self.lock_name, error)
                connection.close()
                locked, more = False, False
                self.stopping.wait(1)
            if not more:
                self.stopping.wait(self.interval())
        connection.close()

    def _lock(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock_key(self.lock_name)])
            return bool(cursor.fetchone()[0])


def lock_key(name: str) -> int:
    """A stable advisory lock number for a name."""
    return zlib.crc32(f"qfl-ethics:{name}".encode())


def beat(name: str) -> None:
    """Leave a sign of life for `manage.py health`."""
    folder = Path(settings.VAR) / "health"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
