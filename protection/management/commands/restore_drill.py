from __future__ import annotations

import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import ApplicationError
from protection.commanding import owner_url, person
from protection.drills import drill


class Command(BaseCommand):
    help = (
        "Restores a backup into the empty database of DRILL_OWNER_URL and DRILL_URL, checks it, and enters the outcome "
        "in the ledger. `make drill` makes such a database and removes it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", type=Path)
        parser.add_argument("--by", required=True, metavar="EMAIL", help="the administrator who holds the drill")
        parser.add_argument("--people", default="", help="file of people's keys; the newest beside the backup, or none")

    def handle(self, *args, backup: Path, by: str, people: str, **options) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="qfl-drill-") as folder:
                held = drill(
                    folder=backup, owner_url=owner_url(settings.DRILL_OWNER_URL, "DRILL_OWNER_URL"),
                    app_url=owner_url(settings.DRILL_URL, "DRILL_URL"), var=Path(folder) / "var", actor=person(by),
                    people=people,
                )  # fmt: skip
        except ApplicationError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"Restored and checked in {held.seconds:.1f} s (recovery time).")
        if held.lost_seconds is not None:
            self.stdout.write(f"Work of {held.lost_seconds / 60:.1f} minutes would have been lost (recovery point).")
        for sentence in held.figures.get("since", []):
            self.stdout.write(f"  {sentence}")
        if held.outcome == held.Outcome.FAILED:
            found = "\n  ".join(held.problems)
            raise CommandError(f"The drill has failed; it is entered in the ledger.\n  {found}")
        self.stdout.write(self.style.SUCCESS("The drill has passed; it is entered in the ledger."))
