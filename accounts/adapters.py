"""Where allauth asks how this platform wants it."""

from __future__ import annotations

import time
import uuid
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import providers
from accounts.models import IdentityProvider, User
from core import vault
from core.errors import ApplicationError

_SECRET = "mfa_authenticator.data"  # noqa: S105 - what a sealed secret is bound to
_DIGITS = "The code is wrong, was used before, or is too old. Enter the one that the app shows now, or a recovery code."


def sealed_for(owner: uuid.UUID, text: str) -> str:
    """A secret of somebody's factor, as the table holds it."""
    return f"{owner}:{vault.seal(owner, text, _SECRET)}"


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up; passwords are counted by axes; who has a factor proves themselves again by it."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _(
            "This email address and password do not belong together. Check both; capitals count in the password. After "
            "several failures sign-in is refused for a while."
        ),
        "incorrect_password": "Enter your own password once more: it was missing or wrong.",
        "too_many_login_attempts": "Too many wrong codes. Codes are refused for some minutes; then try again.",
        "rate_limited": "Too many wrong codes. Codes are refused for some minutes; then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Failures are counted by axes, for a name and an address: a stranger cannot lock a colleague out."""

    def reauthenticate(self, user: User, password: str) -> bool:
        found = authenticate(context.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def get_client_ip(self, request: HttpRequest) -> str:
        header = settings.CLIENT_ADDRESS_HEADER
        return (request.headers.get(header) if header else None) or request.META.get("REMOTE_ADDR") or "unknown"

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        messages.error(request, "This account was closed. Ask an administrator of your institution.")
        return redirect("account_login")

    def get_login_stages(self) -> list[str]:
        return ["accounts.stages.FactorStage"]

    def get_reauthentication_methods(self, user: Any) -> list[dict]:
        """The strongest that the person has. Who has neither factor nor password signs in again at their provider."""
        ways = super().get_reauthentication_methods(user)
        strong = [way for way in ways if way["id"].startswith("mfa")]
        if ways or not user.is_authenticated:
            return strong or ways
        return [
            {"id": "provider", "description": str(provider), "url": providers.address_of(provider)}
            for provider in providers.linked_to(user)
        ]

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        request = context.request
        if not super().get_reauthentication_methods(request.user):
            last = [
                r["at"] for r in get_authentication_records(request, request.user) if r["method"] == "socialaccount"
            ]
            return not last or time.time() - last[-1] > app_settings.REAUTHENTICATION_TIMEOUT
        return super().is_reauthentication_required(app=app, **kwargs)


class FactorAdapter(DefaultMFAAdapter):
    """Secrets are sealed under the key of the person whose they are."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _DIGITS,
        "cannot_delete_authenticator": "Your role demands a second factor. Set up another one first, or have two "
        "administrators reset it.",
    }

    def encrypt(self, text: str) -> str:
        return sealed_for(context.request.user.pk, text)

    def decrypt(self, encrypted_text: str) -> str:
        owner, _, sealed = encrypted_text.partition(":")
        text = vault.open(uuid.UUID(owner), sealed, _SECRET)
        if text is None:
            raise ApplicationError("This second factor was erased with the person that it belonged to.")
        return text

    def build_totp_svg(self, url: str) -> str:
        """Ours is a path in the page (`core.qr`); allauth puts its drawing into a picture that no template uses."""
        return ""

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        return f"Key {Authenticator.objects.filter(user=user, type=type).count() + 1}"

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        from accounts import factors

        return factors.may_remove(authenticator)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": context.request.get_host().partition(":")[0], "name": settings.MFA_TOTP_ISSUER}

    def _get_site_name(self) -> str:
        return str(settings.MFA_TOTP_ISSUER)


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Providers are rows of institutions; whom one signs in is decided by invitations (`accounts.providers`)."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        rows = IdentityProvider.objects.filter(is_active=True)
        if provider:
            rows = rows.filter(Q(protocol=provider) if provider in providers.Protocol else Q(slug=provider))
        apps = [providers.app_of(row) for row in rows]
        return [app for app in apps if not client_id or app.client_id == client_id]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict) -> Any:
        """Nothing of an account comes from a provider's claims."""
        return sociallogin.user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        try:
            providers.sign_in_by(request, sociallogin)
        except ApplicationError as error:
            messages.error(request, error.message)
            raise ImmediateHttpResponse(
                redirect("account" if request.user.is_authenticated else "account_login")
            ) from error

    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:
        messages.error(
            request,
            _(
                "%(provider)s signed nobody in: it refused, you left it, or its answer was not what it must be. Try "
                "again; if it stays so, tell your administrator."
            )
            % {"provider": provider},
        )
        raise ImmediateHttpResponse(redirect("account" if request.user.is_authenticated else "account_login"))

    def serialize_instance(self, instance: Any) -> Any:
        """Between two steps of a sign-in the session knows a person by number, and holds no copy of their row."""
        return {"id": str(instance.pk)} if isinstance(instance, User) else super().serialize_instance(instance)

    def deserialize_instance(self, model: Any, data: Any) -> Any:
        return User.objects.get(pk=data["id"]) if model is User else super().deserialize_instance(model, data)

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: SocialAccount) -> str:
        return reverse("account")
