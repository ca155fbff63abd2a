"""A person's language and time zone, for as long as a request of theirs lasts.

They are kept in the session, which each request loads anyway. Machines, streams, public pages and documents are spoken
to in English and UTC: what is signed, cached or compared must not depend on who asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from accounts.models import Preferences
from core import clock

KEPT = "personal"  # in the session
_ENGLISH_ONLY = ("/api/", "/live/", "/metrics", "/log/")


def remember(request: HttpRequest, preferences: Preferences) -> None:
    """Keep what each page needs in the session."""
    request.session[KEPT] = {
        "language": preferences.language, "zone": preferences.zone.key, "shortcuts": preferences.shortcuts,
    }  # fmt: skip


def chosen(request: HttpRequest) -> dict[str, Any]:
    """What was remembered; empty for who has chosen nothing."""
    session = getattr(request, "session", None)
    return {} if session is None else session.get(KEPT, {})


def _signed_in(sender: Any, request: HttpRequest, user: Any, **_: Any) -> None:
    stored = Preferences.objects.filter(user=user.pk).first()
    if stored is not None and hasattr(request, "session"):
        remember(request, stored)


user_logged_in.connect(_signed_in, dispatch_uid="accounts.personal")


class PersonalMiddleware:
    """Speak the person's language and show their time, on pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            response = self.get_response(request)
            if hasattr(request, "LANGUAGE_CODE"):
                patch_vary_headers(response, ["Accept-Language"])
                response.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
            return response
        finally:
            translation.activate(settings.LANGUAGE_CODE)
            clock.show_in(None)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if getattr(view, "public", False) or request.path.startswith(_ENGLISH_ONLY):
            return
        kept = chosen(request) if settings.SESSION_COOKIE_NAME in request.COOKIES else {}
        language = kept.get("language") or translation.get_language_from_request(request)
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()
        if zone := kept.get("zone"):
            clock.show_in(ZoneInfo(zone))
