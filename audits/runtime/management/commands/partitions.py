from __future__ import annotations

from django.core.management.base import BaseCommand

from audits.runtime.partitions import MONTHS_AHEAD, ensure_partitions
from audits.runtime.retention import months_due, months_retire


class Command(BaseCommand):
    help = "Adds the months ahead of the bulk tables, and drops those that nobody has to keep (as beat does)."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--months-ahead", type=int, default=MONTHS_AHEAD)
        parser.add_argument("--dry-run", action="store_true", help="only say what is kept, and why")

    def handle(self, *args, months_ahead: int, dry_run: bool, **options) -> None:
        if dry_run:
            for month in months_due():
                self.stdout.write(f"{month.first:%Y-%m}  {month.kept_by or 'may be dropped'}")
            return
        self.stdout.write(f"{ensure_partitions(months_ahead)} partitions added")
        for retired in months_retire():
            self.stdout.write(
                f"{retired} dropped: {retired.predictions} predictions, {retired.outcomes} outcomes, "
                f"{retired.batches} batches"
            )
