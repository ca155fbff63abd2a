from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import ApplicationError
from protection.backups import PEOPLE, PEOPLE_DAYS, backup_create
from protection.commanding import owner_url, person


class Command(BaseCommand):
    help = "Writes a sealed backup of database and files under TARGET (docs/operations/continuity.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", type=Path)
        parser.add_argument("--by", metavar="EMAIL", default="", help="who makes it; nobody: the calendar does")

    def handle(self, *args, target: Path, by: str, **options) -> None:
        try:
            url = owner_url(settings.DATABASE_OWNER_URL, "DATABASE_OWNER_URL")
            made = backup_create(target=target, owner_url=url, actor=person(by) if by else None)
        except ApplicationError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"{target / made.name}\n{made.rows:,} rows, {made.entries:,} entries of the ledger, {made.size:,} bytes "
            f"sealed under the key {made.key} in {made.seconds:.1f} s.\nPeople's keys: {target / PEOPLE}, kept for "
            f"{PEOPLE_DAYS} days only. The platform's private keys are not in it: keep them apart."
        )
