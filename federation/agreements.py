"""The federation agreement of each institution: who is controller or processor, who is liable, whom to call."""

from __future__ import annotations

import re
from datetime import date

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.context import governed
from core.errors import ApplicationError, Conflict
from federation.models import Federation, FederationAgreement, Participant
from federation.own import require_part

_SHA256 = re.compile(r"[0-9a-f]{64}")


def agreement_record(
    *, participant: Participant, role: str, liability: str, contact: str, signed_on: date, ends_on: date | None = None,
    document_hash: str, actor: User,
) -> FederationAgreement:  # fmt: skip
    """Enter what was signed on paper or elsewhere. It replaces the last one, which stays on record."""
    require_part(participant.federation, actor, "federation.manage")
    if role not in FederationAgreement.Role.values:
        raise ApplicationError(
            _("Expected a role among %(values)s, got %(role)s.")
            % {"values": ", ".join(FederationAgreement.Role.values), "role": f"{role!r}"}
        )
    if not liability.strip() or not contact.strip():
        raise ApplicationError("State who is liable for what, and whom to call.")
    if not _SHA256.fullmatch(document_hash):
        raise ApplicationError("Expected the SHA-256 of the signed document, 64 hexadecimal digits (`sha256sum FILE`).")
    if signed_on > timezone.now().date():
        raise ApplicationError(
            _("Expected a day that is not in the future as the day of signature, got %(signed_on)s.")
            % {"signed_on": signed_on}
        )
    if ends_on is not None and ends_on < signed_on:
        raise ApplicationError(
            _("Expected an end after the signature on %(signed_on)s, got %(ends_on)s.")
            % {"signed_on": signed_on, "ends_on": ends_on}
        )
    with governed(action="agreement.record", actor=actor.id):
        return FederationAgreement.objects.create(
            participant=participant, role=role, liability=liability.strip(), contact=contact.strip(),
            signed_on=signed_on, ends_on=ends_on, document_hash=document_hash, recorded_by=actor,
        )  # fmt: skip


def agreements_of(federation: Federation) -> list[tuple[Participant, FederationAgreement | None]]:
    """Each active participant with its newest agreement, current or not, in two queries."""
    participants = list(federation.participants.filter(is_active=True).select_related("institution"))
    newest: dict = {}
    found = FederationAgreement.objects.filter(participant__in=participants).select_related("recorded_by")
    for agreement in found:  # the newest first
        newest.setdefault(agreement.participant_id, agreement)
    return [(participant, newest.get(participant.id)) for participant in participants]


def refuse_without_agreement(federation: Federation) -> None:
    """No run on patients' data with an institution that has not signed, or whose agreement has ended."""
    if federation.synthetic:
        return
    lacking = [p.institution.name for p, found in agreements_of(federation) if found is None or not found.is_current]
    if lacking:
        raise Conflict(
            _(
                "A run on patients' data needs a current federation agreement of every institution; missing: "
                "%(lacking)s. An administrator records it on the federation's page."
            )
            % {"lacking": ", ".join(sorted(lacking))}
        )
