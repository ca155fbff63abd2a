from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from core.errors import ApplicationError
from provenance.export import log_export


class Command(BaseCommand):
    help = "Writes the log as files (C2SP tlog-tiles) into a folder; only what is new since the last export."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--full", action="store_true", help="write every tile again")

    def handle(self, *args, **options) -> None:
        try:
            done = log_export(folder=options["folder"], full=options["full"])
        except (ApplicationError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{done.size} entries ({done.size - done.old_size} new), {done.files} files written, {done.removed} "
            f"partial tiles removed. Check: python -m provenance.verifier {options['folder']} --keys FILE"
        )
