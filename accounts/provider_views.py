"""Identity providers: their page for administrators, and the way in through them."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.account.internal.decorators import login_not_required
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from requests import RequestException

from accounts import keys, providers, saml_metadata
from accounts.access import requires
from accounts.identity_forms import FORMS, ProviderForm
from accounts.models import IdentityProvider, User
from accounts.provider import StrictAdapter
from core.errors import ApplicationError

OPENID_CONNECT = IdentityProvider.Protocol.OPENID_CONNECT
_WRONG = (OAuth2Error, RequestException, KeyError, TypeError, ValueError, AttributeError)  # an answer of a stranger


@login_not_required
@never_cache
@require_GET
def oidc_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Off to the provider. A link and not a form: browsers hold forms to our own pages."""
    linking = request.GET.get("process") == "connect"
    if linking and is_reauthentication_required(request, app="accounts"):
        raise ReauthenticationRequired
    return _through(request, provider_id, OAuth2LoginView)


@login_not_required
@never_cache
@require_GET
def oidc_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from the provider, with a code."""
    return _through(request, provider_id, OAuth2CallbackView)


def _through(request: HttpRequest, slug: str, view: Any) -> HttpResponse:
    offered = IdentityProvider.objects.filter(is_active=True, protocol=OPENID_CONNECT)
    get_object_or_404(offered, slug=slug)
    try:
        return view.adapter_view(StrictAdapter(request, slug))(request)
    except _WRONG:
        messages.error(request, "The provider does not answer as it should. Nobody was signed in. Try again later.")
        return redirect("login")


@requires("provider.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def identity_providers(request: HttpRequest) -> HttpResponse:
    actor, sent = _person(request), request.POST.get("protocol", OPENID_CONNECT)
    forms = {
        protocol: form(request.POST if request.method == "POST" and protocol == sent else None, prefix=None,
                       auto_id=f"id_{protocol}_%s", institutions=keys.institutions_of(actor))
        for protocol, form in FORMS.items()
    }  # fmt: skip
    if request.method == "POST" and sent in forms and _saved(request, forms[sent]):
        return redirect("identity_providers")
    context = {
        "rows": providers.of_institutions(actor),
        "kinds": [
            (IdentityProvider.Protocol(protocol).label, form, addresses_of(request, protocol, "SHORT-NAME"))
            for protocol, form in forms.items()
        ],
    }
    status = 400 if any(form.errors for form in forms.values()) else 200
    return render(request, "accounts/providers.html", context, status=status)


@requires("provider.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def identity_provider(request: HttpRequest, provider_id: uuid.UUID) -> HttpResponse:
    actor = _person(request)
    row = get_object_or_404(providers.of_institutions(actor), pk=provider_id)
    form = FORMS[row.protocol](request.POST or None, institutions=keys.institutions_of(actor), row=row)
    if request.method == "POST" and _saved(request, form, row.pk):
        return redirect("identity_providers")
    context = {
        "form": form, "provider": row, "addresses": addresses_of(request, row.protocol, row.slug),
        "certificates": list(saml_metadata.certificates_in(row.certificates)),
    }  # fmt: skip
    return render(request, "accounts/provider.html", context, status=400 if form.errors else 200)


def addresses_of(request: HttpRequest, protocol: str, slug: str) -> list[tuple[str, str]]:
    """What the provider must be told of us."""
    told: dict[str, list[tuple[str, str]]] = {
        OPENID_CONNECT: [("The address to come back to", "openid_connect_callback")],
        IdentityProvider.Protocol.SAML: [
            ("Our metadata, and our entity id", "saml_metadata"), ("Where its answers go (ACS)", "saml_back"),
        ],
    }  # fmt: skip
    return [(what, request.build_absolute_uri(reverse(name, args=[slug]))) for what, name in told[protocol]]


@requires("account.own")
@require_POST
def provider_unlink(request: HttpRequest) -> HttpResponse:
    try:
        providers.provider_unlink(user=_person(request), slug=request.POST.get("provider", ""), request=request)
    except ApplicationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The provider signs you in no more.")
    return redirect("account")


def _saved(request: HttpRequest, form: ProviderForm, provider_id: uuid.UUID | None = None) -> bool:
    if not form.is_valid():
        return False
    try:
        row = providers.provider_save(actor=_person(request), provider_id=provider_id, **form.cleaned_data)
    except ApplicationError as error:
        form.add_error(None, error.message)
        return False
    messages.success(
        request, _("%(row)s is saved. Try it in another window before you sign out of this one.") % {"row": row}
    )
    return True


def _person(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]  # `requires` lets nobody else in
    return user
