"""Failed and successful sign-ins are counted by a blind name: the security log holds no address."""

from __future__ import annotations

from typing import Any

from axes.handlers.database import AxesDatabaseHandler

from accounts.models import User
from core.fields import BlindIndexField

_BLIND = "blind:"


def blind_name(address: str) -> str:
    """What stands for an address in the log of sign-ins; every spelling of it gives the same."""
    if address.startswith(_BLIND):
        return address
    index: BlindIndexField = User._meta.get_field("email_index")
    return _BLIND + index.index_of(address)


def attempt_name(request: Any, credentials: dict | None = None) -> str | None:
    """Whose sign-in this is, for axes (AXES_USERNAME_CALLABLE)."""
    given = (credentials or {}).get("email") or (credentials or {}).get("username")
    if not given and request is not None:
        given = getattr(request, "POST", {}).get("username")
    return blind_name(str(given)) if given else None


class _Nameless:
    """As much of a user as axes writes down."""

    def __init__(self, user: User) -> None:
        self._name = blind_name(user.email)

    def get_username(self) -> str:
        return self._name


class NamelessHandler(AxesDatabaseHandler):
    """The log of sign-ins in the database, without addresses (AXES_HANDLER)."""

    def user_logged_in(self, sender: Any, request: Any, user: User, **kwargs: Any) -> None:
        super().user_logged_in(sender, request, _Nameless(user), **kwargs)

    def user_logged_out(self, sender: Any, request: Any, user: User | None, **kwargs: Any) -> None:
        super().user_logged_out(sender, request, _Nameless(user) if user else None, **kwargs)
