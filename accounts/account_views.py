"""A person's own account: sessions and password. And what administrators do about lost devices and keys."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import PasswordChangeView
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import factors, invitations, keys, people, providers, sessions
from accounts.access import requires
from accounts.account_forms import KeyForm, OwnPasswordForm, ResetForm
from accounts.models import SignedIn, User
from core.errors import ApplicationError

PER_PAGE = 50


@requires("account.own")
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    rows = [(row, sessions.number_of(row), _is_this(request, row)) for row in sessions.listed(user)]
    context = {
        "factor": factors.held_by(user).first(),
        "invitations": invitations.waiting_for(user),
        **_providers(request, user),
        "required": factors.required_of(user),
        "sessions": rows,
        "others": sum(not this for _, _, this in rows),
        "resets": factors.open_resets(user) if user.may("factor.reset") else [],
        "may_keys": user.may("key.manage"),
        "may_providers": user.may("provider.manage"),
    }
    return render(request, "accounts/account.html", context)


def _providers(request: HttpRequest, user: User) -> dict[str, Any]:
    """The providers that sign the person in, and those of their institution that could."""
    linked = providers.linked_to(user)
    own = [row for row in providers.of_house(user) if row not in linked]
    return {"linked": linked, "linkable": [(row, f"{providers.address_of(row)}?process=connect") for row in own]}


# --- sessions and password -----------------------------------------------------------------------------------------


@requires("account.own")
@require_POST
def session_end(request: HttpRequest) -> HttpResponse:
    """Sign out one other device, or all others."""
    user, number = _person(request), request.POST.get("session", "")
    mine = request.session.session_key
    ended = sessions.end_one(user, number) if number else sessions.end_all(user, keep=mine)
    messages.success(request, _("Signed out: %(n)s. Whoever used them must sign in again.") % {"n": ended})
    return redirect("account")


@method_decorator([requires("account.own"), require_http_methods(["GET", "HEAD", "POST"])], name="dispatch")
class ChangePassword(PasswordChangeView):
    """A new password; every other session ends with the old one."""

    template_name = "accounts/password.html"
    form_class = OwnPasswordForm
    success_url = reverse_lazy("account")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form) -> HttpResponse:
        before = self.request.session.session_key
        answer = super().form_valid(form)
        now = self.request.session.session_key  # changing the password gave this session a new key
        SignedIn.objects.filter(session_key=before).update(session_key=now)
        sessions.end_all(form.user, keep=now)
        messages.success(self.request, "Your password is changed, and your other sessions are signed out.")
        return answer


# --- a lost device: two administrators -----------------------------------------------------------------------------


@requires("factor.reset")
@require_http_methods(["GET", "HEAD", "POST"])
def reset_request(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    actor = _person(request)
    person = get_object_or_404(people.people_for(actor), pk=user_id)
    form = ResetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            factors.reset_request(user=person, actor=actor, reason=form.cleaned_data["reason"])
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            messages.success(
                request, "Asked. Another administrator grants it on the page “Your account”, within a day."
            )
            return redirect("people")
    return render(request, "accounts/factor_reset.html", {"person": person, "form": form})


@requires("factor.reset")
@require_POST
def reset_grant(request: HttpRequest, reset_id: uuid.UUID) -> HttpResponse:
    reset = factors.reset_grant(reset_id=reset_id, actor=_person(request))
    messages.success(
        request,
        _("%(user)s is signed out everywhere, and signs in by the password alone until set up anew.")
        % {"user": reset.user},
    )
    return redirect("account")


# --- keys of machines ----------------------------------------------------------------------------------------------


@never_cache
@requires("key.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def api_keys(request: HttpRequest) -> HttpResponse:
    actor = _person(request)
    form = KeyForm(request.POST or None, institutions=keys.institutions_of(actor))
    secret = ""
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = keys.key_issue(actor=actor, **form.cleaned_data)
        except ApplicationError as error:
            form.add_error(None, error.message)
        else:
            form = KeyForm(institutions=keys.institutions_of(actor))
    context = {
        "form": form,
        "secret": secret,
        "page": Paginator(keys.keys_for(actor), PER_PAGE).get_page(request.GET.get("page")),
        "now": timezone.now(),
    }
    return render(request, "accounts/api_keys.html", context, status=400 if form.errors else 200)


@requires("key.manage")
@require_POST
def api_key_revoke(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    key = keys.key_revoke(actor=_person(request), key_id=key_id)
    messages.success(request, _("%(key)s is revoked: no request is answered with it any more.") % {"key": key})
    return redirect("machine_keys")


def _is_this(request: HttpRequest, row: SignedIn) -> bool:
    return row.session_key == request.session.session_key


def _person(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]  # `requires` lets nobody else in
    return user
