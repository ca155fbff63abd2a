from __future__ import annotations

import logging
import time

from django.conf import settings

from core.process import LoopCommand
from provenance import checkpoints, sequencing

logger = logging.getLogger(__name__)


class Command(LoopCommand):
    help = "Moves the outbox into the log and signs checkpoints. The single writer."
    lock_name = "sequencer"

    def interval(self) -> float:
        return 0.2

    def start(self) -> None:
        self.frontier = sequencing.load_frontier()
        self.signed = self.pruned = 0.0

    def step(self) -> bool:
        written = sequencing.sequence(self.frontier)
        now = time.monotonic()
        if now - self.signed >= settings.CHECKPOINT_SECONDS:
            self.signed = now
            try:
                checkpoints.checkpoint_sign(self.frontier)
            except checkpoints.LogRolledBack:
                logger.exception("refusing to sign")
        if now - self.pruned >= 30:
            self.pruned = now
            sequencing.prune_outbox()
        return written == sequencing.BATCH
