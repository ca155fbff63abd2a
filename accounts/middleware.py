from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts import emergency, factors, sessions
from core.api.problems import of_api, problem_response
from core.roles import Role

_WITHOUT = {
    "mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes", "account_reauthenticate",
    "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "logout", "login", "account_login", "mfa_authenticate",
    "mfa_login_webauthn", "openid_connect_login", "openid_connect_callback", "saml_login", "saml_back", "saml_in",
    "saml_metadata", "health_live", "health_ready", "metrics", "account_activate",
}  # fmt: skip
_SENTENCE = "Your role demands a second factor. Set one up in the browser first: Your account, second factor."


class SignInFirstMiddleware(LoginRequiredMiddleware):
    """Whoever is not signed in signs in first, and comes back to the page they were on.

    A form that was sent after its session had ended leads back to the page of the form, not to where it was sent:
    that place may not be read. What was typed is put back there by the browser (static/js/forms.js).
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        if request.method in {"GET", "HEAD"} or request.path.startswith("/api/"):
            return super().handle_no_permission(request, view_func)
        came_from = request.headers.get("Referer", "")
        ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
        parts = urlsplit(came_from if ours else "/")
        page = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        messages.info(
            request,
            _("You were signed out meanwhile, so nothing was sent. Sign in: what you typed comes back."),
        )
        return redirect_to_login(page, self.get_login_url(view_func), self.get_redirect_field_name(view_func))


class SecondFactorMiddleware:
    """Whose role demands a second factor reaches nothing but its set-up and the way out, until there is one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        if unknown := sorted(set(settings.MFA_REQUIRED_ROLES) - set(Role)):
            # A slip of the pen here would leave a role without what it must have.
            raise ImproperlyConfigured(f"MFA_REQUIRED_ROLES: expected {', '.join(Role)}, got {', '.join(unknown)}.")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if getattr(view, "public", False):  # kept by caches for everybody: no answer of it may carry a session
            return None
        user = request.user
        if not user.is_authenticated:
            return None
        sessions.session_seen(request)
        access = emergency.of_session(request.session, user)
        if access is not None:
            user.lent, request.emergency = emergency.LENT, access  # type: ignore[attr-defined]
        if not settings.MFA_REQUIRED_ROLES or _name(request) in _WITHOUT:
            return None
        if not factors.required_of(user) or factors.passed(request, user):
            return None
        if of_api(request):
            return problem_response(request, 403, "second_factor_required", _SENTENCE)
        if request.path.startswith("/live/"):
            return HttpResponseForbidden(_SENTENCE, content_type="text/plain")
        if factors.held_by(user).exists():  # opened without the factor, or with one that is gone
            logout(request)
            return redirect("account_login")
        messages.info(request, "Your role demands a second factor at sign-in. Set it up to go on.")
        return redirect("mfa_index")


def _name(request: HttpRequest) -> str | None:
    return None if request.resolver_match is None else request.resolver_match.url_name
