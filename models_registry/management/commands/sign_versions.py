from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from models_registry.models import Version
from models_registry.weights_signing import version_sign


class Command(BaseCommand):
    help = "Sign the weights of versions that have no signature yet (new ones are signed when they are made)."

    def handle(self, *args: Any, **options: Any) -> None:
        waiting = Version.objects.filter(signature__isnull=True).select_related("model")
        for version in waiting:
            version_sign(version=version)
            self.stdout.write(f"{version} is signed")
