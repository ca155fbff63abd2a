from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core import context
from core.api.problems import of_api, problem_response
from core.errors import ApplicationError
from core.spoken import spoken

_SAFE_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


def request_id(request: HttpRequest) -> str:
    """The id that a proxy gave, if it is a sane one, else a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if _SAFE_ID.match(given) else uuid.uuid4().hex


class RequestIdMiddleware:
    """Give each request an id, keep a sane one that a proxy sent, and return it in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.id = request_id(request)  # type: ignore[attr-defined]
        context.set_request(request_id=request.id)  # type: ignore[attr-defined]
        context.set_actor(None)
        response = self.get_response(request)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        return response


class ActorMiddleware:
    """The signed-in user is the actor of whatever the request changes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = getattr(request, "user", None)
        context.set_actor(user.pk if user is not None and user.is_authenticated else None)
        return self.get_response(request)


class ApplicationErrorMiddleware:
    """A page that cannot do what was asked says why, where the user stands, instead of failing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, ApplicationError):
            return None
        if of_api(request):
            return problem_response(request, error.status, error.code, error.message, **error.extra)
        back = request.POST.get("next") or ""
        if request.method == "POST" and back.startswith("/") and not back.startswith("//") and error.status != 403:
            messages.error(request, error.message)
            return redirect(back)
        template = "403.html" if error.status == 403 else "400.html"
        told = {"exception": spoken(error.message), "status": error.status}
        return render(request, template, told, status=error.status)
