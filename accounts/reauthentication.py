"""The password once more, before what a person answers for with their name."""

from __future__ import annotations

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.contrib.auth import authenticate
from django.http import HttpRequest

from accounts.models import User
from core.errors import ApplicationError


class WrongPassword(ApplicationError):
    """The password is not that of the person who is signed in. It counts as a failed sign-in."""

    code = "wrong_password"


def reauthenticate(request: HttpRequest, user: User, password: str) -> None:
    """Refuse unless this is the person's password; failures count towards the lock-out, as at the sign-in.

    Who has no password, because the institution's provider signs them in, has proved themselves a moment ago by the
    page for it (`allauth`): a factor of theirs, or the provider once more.

    Raises
    ------
    WrongPassword
        If it is not.
    """
    if not user.has_usable_password():
        if is_reauthentication_required(request, app="accounts"):
            raise WrongPassword(
                "You have no password here. Prove once more that it is you, on the page “Your account”, and then "
                "record this within five minutes. Nothing was recorded."
            )
        return
    found = authenticate(request, email=user.email, password=password) if password else None
    if found is None or found.pk != user.pk:
        raise WrongPassword("Enter your own password once more: it was missing or wrong. Nothing was recorded.")
