"""Who may come in from another host: certificates on record, their end, and what becomes of who shows an ended one.

A refusal is a row of the ledger and is shown on the pages of the runs that the site takes part in; those go on.
"""

from __future__ import annotations

import logging
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.utils import timezone

from accounts.models import User
from core.context import governed
from core.errors import Conflict
from federation import provisioning, sealing
from federation.models import Participant, RunEvent, TrainingRun
from federation.models_sites import SitePass
from federation.own import require_part

logger = logging.getLogger(__name__)
ACTIVE_RUNS = (TrainingRun.State.RUNNING, TrainingRun.State.PAUSED)
ASK = "ask the platform's administrator for a new invitation"


def enter(participant: Participant, kind: str, certificate: x509.Certificate) -> SitePass:
    """Put a certificate on record, once; the caller has named the action."""
    row, _ = SitePass.objects.get_or_create(
        fingerprint=fingerprint(certificate),
        defaults={"participant": participant, "kind": kind, "not_after": certificate.not_valid_after_utc},
    )
    return row


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def participant_of(channel: str) -> Participant | None:
    found = Participant.objects.filter(site=channel.rpartition("-")[0]).select_related("federation")
    return next((participant for participant in found if participant.channel == channel), None)


def reason_against(shown: bytes, *, now: datetime | None = None) -> str:
    """Why a certificate (DER) of the platform's authority opens nothing any more; "" if it does. Refusals are recorded.

    One that belongs to nobody yet is an invitation's: its password, which the broker knows, says whether it is good.
    """
    certificate = x509.load_der_x509_certificate(shown)
    name = str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    channel, mark = name.removeprefix("site."), fingerprint(certificate)
    participant = participant_of(channel)
    ended = certificate.not_valid_after_utc
    if ended <= (now or timezone.now()):
        kind, reason = "certificate-expired", f"the certificate ended at {ended:%Y-%m-%d %H:%M}"
    elif SitePass.objects.filter(fingerprint=mark, revoked_at__isnull=False).exists():
        kind, reason = "certificate-revoked", "the certificate was revoked"
    elif participant is not None and not participant.is_active:
        kind, reason = "unknown-site", "this site takes no part in the federation any more"
    else:
        return ""
    if participant is not None:
        refuse(participant, kind=kind, reason=f"{reason}; refused at the door to the broker", mark=mark)
    return f"{reason}; {ASK}"


def client_refused(client: str) -> None:
    """A client of FLARE that may not work is connected: it gets no order, and the record says so."""
    for row in SitePass.objects.filter(kind=SitePass.Kind.FLARE).select_related("participant"):
        if row.has_ended and client.startswith(row.participant.channel):
            kind = "certificate-revoked" if row.revoked_at else "certificate-expired"
            refuse(row.participant, kind=kind, reason=f"FLARE's client {client} gets no order", mark=row.fingerprint)
            return
    logger.warning("FLARE's client %s is not known and gets no order", client)


def refuse(participant: Participant, *, kind: str, reason: str, mark: str) -> None:
    """On record once a day and run, however often it is tried."""
    runs: list[TrainingRun | None] = [
        run
        for run in TrainingRun.objects.filter(federation=participant.federation_id, state__in=ACTIVE_RUNS)
        if participant.site in run.config["data_digests"]
    ]
    for run in runs or [None]:
        run_id = run.id if run else None
        text = f"{mark}:{run_id}:{timezone.now():%Y-%m-%d}"
        new = sealing.refusal_record(participant, kind=kind, reason=reason, text=text, run_id=run_id)
        if new and run is not None:
            said = f"{participant}: {reason}; the run goes on"
            RunEvent.objects.create(run=run, kind="refused", site=participant.site, text=said)


def revoke(*, row: SitePass, actor: User) -> None:
    """End a certificate. A site's way to the broker is closed with it, by whichever certificate, also for who is in."""
    require_part(row.participant.federation, actor, "federation.manage")
    with governed(action="pass.revoke", actor=actor.id):
        row = SitePass.objects.select_for_update(of=("self",)).select_related("participant").get(id=row.id)
        if row.revoked_at is not None:
            raise Conflict("This certificate was revoked before.")
        good = SitePass.objects.filter(participant=row.participant, kind=row.kind, revoked_at__isnull=True)
        for each in good.select_for_update() if row.kind == SitePass.Kind.DOOR else [row]:
            each.revoked_at, each.revoked_by = timezone.now(), actor
            each.save(update_fields=["revoked_at", "revoked_by"])
        if row.kind == SitePass.Kind.DOOR:
            provisioning.broker_user_end(row.participant.channel)
