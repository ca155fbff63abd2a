"""Signed webhooks in the form of Standard Webhooks (https://www.standardwebhooks.com): what is signed, and how checked.

The signature covers the identifier, the time and the body, so nobody can change one of them, and a receiver can refuse
what is old and what it has seen (docs/webhooks.md).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with
SECRET_BYTES = 32
TOLERANCE_SECONDS = 300
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class BadSignature(ValueError):
    """The message is not what the holder of the secret sent, or too old."""


def new_secret() -> str:
    """A secret of 32 random bytes, as both sides write it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(*, secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message.

    Parameters
    ----------
    message_id : str
        The same whenever the message is sent again: a receiver that has seen it does nothing.
    timestamp : int
        Seconds since 1970, of this attempt.
    """
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: _signature(secret, message_id, timestamp, body)}


def verify(*, secret: str, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """Check a message as a receiver does, and return its identifier.

    Raises
    ------
    BadSignature
        If a header is missing, the time is more than five minutes from `now`, or no signature fits.
    """
    try:
        message_id, timestamp, given = headers[ID], int(headers[TIMESTAMP]), headers[SIGNATURE].split()
    except (KeyError, ValueError) as error:
        raise BadSignature(f"expected the headers {ID}, {TIMESTAMP} and {SIGNATURE}") from error
    if abs(now - timestamp) > TOLERANCE_SECONDS:
        raise BadSignature(f"expected a time within {TOLERANCE_SECONDS} s of now, got {timestamp}")
    wanted = _signature(secret, message_id, timestamp, body)
    if not any(hmac.compare_digest(wanted, one) for one in given):
        raise BadSignature("no signature fits the body, the identifier and the time")
    return message_id


def _signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise BadSignature(f"expected a secret of {SECRET_PREFIX} and base64") from error
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
