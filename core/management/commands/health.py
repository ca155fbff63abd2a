from __future__ import annotations

import time
from pathlib import Path

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from core.process import HEALTH_NOTES


class Command(BaseCommand):
    help = "Exits 0 if the database and the broker answer and, with a name, that process showed life lately."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("process", nargs="?", help="reaper, monitor, sequencer, anchor, inbox, gate or flare")
        parser.add_argument("--max-age", type=float, default=60, help="seconds (default 60)")

    def handle(self, *args, **options) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5).ping()
        if name := options["process"]:
            path = Path(settings.VAR) / "health" / name
            age = time.time() - path.stat().st_mtime if path.exists() else None
            if age is None or age > options["max_age"]:
                shown = "never" if age is None else f"{age:.0f} s ago"
                raise CommandError(f"{name}: last sign of life {shown}, expected within {options['max_age']:.0f} s")
        self.stdout.write("ok")
        for note in HEALTH_NOTES:
            self.stdout.write(note())
