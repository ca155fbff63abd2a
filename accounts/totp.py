"""One-time codes by the clock (RFC 6238): SHA-1, six digits, thirty seconds, as every authenticator app reads them."""

from __future__ import annotations

import base64
import secrets
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

ISSUER = "QFL-ETHICS"
DIGITS, STEP_SECONDS = 6, 30
DRIFT_STEPS = 1  # how far a phone's clock may be off, each way
_SECRET_BYTES = 20


def new_secret() -> str:
    """A fresh secret of 160 bits, in base32 without padding."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """The code of one step of thirty seconds since 1970."""
    key = base64.b32decode(secret)
    return HOTP(key, DIGITS, SHA1()).generate(step).decode()  # noqa: S303 - the algorithm that RFC 6238 and apps share


def step_of(seconds: float) -> int:
    """The step that a moment lies in."""
    return int(seconds // STEP_SECONDS)


def matching_step(secret: str, typed: str, *, now: float, after: int) -> int | None:
    """Which step a code belongs to.

    Parameters
    ----------
    typed : str
        Six digits.
    now : float
        Seconds since 1970.
    after : int
        The last step whose code was used: codes of it and of earlier steps are refused, so none works twice.

    Returns
    -------
    int or None
        The step, or None if the code is wrong, too old or used.
    """
    current, found = step_of(now), None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        same = secrets.compare_digest(code_at(secret, step).encode(), typed.encode())
        if same and step > after:
            found = step
    return found


def link(secret: str, account: str) -> str:
    """The ``otpauth://`` address that an authenticator app opens."""
    values = {"secret": secret, "issuer": ISSUER, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{quote(f'{ISSUER}:{account}', safe=':@')}?{urlencode(values)}"


def in_groups(text: str, size: int = 4) -> str:
    """A long text in groups, to be read and typed by people."""
    return " ".join(text[i : i + size] for i in range(0, len(text), size))
