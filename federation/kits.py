"""How a hospital comes by its client of NVIDIA FLARE: it draws the key, and asks for a certificate and the rest.

The site asks again until the house, which alone runs FLARE's provisioning, has signed. Nothing in a kit is secret: the
key that its certificate is for never leaves the site.
"""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import kombu
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings
from django.utils import timezone

from core.context import governed
from core.errors import ApplicationError
from federation import provisioning
from federation.domain import messages
from federation.domain.flare_keys import KIND, LEAST_BITS, key_mark
from federation.domain.messages import Message
from federation.engines import flare_house
from federation.keys import coordinator_key
from federation.models import Participant
from federation.models_sites import FlareRequest, SitePass
from federation.site.wire import broker, transport_options

MOST_A_DAY = 10  # requests of one site: each is signed and kept


def answer(participant: Participant, message: Message) -> str:
    """Answer a site that asks for its kit, or take note that it has it."""
    if message.body.get("taken"):
        _taken(participant)
        return "kit"
    try:
        request_enter(participant, str(message.body.get("request", "")))
        kit = kit_of(participant)
        files = {} if kit is None else {"kit": packed(kit)}
        told = Message(KIND, "coordinator", participant.site, message.key, {"ready": kit is not None}, files)
    except ApplicationError as error:
        told = Message(KIND, "coordinator", participant.site, message.key, {"error": str(error)}, ok=False)
    say(participant.channel, told)
    return "kit"


def request_enter(participant: Participant, request: str) -> FlareRequest:
    """Put a request for a certificate on record, once; the house signs the newest of each site.

    Raises
    ------
    ApplicationError
        If it is no request, or of a key that was revoked or replaced.
    """
    mark = _mark_of(request)
    known = participant.flare_requests.filter(fingerprint=mark).first()
    if known is not None:
        if flare_house.request_of(participant) != known:
            raise ApplicationError("this key was revoked or replaced; draw another with --new-key")
        return known
    if participant.flare_requests.filter(created_at__gte=timezone.now() - timedelta(days=1)).count() >= MOST_A_DAY:
        raise ApplicationError(f"expected at most {MOST_A_DAY} keys a day; try again tomorrow")
    with governed(action="flare.request", reason=f"signed by {participant.site}"):
        return FlareRequest.objects.create(participant=participant, request=request, fingerprint=mark)


def _mark_of(request: str) -> str:
    try:
        asked = x509.load_pem_x509_csr(request.encode())
        key, valid = asked.public_key(), asked.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ApplicationError(f"expected a certificate request in PEM, got {error}") from error
    if not valid:
        raise ApplicationError("the certificate request is not signed by its own key")
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS:
        raise ApplicationError(f"expected an RSA key of {LEAST_BITS} bits or more, which FLARE signs in with")
    return key_mark(key)


def kit_of(participant: Participant) -> Path | None:
    """The site's newest kit, if it is for the key that the site asked with last."""
    kit, asked = flare_house.current() / flare_house.client_name(participant), flare_house.request_of(participant)
    certificate = kit / "startup" / "client.crt"
    if asked is None or not certificate.exists():
        return None
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return kit if key_mark(found.public_key()) == asked.fingerprint else None


def packed(kit: Path) -> bytes:
    """The kit as an archive. One of before the sites drew their keys has a key in it; that is left out."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in kit.rglob("*") if path.is_file() and path.suffix != ".key"):
            archive.write(path, path.relative_to(kit.parent))
    return made.getvalue()


def _taken(participant: Participant) -> None:
    """The site has its kit. One that joined over FLARE alone needs the broker no more, and cannot reach it again."""
    with governed(action="pass.hand_over", reason=f"taken by {participant.site}"):
        row = participant.passes.filter(kind=SitePass.Kind.FLARE, revoked_at=None).select_for_update().first()
        if row is not None and row.handed_at is None:
            row.handed_at = timezone.now()
            row.save(update_fields=["handed_at"])
    if participant.is_over_flare:
        provisioning.broker_user_end(participant.channel)


def say(channel: str, message: Message) -> None:
    """Answer what a site waits for on the spot."""
    with (
        kombu.Connection(broker(settings.REDIS_URL), transport_options=transport_options(channel)) as connection,
        connection.SimpleQueue("welcome") as queue,
    ):
        queue.put(messages.seal(message, coordinator_key()), serializer="json", retry=False)
