from __future__ import annotations

import logging
from uuid import UUID

from django.db import InterfaceError, OperationalError

from audits.runtime import monitoring
from core.process import LoopCommand

logger = logging.getLogger(__name__)


class Command(LoopCommand):
    help = "Folds new outcomes into each deployment's monitor, and halts what is shown to be unfair."
    lock_name = "monitor"

    last = UUID(int=0)  # of those that only predictions wait for, the one that was folded last

    def interval(self) -> float:
        return 0.1

    def step(self) -> bool:
        """Outcomes first, since they halt: one deployment's predictions never keep another's outcomes waiting."""
        self.failed: set[UUID] = set()
        more = False
        for deployment_id in monitoring.outcomes_waiting():
            more |= self._fold(deployment_id)
        for deployment_id in self._in_turn(monitoring.predictions_waiting()):
            more |= self._fold(deployment_id)
            self.last = deployment_id
            if set(monitoring.outcomes_waiting()) - self.failed:
                return True
        return more

    def _in_turn(self, found: list[UUID]) -> list[UUID]:
        """From the one after the last, so that each has its turn however often outcomes come between."""
        return sorted(found, key=lambda deployment_id: (deployment_id <= self.last, deployment_id))

    def _fold(self, deployment_id: UUID) -> bool:
        try:
            return monitoring.fold_deployment(deployment_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # one deployment that cannot be folded must not leave the others unwatched
            logger.exception("the monitor of deployment %s failed and is tried again", deployment_id)
            self.failed.add(deployment_id)
            return False
