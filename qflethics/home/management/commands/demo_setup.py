from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from core import vault
from federation.domain.data.dataset import DataError
from qflethics.demo.setup import demo_setup


class Command(BaseCommand):
    help = "Creates the institutions, people and sites of a demonstration; what exists is kept."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--data", default="phantom", help="phantom, heart:PATH, lgg:PATH or mimic_cxr:PATH")

    def handle(self, *args, **options) -> None:
        if lost := vault.lost_keks():
            raise CommandError(
                f"The database of this demonstration is sealed under the key {', '.join(sorted(lost))}, which "
                "var/keys/kek does not hold: var/ was removed and the database was not. Put the old var/keys back, or "
                "remove the database too (`make clean`) and start anew."
            )
        try:
            demo_setup(options["data"])
        except DataError as error:
            raise CommandError(str(error)) from error
