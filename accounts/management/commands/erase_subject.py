from __future__ import annotations

import uuid

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.erasure import Ground, Receipt, hospital_named, patient_erase, subject_erase
from accounts.models import User
from core.errors import ApplicationError


class Command(BaseCommand):
    help = "Erases a person or a patient for good (GDPR Art. 17) and prints the receipt for the person."

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--user", type=uuid.UUID, metavar="UUID", help="a person of the platform")
        named = ("HOSPITAL", "NUMBER")
        who.add_argument("--patient", nargs=2, metavar=named, help="a patient, as the hospital numbers them")
        parser.add_argument("--by", required=True, metavar="EMAIL", help="the administrator who does this")
        parser.add_argument("--ground", required=True, choices=Ground.values, help="letter of GDPR Art. 17(1)")
        parser.add_argument("--confirm", required=True, help="the person's address, or the patient's number again")

    def handle(self, *args, **options) -> None:
        try:
            receipt = self._erase(options)
        except ApplicationError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"reference {receipt.reference}\nsalt      {receipt.salt}")
        for what, n in receipt.forgotten.items():
            self.stdout.write(f"{what}: {n}")
        self.stdout.write("Give reference and salt to the person; the salt is kept nowhere.")

    def _erase(self, options: dict) -> Receipt:
        actor = User.objects.filter(email=options["by"]).first()
        if actor is None:
            raise CommandError("--by names nobody; expected the address of an administrator.")
        given = {"actor": actor, "ground": options["ground"], "confirm": options["confirm"]}
        if options["patient"]:
            slug, patient = options["patient"]
            return patient_erase(institution=hospital_named(slug, actor), patient=patient, **given)
        subject = User.objects.filter(pk=options["user"]).first()
        if subject is None:
            raise CommandError(f"There is nobody with the id {options['user']}.")
        return subject_erase(subject=subject, **given)
