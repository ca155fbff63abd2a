from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language

from accounts.access import requires
from core.api.problems import of_api, problem_response
from qflethics.home.figures import key_figures, recent_activity
from qflethics.home.first_steps import first_steps
from qflethics.home.needs import needs_of
from qflethics.home.search import found, understood


@requires("home.view")
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The dashboard; asked by htmx, only the part that changes."""
    user = request.user
    template = "home/home_live.html" if request.htmx else "home/home.html"  # type: ignore[attr-defined]
    context = {
        "needs": needs_of(user),  # type: ignore[arg-type]
        "figures": key_figures(user),  # type: ignore[arg-type]
        "events": recent_activity() if user.may("ledger.view") else None,  # type: ignore[union-attr]
    }
    if not request.htmx:  # type: ignore[attr-defined]
        context["steps"] = first_steps(user)  # type: ignore[arg-type]
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@requires("home.view")
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Everything that the person may open, by words, number, digest or identifier."""
    asked = understood(request.GET.get("q", ""))
    groups = found(request.user, asked)  # type: ignore[arg-type]
    context = {"asked": asked, "groups": groups, "total": sum(len(group.hits) for group in groups)}
    return render(request, "home/search.html", context)


@login_not_required
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """The language of whoever is not signed in yet, in a cookie. (Signed in, it is one of the person's preferences.)"""
    return set_language(request)


@require_safe
@login_not_required
def health_live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@login_not_required
def health_ready(request: HttpRequest) -> JsonResponse:
    """Ready when the database answers; a load balancer takes the process out otherwise."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:  # noqa: BLE001 - whatever is wrong with the database, the answer is: not ready
        return JsonResponse({"status": "database unavailable"}, status=503)
    return JsonResponse({"status": "ok"})


_UNREADABLE = "The request cannot be read: its host, its size or its form is not one that is expected. Mend it."
_NOWHERE = "There is nothing at this address. Expected one of those that GET /api/v1/schema lists."
_BROKEN = "The platform failed, and has written down why. Try again; else tell the operator the request's id."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if of_api(request):
        return problem_response(request, 400, "invalid", _UNREADABLE)
    return render(request, "400.html", {"status": 400}, status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if of_api(request):
        return problem_response(request, 403, "permission_denied", str(exception) or "This is not for you.")
    return render(request, "403.html", {"status": 403, "exception": str(exception)}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if of_api(request):
        return problem_response(request, 404, "not_found", _NOWHERE)
    return render(request, "404.html", {"status": 404}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Nothing may be needed that could be broken: no database, no session, no context processor."""
    if of_api(request):
        return problem_response(request, 500, "error", _BROKEN)
    body = get_template("500.html").render({"request_id": getattr(request, "id", "")})
    return HttpResponse(body, status=500)
