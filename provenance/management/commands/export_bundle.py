from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from core.errors import ApplicationError
from provenance.bundles import object_bundle
from provenance.domain.errors import LedgerError
from provenance.models import Entry


class Command(BaseCommand):
    help = "Writes an evidence bundle of every entry about one object, for checking offline."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--object", required=True, metavar="ID")
        parser.add_argument("--table", help="needed only where the identifier stands in several tables")
        parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE")
        parser.add_argument("--title", default="", help="what the object is, in words")
        parser.add_argument("--redact", action="append", default=[], metavar="COLUMN", help="withhold bodies with it")
        parser.add_argument("--since", action="append", default=[], type=int, metavar="SIZE",
                            help="size of a checkpoint that the reader keeps")  # fmt: skip

    def handle(self, *args, **options) -> None:
        table = self.table_of(options["object"], options["table"])
        try:
            data = object_bundle(
                table=table, object_id=options["object"], title=options["title"], actor=None,
                redact=set(options["redact"]), since=options["since"],
            )  # fmt: skip
            options["output"].write_bytes(data)
        except (ApplicationError, LedgerError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{options['output']}: {len(data)} bytes. Check: python -m provenance.verifier {options['output']} "
            "--keys FILE"
        )

    def table_of(self, object_id: str, table: str | None) -> str:
        tables = sorted(set(Entry.objects.filter(object_id=object_id).order_by().values_list("table", flat=True)))
        if table is not None:
            tables = [name for name in tables if name == table]
        if len(tables) == 1:
            return tables[0]
        if tables:
            raise CommandError(f"{object_id} stands in several tables; choose one with --table: {', '.join(tables)}.")
        raise CommandError(f"The log holds no entry about {object_id}{f' in {table}' if table else ''}.")
