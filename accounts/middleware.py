from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import redirect

from accounts import factors, sessions
from core.api.problems import of_api, problem_response
from core.roles import Role

PASSED = "second_factor"  # in the session: it was opened with a second factor
_WITHOUT = {
    "factor", "factor_begin", "factor_confirm", "logout", "login", "login_code", "health_live", "health_ready",
    "metrics", "account_activate",
}  # fmt: skip
_SENTENCE = "Your role demands a second factor. Set one up in the browser first: Your account, second factor."


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
        if not settings.MFA_REQUIRED_ROLES or PASSED in request.session or _name(request) in _WITHOUT:
            return None
        if not factors.required_of(user):
            return None
        if of_api(request):
            return problem_response(request, 403, "second_factor_required", _SENTENCE)
        if request.path.startswith("/live/"):
            return HttpResponseForbidden(_SENTENCE, content_type="text/plain")
        if factors.of(user) is not None:  # a session from before: it is opened again, with the code
            logout(request)
            return redirect("login")
        messages.info(request, "Your role demands a second factor at sign-in. Set it up to go on.")
        return redirect("factor")


def _name(request: HttpRequest) -> str | None:
    return None if request.resolver_match is None else request.resolver_match.url_name
