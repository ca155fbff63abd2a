from __future__ import annotations

import dataclasses
import json

from django.core.management.base import BaseCommand, CommandError

from provenance.verification import verify_ledger


class Command(BaseCommand):
    help = "Recomputes the whole ledger from its bytes. Exit code 0: intact; 1: changed."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args, **options) -> None:
        found = verify_ledger()
        if options["json"]:
            self.stdout.write(json.dumps({**dataclasses.asdict(found), "ok": found.ok}))
        else:
            self.stdout.write(
                f"{found.entries} entries, {found.tiles} tiles, {found.checkpoints} signed checkpoints, "
                f"{found.cosignatures} cosignatures, {found.anchors} anchors "
                f"(chain holds {found.anchored_size} entries)"
            )
            for problem in found.problems:
                self.stdout.write(self.style.ERROR(f"  {problem}"))
        if not found.ok:
            raise CommandError(f"The ledger was changed: {len(found.problems)} problems.")
        if not options["json"]:
            self.stdout.write(self.style.SUCCESS("The ledger is intact."))
