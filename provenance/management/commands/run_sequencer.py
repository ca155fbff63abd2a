from __future__ import annotations

import logging
import time

from django.conf import settings
from django.utils import timezone

from core.process import LoopCommand
from provenance import checkpoints, heartbeats, key_record, sequencing

logger = logging.getLogger(__name__)


class Command(LoopCommand):
    help = "Moves the outbox into the log, signs checkpoints and gives signs of life. The single writer."
    lock_name = "sequencer"

    def interval(self) -> float:
        return 0.2

    def start(self) -> None:
        self.started = timezone.now()
        self.frontier = sequencing.load_frontier()
        self.signed = self.alive = float("-inf")
        key_record.keys_record()

    def step(self) -> bool:
        written = sequencing.sequence(self.frontier)
        now = time.monotonic()
        if now - self.alive >= settings.HEARTBEAT_SECONDS:
            self.alive = now
            heartbeats.heartbeat_record(self.frontier)
            key_record.keys_retire()
        if now - self.signed >= settings.CHECKPOINT_SECONDS:
            self.signed = now
            self._sign()
        return written == sequencing.BATCH

    def _sign(self) -> None:
        try:
            checkpoints.checkpoint_sign(self.frontier, started=self.started)
        except checkpoints.NotHeardYet as error:
            logger.warning("not signing yet: %s", error)
        except checkpoints.LogRolledBack as error:
            logger.error("refusing to sign: %s", error)
