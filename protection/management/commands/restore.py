from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import ApplicationError
from protection import restored, restoring
from protection.backups import master_key
from protection.commanding import owner_url
from protection.domain.loss import Known
from provenance.domain.checkpoint import open_checkpoint
from provenance.domain.errors import LedgerError
from provenance.keys import verifiers_for


class Command(BaseCommand):
    help = (
        "Restores a sealed backup into this installation's EMPTY database and state folder, and checks all of it. "
        "Exit code 0: whole; 1: something is wrong, or newer entries are known elsewhere."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", type=Path)
        parser.add_argument("--people", default="", help="file of people's keys; the newest beside the backup, or none")
        parser.add_argument(
            "--against", type=Path, action="append", default=[], metavar="CHECKPOINT",
            help="a signed checkpoint that a witness or anybody kept; may be given more than once",
        )  # fmt: skip

    def handle(self, *args, backup: Path, people: str, against: list[Path], **options) -> None:
        try:
            key = master_key()
            found = restoring.read_backup(backup, key=key)
            restoring.restore(
                found, owner_url=owner_url(settings.DATABASE_OWNER_URL, "DATABASE_OWNER_URL"), var=settings.VAR,
                key=key, people=restoring.people_of(found, people),
            )  # fmt: skip
            told = restored.check(found.content, [self._known(path) for path in against])
        except ApplicationError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"Restored {found.name}, as it stood at {found.content['taken_at']}: {told['rows']:,} rows, "
            f"{told['entries']:,} entries of the ledger, {told['files']:,} files."
        )
        wrong = [*told["problems"], *told["since"]]
        if wrong:
            said = "\n  ".join(wrong)
            raise CommandError(f"Do not start the platform before people have looked at this:\n  {said}")
        self.stdout.write(
            "The ledger is intact. Put the private keys back into keys/; whoever was erased after the newest file of "
            "people's keys must be erased again (docs/privacy.md)."
        )

    def _known(self, path: Path) -> Known:
        try:
            note = path.read_bytes()
            opened = open_checkpoint(note, origin=settings.LOG_ORIGIN, log_keys=verifiers_for(note))
        except (OSError, LedgerError, ValueError) as error:
            raise CommandError(f"{path}: expected a signed checkpoint of this log: {error}") from None
        return Known(f"the checkpoint in {path.name}", opened.checkpoint.size, opened.checkpoint.root.hex())
