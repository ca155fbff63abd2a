"""Letting a hospital in: an administrator issues an invitation, the site's own command answers it once.

The token of the invitation is a password of the site's broker user and dies when the site joins. The site draws its
own password, its signing key and its TLS key; the platform sees a digest, a public key and a certificate request. A
site that joins over NVIDIA FLARE alone has that password until it has FLARE's certificate, and none for the door.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import uuid
from datetime import timedelta

from cryptography import x509
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from accounts.keys import institutions_of
from accounts.models import Institution, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.spoken import inside
from core.tones import look_of
from federation import door, kits, pki, provisioning, services
from federation.domain import messages
from federation.domain.invitation import SITE, Invitation
from federation.domain.messages import Message, MessageError, dump_public
from federation.keys import coordinator_key
from federation.models import Federation, Participant, SiteInvitation, SitePass
from provenance.keys import log_verifiers

logger = logging.getLogger(__name__)
State = SiteInvitation.State
MAX_DAYS = 14


def invitation_issue(
    *, federation: Federation, institution: Institution, site: str, days: int, actor: User
) -> tuple[SiteInvitation, Invitation]:
    """Open the door for one site. The returned file is shown once and kept nowhere."""
    with transaction.atomic():
        row = invitation_offer(federation=federation, institution=institution, site=site, days=days, actor=actor)
        return row, _drawn(row, action="site.invite", actor=actor)


def invitation_offer(
    *, federation: Federation, institution: Institution, site: str, days: int, actor: User
) -> SiteInvitation:
    """Invite a site whose own operator takes the file: until then there is none, and nothing opens."""
    _refuse_stranger(institution.pk, actor)
    _check(federation, institution, site, days)
    with governed(action="site.invite", actor=actor.id):
        if federation.invitations.filter(site=site, state=State.OPEN).exists():
            raise Conflict(
                gettext("%(site)s has an open invitation; withdraw it first, then issue a new one.") % {"site": site}
            )
        return SiteInvitation.objects.create(
            federation=federation, institution=institution, site=site, token_digest="",
            expires_at=timezone.now() + timedelta(days=days), invited_by=actor,
        )  # fmt: skip


def invitation_take(*, invitation: SiteInvitation, actor: User) -> Invitation:
    """The file, for the site's operator, once."""
    with transaction.atomic():
        row = SiteInvitation.objects.select_for_update(of=("self",)).select_related("federation").get(id=invitation.id)
        if row.state != State.OPEN or row.expires_at <= timezone.now():
            raise Conflict("This invitation has ended. An administrator issues a new one.")
        if row.token_digest:
            raise Conflict("This invitation was downloaded before. An administrator withdraws it and issues a new one.")
        return _drawn(row, action="site.invitation.take", actor=actor)


def _drawn(row: SiteInvitation, *, action: str, actor: User) -> Invitation:
    """The invitation as a file, with a token that is drawn now."""
    token, expires, federation = secrets.token_urlsafe(32), row.expires_at, row.federation
    with governed(action=action, actor=actor.id):
        row.token_digest = _digest(token)
        row.save(update_fields=["token_digest"])
        provisioning.broker_user(row.channel, add=row.token_digest)
    certificate, key = pki.site_certificate(row.channel, days=(expires - timezone.now()) / timedelta(days=1))
    return Invitation(
        site=row.site, channel=row.channel, federation=federation.name, broker_url=settings.GATE_URL,
        ca=pki.authority_pem(), certificate=certificate, certificate_key=key, token=token,
        coordinator_public_key=dump_public(coordinator_key()), witness_name=provisioning.witness_name(row.site),
        log_keys=tuple(key.vkey for key in log_verifiers()), expires_at=expires.isoformat(),
    )  # fmt: skip


def _refuse_stranger(institution_id: uuid.UUID, actor: User) -> None:
    """A site's key and password are replaced by joining anew: nobody else's administrator may open that door."""
    if not institutions_of(actor).filter(pk=institution_id).exists():
        raise Forbidden("Sites are invited by an administrator of their institution, or of the platform.")


def _check(federation: Federation, institution: Institution, site: str, days: int) -> None:
    if not settings.GATE_URL:
        raise Conflict(
            "This platform has no door for other hosts. Its operator sets QFL_GATE_URL (rediss://host:port) and starts "
            "`manage.py run_gate`."
        )
    if not SITE.fullmatch(site):
        raise ApplicationError(
            gettext("Expected a code of small letters, digits, - and _, at most 40, got %(site)s.")
            % {"site": f"{site!r}"}
        )
    if not 1 <= days <= MAX_DAYS:
        raise ApplicationError(
            gettext("Expected 1 to %(max_days)s days, got %(days)s.") % {"max_days": MAX_DAYS, "days": days}
        )
    other = Participant.objects.filter(site=site).exclude(institution=institution).select_related("institution").first()
    if other is not None:  # the code names a witness of the ledger
        raise Conflict(
            gettext("The code %(site)s belongs to %(institution)s; choose another.")
            % {"site": site, "institution": other.institution}
        )
    held = federation.participants.filter(institution=institution).exclude(site=site).first()
    if held is not None:
        raise Conflict(
            gettext("%(institution)s already takes part as %(site)s; invite it under that code to replace its key.")
            % {"institution": institution, "site": held.site}
        )


