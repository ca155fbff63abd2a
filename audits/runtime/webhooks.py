"""Webhooks: which addresses may be told, and how a signed message gets there.

An administrator names an https address; private, local and reserved addresses are refused, when it is entered and when
it is called. The call goes to the very address that was checked, so a name that resolves differently a moment later
gains nothing, and redirections are not followed.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Institution
from audits.domain import webhooks as signing
from audits.runtime.models import WebhookSubscription
from core import vault
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role

TIMEOUT_SECONDS = 10.0
MOST_SHOWN = 200  # characters of a refusing server's answer that are kept
MOST_URL = 300


class Refused(Exception):
    """The receiver did not take the message."""


def subscription_create(
    *, name: str, url: str, institution: Institution | None, actor: Any
) -> tuple[WebhookSubscription, str]:
    """A new subscription and its secret, which is not shown again.

    Raises
    ------
    ApplicationError
        If the name is empty, or the address is not https or lies in a private network.
    """
    _refuse_others(actor)
    kept = " ".join(name.split())
    if not 1 <= len(kept) <= 80:
        raise ApplicationError(gettext("Expected a name of 1 to 80 characters, got %(n)s.") % {"n": len(kept)})
    checked_addresses(url)
    secret = signing.new_secret()
    with governed(action="webhook.subscribe", actor=actor.id):
        made = WebhookSubscription(name=kept, url=url, institution=institution, created_by=actor)
        vault.ensure(made.pk)
        made.secret = secret
        made.save(force_insert=True)
    return made, secret


def subscription_revoke(*, subscription: WebhookSubscription, actor: Any) -> WebhookSubscription:
    """Tell this address nothing more."""
    _refuse_others(actor)
    with governed(action="webhook.revoke", actor=actor.id):
        locked = WebhookSubscription.objects.select_for_update().get(id=subscription.id)
        if locked.revoked_at is not None:
            raise Conflict("This subscription is revoked already.")
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
    return locked


def _refuse_others(actor: Any) -> None:
    if Role.ADMINISTRATOR not in actor.roles:
        raise Forbidden("Subscriptions are managed by administrators.")


def checked_addresses(url: str) -> list[tuple[str, int]]:
    """Where a URL leads, every address of it checked.

    Raises
    ------
    ApplicationError
        If it is not https, carries a password, does not resolve, or any of its addresses is not public (unless
        WEBHOOK_ALLOW_PRIVATE is set).
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as error:
        raise ApplicationError(
            gettext("Expected a URL such as https://host.example/path: %(error)s.") % {"error": error}
        ) from error
    if parts.scheme != "https" or not parts.hostname or len(url) > MOST_URL or not url.isprintable() or " " in url:
        raise ApplicationError(
            gettext("Expected a URL such as https://host.example/path, of at most %(most_url)s characters.")
            % {"most_url": MOST_URL}
        )
    if parts.username or parts.password:
        raise ApplicationError("Expected a URL without user and password; messages are signed instead.")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ApplicationError(
            gettext("The host %(hostname)s cannot be found.") % {"hostname": parts.hostname}
        ) from error
    addresses = sorted({(str(entry[4][0]), int(entry[4][1])) for entry in found})
    for address, _ in addresses:
        if not settings.WEBHOOK_ALLOW_PRIVATE and not _is_public(address):
            raise ApplicationError(
                gettext(
                    "The host %(hostname)s lies in a private or reserved network. Expected a public address; the "
                    "operator may set WEBHOOK_ALLOW_PRIVATE where receivers stand inside."
                )
                % {"hostname": parts.hostname}
            )
    return addresses


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (mapped is None or (mapped.is_global and not mapped.is_multicast))


class _Pinned(http.client.HTTPSConnection):
    """Connects to an address that was checked, and demands the host's certificate there."""

    def __init__(self, host: str, address: tuple[str, int], context: ssl.SSLContext) -> None:
        super().__init__(host, address[1], timeout=TIMEOUT_SECONDS, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection(self._address, TIMEOUT_SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def post(*, url: str, secret: str, message_id: str, body: bytes) -> None:
    """Send a signed message; any answer from 200 to 299 takes it.

    Raises
    ------
    Refused
        If the receiver answers anything else, a redirection included.
    ApplicationError
        If the URL may not be called (any more).
    OSError
        If nobody answers, or not under the host's certificate.
    """
    parts, addresses = urlsplit(url), checked_addresses(url)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "qfl-ethics-webhooks",
        **signing.signed_headers(secret=secret, message_id=message_id, timestamp=int(time.time()), body=body),
    }
    context = ssl.create_default_context(cafile=settings.WEBHOOK_CA_FILE or None)
    connection = _Pinned(str(parts.hostname), addresses[0], context)
    try:
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else "") or "/", body, headers)
        answer = connection.getresponse()
        said = answer.read(MOST_SHOWN)
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise Refused(f"answered {answer.status}: {said.decode(errors='replace')}")
