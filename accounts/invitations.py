"""People who are invited: an account without a password, and a link under which its owner sets one."""

from __future__ import annotations

from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.models import User
from core import vault
from core.errors import ApplicationError


def person_invite(*, email: str, name: str) -> User:
    """The person of this address; if there is none, a new account that nobody can sign in to yet.

    Called inside the transaction of what the person is invited to.
    """
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise ApplicationError("Expected an email address.") from error
    found = User.objects.filter(email=address).first()
    if found is not None:
        if not found.is_active:
            raise ApplicationError("This account was closed; it cannot be invited.")
        return found
    made = User.objects.create_user(address, None, name=name)
    vault.ensure(made.pk)
    return made


def activation_path(user: User) -> str:
    """Where the owner of a new account sets a password, once and for some days; empty if they have one.

    The link is a secret: whoever opens it first owns the account.
    """
    if user.has_usable_password():
        return ""
    uid = urlsafe_base64_encode(force_bytes(str(user.pk)))
    return reverse("account_activate", args=[uid, default_token_generator.make_token(user)])
