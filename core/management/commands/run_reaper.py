from __future__ import annotations

from django.conf import settings

from core import jobs
from core.process import LoopCommand


class Command(LoopCommand):
    help = "Rings due jobs and jobs whose worker was lost. One at a time: the second waits."
    lock_name = "reaper"

    def interval(self) -> float:
        return settings.REAPER_SECONDS

    def step(self) -> bool:
        jobs.reap()
        return False
