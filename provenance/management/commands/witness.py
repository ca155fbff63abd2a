from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from core.errors import ApplicationError
from provenance import witnesses
from provenance.models import Witness


class Command(BaseCommand):
    help = "Shows who witnesses the log, registers a witness that is asked over HTTP, or sets a witness aside."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        actions = parser.add_subparsers(dest="do", required=True)
        actions.add_parser("list", help="who has witnessed what")
        add = actions.add_parser("add", help="register a witness's address and keys")
        add.add_argument("url", help="submission prefix: checkpoints are posted to URL/add-checkpoint")
        add.add_argument("--key", action="append", default=[], metavar="VKEY", help="a key of the witness")
        add.add_argument("--keys", metavar="FILE", help="its keys, one a line")
        for name, words in (("off", "ask it no more"), ("on", "ask it again")):
            change = actions.add_parser(name, help=words)
            change.add_argument("name")
        for chosen in actions.choices.values():
            chosen.add_argument("--reason", default="", help="why; it stands in the ledger in clear: name nobody")

    def handle(self, *args, **options) -> None:
        try:
            getattr(self, f"_{options['do']}")(options)
        except (ApplicationError, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict) -> None:
        rows = witnesses.witness_rows()
        if not rows:
            self.stdout.write("Nobody witnesses the log yet.")
        for row in rows:
            when = f"{row.cosigned_at:%Y-%m-%d %H:%M:%S} UTC" if row.cosigned_at else "never"
            aside = "" if row.is_active else " (set aside)"
            self.stdout.write(
                f"{row.name}{aside}: {row.size} entries, {row.lag_entries} behind, last {when}, via {row.via}"
            )
            if row.problem:
                self.stdout.write(self.style.ERROR(f"  {row.problem_words}: {row.problem_text}"))

    def _add(self, options: dict) -> None:
        vkeys = options["key"] + (Path(options["keys"]).read_text().split() if options["keys"] else [])
        if not vkeys:
            raise CommandError("Give the witness's keys with --key or --keys; it serves them at /keys.")
        name = vkeys[0].partition("+")[0]
        witness = witnesses.witness_register(name=name, vkeys=vkeys, url=options["url"], reason=options["reason"])
        self.stdout.write(f"{witness.name} will be asked at {witness.url}.")

    def _off(self, options: dict) -> None:
        self._set(options, is_active=False)

    def _on(self, options: dict) -> None:
        self._set(options, is_active=True)

    def _set(self, options: dict, *, is_active: bool) -> None:
        witness = Witness.objects.filter(name=options["name"]).first()
        if witness is None:
            raise CommandError(f"No witness is called {options['name']}; see `manage.py witness list`.")
        if not options["reason"].strip():
            raise CommandError("Give a reason with --reason: it becomes part of the record.")
        witnesses.witness_set_active(witness=witness, is_active=is_active, actor=None, reason=options["reason"])
