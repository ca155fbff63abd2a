"""The way in by an institution's SAML provider: off to it, its answer, and back into the session that asked."""

from __future__ import annotations

from allauth.account.internal.decorators import login_not_required
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from allauth.socialaccount.helpers import complete_social_login
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts import providers, saml
from accounts.models import IdentityProvider

_COOKIE, _COOKIE_LIVES = "saml", 120  # seconds between the provider's answer and the redirect that follows it


@login_not_required
@never_cache
@require_GET
def saml_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Off to the provider, by a link: browsers hold forms to our own pages."""
    row = _row(provider_id)
    if request.GET.get("process") == "connect" and is_reauthentication_required(request, app="accounts"):
        raise ReauthenticationRequired
    return providers.app_of(row).get_provider(request).redirect_from_request(request)


@csrf_exempt  # another site's form: what it brings is signed, and counts only in the session that asked for it
@login_not_required
@never_cache
@require_POST
def saml_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """The provider's answer. Browsers send no session with another site's form, so what it says goes on in a cookie.

    Nothing of it is kept here: the cookie is signed, lives two minutes, and goes to the next page alone.
    """
    row = _row(provider_id)
    answer = redirect("saml_in", row.slug)
    try:
        told = saml.read(request, row).as_dict()
    except saml.Refused as error:
        told = {"refused": error.message}
    answer.set_cookie(
        _COOKIE, signing.dumps(told, salt=_salt(row)), max_age=_COOKIE_LIVES, path=answer.url, httponly=True,
        secure=settings.SESSION_COOKIE_SECURE, samesite="Lax",
    )  # fmt: skip
    return answer


@login_not_required
@never_cache
@require_GET
def saml_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    """With the session again: the answer is to a question that was asked in it, and each question has one answer."""
    row = _row(provider_id)
    provider = providers.app_of(row).get_provider(request)
    try:
        told = signing.loads(request.COOKIES.get(_COOKIE, ""), salt=_salt(row), max_age=_COOKIE_LIVES)
        if "refused" in told:
            raise saml.Refused(told["refused"])
        state = provider.unstash_redirect_state(request, told["asked"])
        login = provider.sociallogin_from_response(request, saml.Told(**told))
        login.state = state
        answer = complete_social_login(request, login)
    except (saml.Refused, PermissionDenied, signing.BadSignature) as error:
        answer = _refused(request, row, error)
    answer.delete_cookie(_COOKIE, path=request.path, samesite="Lax")
    return answer


@login_not_required
@require_GET
def saml_metadata(request: HttpRequest, provider_id: str) -> HttpResponse:
    """What the provider must know of us."""
    row = _row(provider_id)
    context = {"entity": saml.entity_of(request, row), "back": saml.back_of(request, row)}
    return render(request, "accounts/saml_metadata.xml", context, content_type="application/samlmetadata+xml")


def _refused(request: HttpRequest, row: IdentityProvider, error: Exception) -> HttpResponse:
    why = (
        error.message if isinstance(error, saml.Refused)
        else "it is not to a question that this browser has asked, or came too late; begin here, at our sign-in"
    )  # fmt: skip
    messages.error(
        request,
        _(
            "%(row)s signed nobody in. Its answer was refused: %(why)s. Try again; if it stays so, tell your "
            "administrator these words."
        )
        % {"row": row, "why": why},
    )
    return redirect("account" if request.user.is_authenticated else "account_login")


def _row(slug: str) -> IdentityProvider:
    return get_object_or_404(IdentityProvider, slug=slug, is_active=True, protocol=IdentityProvider.Protocol.SAML)


def _salt(row: IdentityProvider) -> str:
    return f"accounts.saml.{row.slug}"
