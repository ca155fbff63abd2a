"""The way in: allauth's, held shut by axes after too many failures, from a password as from a code."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.internal.decorators import login_not_required
from allauth.account.views import LoginView
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.signals import authentication_failed
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _

from accounts import providers
from core.api.problems import of_api, problem_response


def locked_out(request: HttpRequest, response: HttpResponse | None = None, credentials: object = None) -> HttpResponse:
    """The page after too many failed sign-ins (also in the form that AXES_LOCKOUT_CALLABLE calls)."""
    # The middleware of axes would put one line of text in the place of this page.
    request.axes_locked_out = False  # type: ignore[attr-defined]
    minutes = round(float(settings.AXES_COOLOFF_TIME) * 60)
    if of_api(request):
        told = f"Too many wrong passwords. Wait {minutes} minutes, then try again with the right one."
        answer = problem_response(request, 429, "locked_out", told)
    else:
        answer = render(
            request, "429.html", {"status": 429, "retry_after": _("%(n)s minutes") % {"n": minutes}}, status=429
        )
    answer["Retry-After"] = str(minutes * 60)
    return answer


def reads_a_key(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer what no browser sends in the place of a key's answer with a sentence: it may be wrong in any way."""

    @wraps(view)
    def read(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except (TypeError, ValueError, KeyError, AttributeError):
            if "credential" not in request.POST:
                raise
            messages.error(request, "The key’s answer could not be read. Nothing was changed. Try again.")
            return redirect(request.get_full_path())

    return read


class _HeldShut:
    """Answers with the page of the lock-out where axes has closed the door."""

    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return locked_out(request) if getattr(request, "axes_locked_out", False) else response


@method_decorator(login_not_required, name="dispatch")
class SignIn(_HeldShut, LoginView):
    """Address and password, a passkey, or the institution's own sign-in."""

    template_name = "registration/login.html"

    def get_context_data(self, **kwargs: Any) -> dict:
        return super().get_context_data(**kwargs) | {"sign_in_options": providers.offered()}


@method_decorator(login_not_required, name="dispatch")
class SecondStep(_HeldShut, AuthenticateView):
    """After the password, a code or a security key. Nobody is signed in between the two."""

    template_name = "registration/login_code.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not AxesProxyHandler.is_allowed(request, {"email": self.stage.login.user.email}):
            return locked_out(request)
        if not self.stage.stands:
            return self.stage.abort()
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        answer = super().form_invalid(form)
        answer.status_code = 400
        return answer


@receiver(authentication_failed, dispatch_uid="accounts.signin_views")
def code_failed(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """A wrong code counts as a wrong password does."""
    user_login_failed.send(sender=__name__, credentials={"email": user.email}, request=request)
