from __future__ import annotations

from django.core.management.base import BaseCommand, CommandParser

from protection import retention


class Command(BaseCommand):
    help = "Carries out the retention schedule now (as beat does once a day), or says what it would remove."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="remove nothing")

    def handle(self, *args, dry_run: bool, **options) -> None:
        if dry_run:
            for due in retention.preview():
                held = f"  HELD until {due.in_force.hold.ends_on}" if due.in_force.hold else ""
                self.stdout.write(f"{due.in_force.record.key:16}  {_words(due.counts)}{held}")
            return
        for row in retention.execute():
            self.stdout.write(
                f"{row.record_class:16}  {row.error or _words(row.counts)}{'  HELD' if row.held_by else ''}"
            )


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.items()) or "nothing"
