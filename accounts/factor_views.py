"""The pages of one's own second factor: allauth's, each change in the ledger with who made it."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base.views import IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, EditWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import factors, sessions
from accounts.models import User
from core import qr
from core.context import governed
from core.errors import Forbidden


class FactorIndex(IndexView):
    """The factors as they stand."""

    template_name = "accounts/factor.html"

    def get_context_data(self, **kwargs: Any) -> dict:
        user = _person(self.request)
        codes = factors.recovery_codes_of(user)
        left = len(codes.wrap().get_unused_codes()) if codes else None
        held = list(factors.held_by(user))
        return super().get_context_data(**kwargs) | {
            "app": next((factor for factor in held if factor.type == Authenticator.Type.TOTP), None),
            "keys": [factor for factor in held if factor.type == Authenticator.Type.WEBAUTHN],
            "codes_left": left, "required": factors.required_of(user), "factor": held[0] if held else None,
        }  # fmt: skip


class AppSetUp(ActivateTOTPView):
    """An authenticator app: its key, drawn and to be typed, and the first code."""

    template_name = "accounts/factor_app.html"

    def get_context_data(self, **kwargs: Any) -> dict:
        context = super().get_context_data(**kwargs)
        secret, link = context["form"].secret, context["totp_url"]
        groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return context | {"secret": groups, "link": link, "drawn": _drawn(link)}

    def form_valid(self, form: Any) -> HttpResponse:
        user = _person(self.request)
        with governed(action="factor.add", actor=user.pk):
            answer = super().form_valid(form)
            made = factors.held_by(user).get(type=Authenticator.Type.TOTP)
            made.wrap().validate_code(form.cleaned_data["code"])  # used: it signs nobody in a second time
            factors.came_into_force(self.request, made)
        return answer


class AppRemove(DeactivateTOTPView):
    template_name = "accounts/factor_remove.html"

    def form_valid(self, form: Any) -> HttpResponse:
        with governed(action="factor.remove", actor=_person(self.request).pk):
            answer = super().form_valid(form)
            _end_others(self.request)
        return answer


class KeyAdd(AddWebAuthnView):
    """A security key or passkey."""

    template_name = "accounts/factor_key.html"

    def form_valid(self, form: Any) -> HttpResponse:
        user = _person(self.request)
        with governed(action="factor.add", actor=user.pk):
            answer = super().form_valid(form)
            newest = factors.held_by(user).filter(type=Authenticator.Type.WEBAUTHN).latest("pk")
            factors.came_into_force(self.request, newest)
        return answer


class KeyRename(EditWebAuthnView):
    template_name = "accounts/factor_key_edit.html"


class KeyRemove(RemoveWebAuthnView):
    template_name = "accounts/factor_remove.html"

    def form_valid(self, form: Any) -> HttpResponse:
        if not factors.may_remove(self.get_object()):
            raise Forbidden("Your role demands a second factor. Set up another one before you remove the last.")
        with governed(action="factor.remove", actor=_person(self.request).pk):
            answer = super().form_valid(form)
            _end_others(self.request)
        return answer


class CodesNew(GenerateRecoveryCodesView):
    """Ten new recovery codes; the earlier ones work no more."""

    template_name = "accounts/recovery_codes_new.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not factors.held_by(_person(request)).exists():
            messages.info(request, "Recovery codes stand in for a second factor. Set one up first.")
            return redirect("mfa_index")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        user = _person(self.request)
        with governed(action="factor.recovery_codes", actor=user.pk):
            answer = super().form_valid(form)
            made = factors.recovery_codes_of(user)
            if made is not None:
                factors.came_into_force(self.request, made)
        return answer


class Codes(ViewRecoveryCodesView):
    template_name = "accounts/recovery_codes.html"


def _end_others(request: HttpRequest) -> None:
    """Where a factor has gone, no session goes on that was opened with it."""
    sessions.end_all(_person(request), keep=request.session.session_key)


def _drawn(text: str) -> dict[str, Any] | None:
    """The QR code of a text; none if the text is too long for one."""
    try:
        code = qr.squares(text)
    except ValueError:
        return None
    return {"path": qr.path(code), "side": qr.side(code)}


def _person(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]  # `requires` lets nobody else in
    return user
