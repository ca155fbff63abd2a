"""The second step of a sign-in: after the password, a code. Nobody is signed in between the two."""

from __future__ import annotations

import time

from axes.handlers.proxy import AxesProxyHandler
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import factors
from accounts.account_forms import CodeForm
from accounts.middleware import PASSED
from accounts.models import User
from core.errors import ApplicationError

_PENDING = "sign_in_pending"
SECONDS = 300  # between password and code


def await_code(request: HttpRequest, user: User, then: str) -> HttpResponse:
    """Remember who gave the right password, and ask for the code."""
    request.session.cycle_key()
    request.session[_PENDING] = {
        "user": str(user.pk), "backend": user.backend, "hash": user.get_session_auth_hash(), "at": time.time(),
        "then": then,
    }  # fmt: skip
    return redirect("login_code")


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login_code(request: HttpRequest) -> HttpResponse:
    from qflethics.home.views import locked_out

    user = _waiting(request)
    if user is None:
        request.session.pop(_PENDING, None)
        messages.info(request, _("Enter your password first; a code is asked for within five minutes of it."))
        return redirect("login")
    credentials = {"email": user.email}
    if not AxesProxyHandler.is_allowed(request, credentials):
        return locked_out(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            factors.check(user=user, typed=form.cleaned_data["code"])
        except ApplicationError as error:
            user_login_failed.send(sender=__name__, credentials=credentials, request=request)
            if getattr(request, "axes_locked_out", False):
                request.axes_locked_out = False  # type: ignore[attr-defined]  # else its middleware answers in one line
                request.session.pop(_PENDING, None)
                return locked_out(request)
            form.add_error(None, error.message)
        else:
            pending = request.session.pop(_PENDING)
            login(request, user, backend=pending["backend"])
            request.session[PASSED] = True
            return redirect(pending["then"])
    return render(request, "registration/login_code.html", {"form": form}, status=400 if form.errors else 200)


def _waiting(request: HttpRequest) -> User | None:
    """Whose password was right a moment ago, if it still is."""
    pending = request.session.get(_PENDING)
    if pending is None or pending["at"] < time.time() - SECONDS:
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True).first()
    return user if user is not None and user.get_session_auth_hash() == pending["hash"] else None
