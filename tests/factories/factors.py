"""Second factors without a browser: an authenticator app and its recovery codes, and the code that is due."""

from __future__ import annotations

import secrets
import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.adapters import sealed_for
from accounts.models import Factor, User
from tests.factories.people import PASSWORD


def make_app(user: User) -> Factor:
    """An authenticator app in force, with recovery codes that were looked at."""
    codes = {"seed": sealed_for(user.pk, secrets.token_hex(40)), "used_mask": 0, "viewed_at": 1.0}
    Authenticator.objects.create(user=user, type="recovery_codes", data=codes)
    made = Factor.objects.create(user=user, type="totp", data={"secret": sealed_for(user.pk, generate_totp_secret())})
    return made


def secret_of(factor: Factor) -> str:
    from accounts.adapters import FactorAdapter

    return FactorAdapter().decrypt(factor.data["secret"])


def code_at(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def code_of(factor: Factor) -> str:
    """The code that the app shows now, as if it had not been used yet: no test waits for the next."""
    code = code_at(secret_of(factor))
    cache.delete(f"allauth.mfa.totp.used?user={factor.user_id}&code={code}")
    return code


def recovery_codes_of(user: User) -> list[str]:
    return Factor.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()


def password_given(user: User, then: str = "") -> tuple[Client, object]:
    client = Client()
    target = reverse("login") + (f"?next={then}" if then else "")
    return client, client.post(target, {"username": user.email, "password": PASSWORD, "next": then})


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def proved(client: Client) -> Client:
    """A browser in which somebody without a factor has given the password once more."""
    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": reverse("mfa_index")})
    assert answer.status_code == 302 and answer["Location"] == reverse("mfa_index"), answer.status_code
    return client
