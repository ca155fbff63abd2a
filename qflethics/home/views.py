from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from accounts import factors
from accounts.access import requires
from accounts.models import User
from core.api.problems import of_api, problem_response
from qflethics.home.figures import key_figures, recent_activity
from qflethics.home.needs import needs_of
from qflethics.home.second_step import await_code


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
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


class SignInForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This email address and password do not belong together. Check both; capitals count in the "
        "password. After several failures sign-in is refused for a while.",
    }

    def clean(self) -> dict:
        """Authenticate by the name of the user model's own field, and by one spelling of the address.

        axes counts failures by that field: under the form's name "username" it would count them for nobody, and the
        lock-out would not hold. Different capitals must not be different counts either.
        """
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email is not None and password:
            self.user_cache = authenticate(self.request, email=email.strip().lower(), password=password)
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    http_method_names = ["get", "post", "head", "options"]
    template_name = "registration/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Whoever has a second factor is not signed in yet."""
        user: User = form.get_user()
        if factors.of(user) is not None:
            return await_code(self.request, user, self.get_success_url())
        return super().form_valid(form)

    def dispatch(self, request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        if getattr(request, "axes_locked_out", False):
            # The middleware of axes would put one line of text in the place of this page.
            request.axes_locked_out = False  # type: ignore[attr-defined]
            return locked_out(request)
        return response


def locked_out(request: HttpRequest, response: HttpResponse | None = None, credentials: object = None) -> HttpResponse:
    """The page after too many failed sign-ins (also in the form that AXES_LOCKOUT_CALLABLE calls)."""
    minutes = round(float(settings.AXES_COOLOFF_TIME) * 60)
    if of_api(request):
        told = f"Too many wrong passwords. Wait {minutes} minutes, then try again with the right one."
        answer = problem_response(request, 429, "locked_out", told)
        answer["Retry-After"] = str(minutes * 60)
        return answer
    answer = render(request, "429.html", {"status": 429, "retry_after": f"{minutes} minutes"}, status=429)
    answer["Retry-After"] = str(minutes * 60)
    return answer


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
