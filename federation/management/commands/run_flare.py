from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandError

from core.process import LoopCommand
from federation.engines.flare_house import House


class Command(LoopCommand):
    help = (
        "NVIDIA FLARE's server for the sites, at the address in QFL_FLARE (host:port): certificates, processes, jobs."
    )
    lock_name = "flare"

    def interval(self) -> float:
        return 1.0

    def handle(self, *args, **options) -> None:
        try:
            self.house = House(settings.FLARE_ADDRESS)
        except ValueError as error:
            raise CommandError(str(error)) from error
        try:
            super().handle(*args, **options)
        finally:
            self.house.stop()

    def step(self) -> bool:
        self.house.step()
        return False
