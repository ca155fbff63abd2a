from __future__ import annotations

import dataclasses
import json
import re

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from provenance.replay import replay


class Command(BaseCommand):
    help = "Rebuilds every governed table from the log and compares row by row. Exit code 0: complete; 1: not."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--keep", metavar="SCHEMA", help="leave the rebuilt tables in this new schema (owner role)")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args, **options) -> None:
        keep = options["keep"]
        if keep is not None and not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", keep):
            raise CommandError(f"Expected a schema name like replay_2026, got {keep!r}.")
        try:
            found = replay(keep=keep)
        except ProgrammingError as error:
            raise CommandError(
                f"The schema {keep} cannot be made: {error}. Use the owner role and a new name."
            ) from None
        if options["json"]:
            self.stdout.write(
                json.dumps({**dataclasses.asdict(found), "expected": found.expected, "found": found.found})
            )
        else:
            for item in found.tables:
                self.stdout.write(f"{item.found:>8} of {item.expected:>8}  {item.table}")
            for bulk in found.bulk:
                self.stdout.write(f"{bulk.found:>8} of {bulk.expected:>8}  {bulk.table} (bulk)")
            for problem in found.problems:
                self.stdout.write(self.style.ERROR(f"  {problem}"))
        if not found.complete:
            raise CommandError(f"{found.expected - found.found} rows are not as the log gives them.")
        if not options["json"]:
            self.stdout.write(self.style.SUCCESS(f"The log gives all {found.expected} rows exactly."))
