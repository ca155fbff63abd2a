from __future__ import annotations

import logging
import time
from typing import Any

from core.process import LoopCommand
from provenance.chain.errors import ChainError

logger = logging.getLogger(__name__)
REPEAT_SECONDS = 60.0  # how often the same trouble is told


class Command(LoopCommand):
    help = "Anchors checkpoints and carries decisions to the chain; owns the embedded chain if there is no other."
    lock_name = "anchor"
    anchorer: Any = None
    told = ("", 0.0)

    def interval(self) -> float:
        return 2.0

    def step(self) -> bool:
        from provenance.anchoring import Anchorer  # py-evm costs seconds to import
        from provenance.relaying import Relayer

        try:
            if self.anchorer is None:
                opened = Anchorer()
                opened.relays.append(Relayer(opened.registry, opened.signer, opened.log_id))
                self.anchorer = opened
            self.anchorer.step()
        except ChainError as error:
            self.tell(str(error))
        return False

    def tell(self, trouble: str) -> None:
        """Log a trouble once, then once a minute: a node that is down for a day must not fill the log."""
        now = time.monotonic()
        if trouble != self.told[0] or now - self.told[1] >= REPEAT_SECONDS:
            self.told = (trouble, now)
            logger.error("chain: %s", trouble)
