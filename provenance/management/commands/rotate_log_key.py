from __future__ import annotations

from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError

from provenance.key_record import keys_rotate


class Command(BaseCommand):
    help = "Makes new keys for the log. For the overlap, checkpoints carry the old signatures and the new ones."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--overlap-days", type=float, default=30.0, help="how long the old keys go on signing")
        parser.add_argument("--reason", required=True, help="why; it stands in the ledger in clear: name nobody")

    def handle(self, *args, **options) -> None:
        if not 0 <= options["overlap_days"] <= 366:
            raise CommandError(f"Expected an overlap of 0 to 366 days, got {options['overlap_days']}.")
        made = keys_rotate(overlap=timedelta(days=options["overlap_days"]), reason=options["reason"])
        self.stdout.write(f"Generation {made.number}. Tell auditors and witnesses its public keys:")
        for vkey in made.vkeys:
            self.stdout.write(f"  {vkey}")
