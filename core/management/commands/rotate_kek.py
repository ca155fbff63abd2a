from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import kek, vault


class Command(BaseCommand):
    help = (
        "Wraps every person's key under the current key-encryption key (the first line of QFL_KEK_FILE). Texts are not "
        "touched, and services keep running."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--new", action="store_true", help="draw a new KEK and put it in front of the file first")
        parser.add_argument("--drop-old", action="store_true", help="take the older KEKs out of the file afterwards")

    def handle(self, *args, **options) -> None:
        try:
            if options["new"]:
                self._say(options, f"KEK {kek.add_current(kek.new_line())} is the current one.")
            self._say(options, f"{vault.rewrap()} keys were wrapped anew.")
            current = kek.Ring.load().current
            left = {name: n for name, n in vault.kek_uses().items() if name != current}
            if left:
                raise CommandError(f"Still wrapped under older KEKs: {left}. Run this again before dropping any.")
            if options["drop_old"]:
                self._say(
                    options, f"Dropped: {', '.join(kek.drop_old()) or 'none'}. Keep them while backups need them."
                )
        except (ImproperlyConfigured, OSError) as error:
            raise CommandError(str(error)) from None

    def _say(self, options: dict, text: str) -> None:
        if options["verbosity"]:
            self.stdout.write(text)