def invitation_revoke(*, invitation: SiteInvitation, actor: User) -> None:
    _refuse_stranger(invitation.institution_id, actor)
    with governed(action="site.uninvite", actor=actor.id):
        row = SiteInvitation.objects.select_for_update().get(id=invitation.id)
        if row.state != State.OPEN:
            raise Conflict(
                gettext("The invitation is %(state)s; only an open one can be withdrawn.")
                % {"state": inside(look_of(row.state).label)}
            )
        _end(row, State.REVOKED)


def invitations_expire() -> int:
    """Close what nobody used in time."""
    late = SiteInvitation.objects.filter(state=State.OPEN, expires_at__lte=timezone.now())
    if not late.exists():
        return 0
    with governed(action="site.invitation.expire"):
        rows = list(late.select_for_update())
        for row in rows:
            _end(row, State.EXPIRED)
    return len(rows)


def _end(row: SiteInvitation, state: str) -> None:
    row.state, row.ended_at = state, timezone.now()
    row.save(update_fields=["state", "ended_at"])
    if row.token_digest:
        provisioning.broker_user(row.channel, remove=row.token_digest)


def sites_expected() -> list[str]:
    """Channels whose queue may hold a request to join, also one asked again because the answer was lost."""
    since = timezone.now() - timedelta(hours=1)
    rows = SiteInvitation.objects.filter(state=State.OPEN) | SiteInvitation.objects.filter(
        state=State.JOINED, ended_at__gte=since
    )
    return sorted({row.channel for row in rows.only("site", "federation_id")})


def join_receive(channel: str, text: str) -> str:
    """Take a request to join and answer it. Returns what it was, for the log."""
    try:
        raw = json.loads(text)
        message, _ = messages.unseal(text, sender=str(raw["sender"]), public_key=str(raw["body"]["public_key"]))
    except (MessageError, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("refused a request to join as %s: %s", channel, error)
        return "refused"
    try:
        answer, ok = {"certificate": _admit(channel, message)}, True
    except ApplicationError as error:
        answer, ok = {"error": str(error)}, False
    kits.say(channel, Message("welcome", "coordinator", message.sender, message.key, answer, ok=ok))
    return "joined" if ok else "refused"


def _admit(channel: str, message: Message) -> str:
    """The site's certificate, once its key is on record. Asked again with the same keys, the answer is as good."""
    public_key, password, request = (str(message.body.get(name, "")) for name in ("public_key", "password", "request"))
    if len(password) != 64 or set(password) - set("0123456789abcdef"):
        raise ApplicationError("expected the SHA-256 of a password, in hex")
    over_flare = "flare" in message.body
    certificate = "" if over_flare else pki.sign_request(request, channel=channel)
    with transaction.atomic():
        rows = SiteInvitation.objects.select_for_update(of=("self",)).filter(site=message.sender)
        known = rows.select_related("federation", "institution", "invited_by")
        row = next((row for row in known if row.channel == channel), None)  # the newest
        if row is None or not _fits(row, public_key, password):
            raise ApplicationError("this invitation was used, withdrawn or has ended; ask for a new one")
        if row.state == State.OPEN:
            _enter(row, public_key, password, over_flare=over_flare)
        participant = row.federation.participants.get(site=row.site)
        if over_flare:
            kits.request_enter(participant, str(message.body["flare"]))
        else:
            with governed(action="pass.issue", reason=f"door to the broker, for {row.site}"):
                door.enter(participant, SitePass.Kind.DOOR, x509.load_pem_x509_certificate(certificate.encode()))
    provisioning.broker_user(channel, only=password)
    return certificate


def _enter(row: SiteInvitation, public_key: str, password: str, *, over_flare: bool) -> None:
    """The invitation is used up: the site takes part, and is asked what it holds."""
    participant = services.participant_add(
        federation=row.federation, institution=row.institution, site=row.site, public_key=public_key,
        actor=row.invited_by, over_flare=over_flare,
    )  # fmt: skip
    with governed(action="site.join", reason=f"{row.site} answered its invitation"):
        row.state, row.ended_at = State.JOINED, timezone.now()
        row.public_key, row.password_digest = public_key, password
        row.save(update_fields=["state", "ended_at", "public_key", "password_digest"])
    services.manifest_request(participant=participant, key=str(row.id))


def _fits(row: SiteInvitation, public_key: str, password: str) -> bool:
    if row.state == State.OPEN:
        return row.expires_at > timezone.now()
    return row.state == State.JOINED and row.public_key == public_key and row.password_digest == password


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
