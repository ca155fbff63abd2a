from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError

from audits.runtime import monitoring
from core.process import LoopCommand

logger = logging.getLogger(__name__)


class Command(LoopCommand):
    help = "Folds new outcomes into each deployment's monitor, and halts what is shown to be unfair."
    lock_name = "monitor"

    def interval(self) -> float:
        return 0.3

    def step(self) -> bool:
        more = False
        for deployment_id in monitoring.waiting():
            try:
                more |= monitoring.fold_deployment(deployment_id)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # one deployment that cannot be folded must not leave the others unwatched
                logger.exception("the monitor of deployment %s failed and is tried again", deployment_id)
        return more
