"""What the commands of this app share."""

from __future__ import annotations

from accounts.models import User
from core.errors import ApplicationError


def person(address: str) -> User:
    """Whoever has this address.

    Raises
    ------
    ApplicationError
        If nobody has.
    """
    found = User.objects.filter(email=address, is_active=True).first()
    if found is None:
        raise ApplicationError("--by names nobody; expected the address of somebody with an account.")
    return found


def owner_url(url: str, variable: str) -> str:
    if not url:
        raise ApplicationError(f"Set {variable} (or {variable}_FILE): only the database's owner may read and make all.")
    return url
