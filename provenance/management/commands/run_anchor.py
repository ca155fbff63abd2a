from __future__ import annotations

import logging

from core.process import LoopCommand
from provenance.chain.errors import ChainError

logger = logging.getLogger(__name__)


class Command(LoopCommand):
    help = "Anchors the newest checkpoint on the chain; owns the embedded chain if there is no other."
    lock_name = "anchor"
    anchorer = None

    def interval(self) -> float:
        return 2.0

    def step(self) -> bool:
        from provenance.anchoring import Anchorer  # py-evm costs seconds to import

        try:
            if self.anchorer is None:
                self.anchorer = Anchorer()
            self.anchorer.step()
        except ChainError as error:
            logger.error("chain: %s", error)
        return False
