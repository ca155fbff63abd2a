from __future__ import annotations

import json
import sys

from django.core.management.base import BaseCommand

from protection import restored
from protection.domain.loss import Known


class Command(BaseCommand):
    help = "Checks a restored platform from inside; reads {content, known} from standard input. Used by drills."
    requires_system_checks: list[str] = []

    def handle(self, *args, **options) -> None:
        asked = json.load(sys.stdin)
        told = restored.check(asked["content"], [Known(**tree) for tree in asked["known"]])
        self.stdout.write(json.dumps(told))
