"""The password once more, before what a person answers for with their name."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest

from accounts.models import User
from core.errors import ApplicationError


class WrongPassword(ApplicationError):
    """The password is not that of the person who is signed in. It counts as a failed sign-in."""

    code = "wrong_password"


def reauthenticate(request: HttpRequest, user: User, password: str) -> None:
    """Refuse unless this is the person's password; failures count towards the lock-out, as at the sign-in.

    Raises
    ------
    WrongPassword
        If it is not.
    """
    found = authenticate(request, email=user.email, password=password) if password else None
    if found is None or found.pk != user.pk:
        raise WrongPassword("Enter your own password once more: it was missing or wrong. Nothing was recorded.")
