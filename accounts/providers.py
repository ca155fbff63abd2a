"""Identity providers of institutions: what allauth is told of them, and whom they sign in.

A provider says who somebody is. It opens an account only if its institution has invited that address, or if the person
has linked it; it opens none that has rights elsewhere, for one hospital's provider must not speak for another's people.
"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.account.signals import authentication_step_completed
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.db import IntegrityError
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import factors, invitations, saml_metadata
from accounts.keys import institutions_of
from accounts.models import IdentityProvider, Institution, ProviderLink, User
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden, NotFound

Protocol = IdentityProvider.Protocol  # as allauth calls them
_LOCAL = {"localhost", "127.0.0.1", "::1"}


# --- as rows -------------------------------------------------------------------------------------------------------


def of_institutions(actor: User) -> QuerySet[IdentityProvider]:
    """The providers that the actor may see and change."""
    return IdentityProvider.objects.filter(institution__in=institutions_of(actor)).select_related("institution")


def offered() -> list[dict[str, str]]:
    """What the page of the sign-in offers."""
    rows = IdentityProvider.objects.filter(is_active=True, institution__is_active=True)
    return [{"label": _("Sign in with %(provider)s") % {"provider": row.name}, "url": address_of(row)} for row in rows]


def linked_to(user: User) -> list[IdentityProvider]:
    """The providers that sign this person in."""
    slugs = ProviderLink.objects.filter(user=user).values("provider")
    return list(IdentityProvider.objects.filter(slug__in=slugs, is_active=True))


def of_house(user: User) -> list[IdentityProvider]:
    """The providers that could sign this person in: of the one institution that they belong to."""
    places = {membership.institution_id for membership in user.memberships.filter(is_active=True)}
    if len(places) != 1 or None in places:
        return []
    return list(IdentityProvider.objects.filter(institution__in=places, is_active=True))


def address_of(provider: IdentityProvider) -> str:
    """Where a sign-in by the provider begins."""
    return reverse("saml_login" if provider.is_saml else "openid_connect_login", args=[provider.slug])


def provider_save(
    *, actor: User, provider_id: uuid.UUID | None = None, institution: Institution, secret: str = "", **fields: Any
) -> IdentityProvider:
    """Set up a provider, or change one. An empty secret leaves the one that stands.

    Raises
    ------
    Forbidden
        If the actor does not administer the institution.
    ApplicationError
        If an address is not reached by https, or what the protocol needs is missing or unfit.
    """
    if not actor.may("provider.manage") or not institutions_of(actor).filter(pk=institution.pk).exists():
        raise Forbidden("Providers are set up by an administrator of their institution, or of the platform.")
    fields = _fit(fields)
    with governed(action="provider.save", actor=actor.pk):
        if provider_id is None:
            row = IdentityProvider(institution=institution)
        else:
            found = of_institutions(actor).select_for_update(of=("self",)).filter(pk=provider_id).first()
            if found is None:
                raise NotFound("There is no such provider.")
            row = found
            if row.institution_id != institution.pk:
                raise Conflict("A provider stays with its institution. Set up another one for the other institution.")
            if row.protocol != fields["protocol"]:
                raise Conflict("A provider stays with its protocol. Set up another one, and turn this one off.")
        for name, value in fields.items():
            setattr(row, name, value)
        if secret:
            row.secret = secret
        try:
            row.save()
        except IntegrityError as error:
            raise Conflict(
                _("There is a provider “%(slug)s” already. Choose another short name.") % {"slug": row.slug}
            ) from error
    return row


def _fit(fields: dict[str, Any]) -> dict[str, Any]:
    """The settings of one protocol, checked; those of the other one stay empty."""
    protocol = fields.get("protocol", Protocol.OPENID_CONNECT)
    if protocol == Protocol.SAML:
        if not fields.get("issuer") or not fields.get("sso_url"):
            raise ApplicationError("A SAML provider needs its entity id and the address where it signs people in.")
        _check_address(fields["sso_url"])
        return fields | {
            "client_id": "",
            "certificates": saml_metadata.certificates_checked(fields.get("certificates", "")),
        }
    if not fields.get("client_id"):
        raise ApplicationError("An OpenID Connect provider needs the client id under which it knows this platform.")
    _check_address(fields["issuer"])
    return fields | {"protocol": protocol, "sso_url": "", "certificates": "", "email_attribute": ""}


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise ApplicationError(
            _("Expected an address that begins with https://, got %(address)s.") % {"address": f"{address!r}"}
        )


def app_of(row: IdentityProvider) -> SocialApp:
    """The provider as allauth knows it. The row is made for one request and never saved."""
    if row.is_saml:
        return SocialApp(provider=Protocol.SAML.value, provider_id=row.slug, name=row.name, client_id=row.slug)
    return SocialApp(
        provider=Protocol.OPENID_CONNECT.value, provider_id=row.slug, name=row.name, client_id=row.client_id,
        secret=str(row.secret), settings={"server_url": row.issuer, "oauth_pkce_enabled": True},
    )  # fmt: skip


# --- whom it signs in ----------------------------------------------------------------------------------------------


def sign_in_by(request: HttpRequest, login: SocialLogin) -> None:
    """Decide whose sign-in this is, once the provider's answer was checked; raises with what to do if nobody's.

    Raises
    ------
    Forbidden
        If the account has rights outside the provider's institution, or none within it.
    ApplicationError
        If nobody of that address was invited.
    """
    provider = IdentityProvider.objects.select_related("institution").get(slug=login.account.provider)
    claims = login.account.extra_data
    if login.state.get("process") == "connect":
        _check_link(request, provider)
    elif login.account.pk is None:
        _invited(request, provider, login)
    user: Any = request.user if login.state.get("process") == "connect" else login.user
    _check_own(provider, user)
    login.token, login.email_addresses = None, []  # what a session may have to hold until the second step
    request.vouched = {"provider": provider.slug, "amr": claims["amr"], "acr": claims["acr"]}  # type: ignore[attr-defined]


@receiver(authentication_step_completed, dispatch_uid="accounts.providers")
def vouched(sender: Any, request: HttpRequest, method: str, user: User, **kwargs: Any) -> None:
    """Once allauth has begun the session's list of proofs, what the provider said of the sign-in goes into it."""
    if method == "socialaccount" and (said := getattr(request, "vouched", None)) is not None:
        factors.note_vouched(request, user, **said)


def _invited(request: HttpRequest, provider: IdentityProvider, login: SocialLogin) -> None:
    """Link a first sign-in to the account that the institution has invited under the address."""
    verified = [address.email.lower() for address in login.email_addresses if address.verified]
    if not verified:
        raise ApplicationError(
            _(
                "%(provider)s says that you are somebody whom this platform does not know. It vouches for no email "
                "address of yours; ask it to, or sign in with your password and link it on the page “Your account”."
            )
            % {"provider": provider}
        )
    user = User.objects.filter(email=verified[0], is_active=True).first()
    if user is None or not invitations.waiting_for(user).filter(institution=provider.institution).exists():
        raise ApplicationError(
            _(
                "%(provider)s says that you are somebody whom this platform does not know. Ask an administrator of "
                "%(institution)s for an invitation of the address that it knows you by. Whoever has a password links "
                "the provider on the page “Your account”."
            )
            % {"provider": provider, "institution": provider.institution}
        )
    if user.has_usable_password():
        raise ApplicationError(
            _("You have a password here already. Sign in with it, and link %(provider)s on the page “Your account”.")
            % {"provider": provider}
        )
    with governed(action="provider.link", actor=user.pk):
        invitations.invitations_accept(user, institution=provider.institution)
        login.connect(request, user)


def _check_link(request: HttpRequest, provider: IdentityProvider) -> None:
    """Whoever links a provider lets it sign them in from now on, so they have proved themselves a moment ago."""
    if is_reauthentication_required(request, app="accounts"):
        raise Conflict("Prove once more that it is you, and link the provider within five minutes.")


def _check_own(provider: IdentityProvider, user: Any) -> None:
    places = set(user.memberships.filter(is_active=True).values_list("institution_id", flat=True))
    if not user.is_active or places != {provider.institution_id}:
        raise Forbidden(
            _(
                "%(provider)s signs in people of %(institution)s alone. Whoever has rights elsewhere, or none "
                "any more, does not come in by it: sign in with your password."
            )
            % {"provider": provider, "institution": provider.institution}
        )


def provider_unlink(*, user: User, slug: str, request: HttpRequest) -> None:
    """Let the provider sign this person in no more.

    Raises
    ------
    Conflict
        If the person would be locked out.
    """
    if is_reauthentication_required(request, app="accounts"):
        raise Conflict("Prove once more that it is you, and then do this within five minutes.")
    if not user.has_usable_password():
        raise Conflict("You have no password: without the provider you could not sign in.")
    with governed(action="provider.unlink", actor=user.pk):
        if not ProviderLink.objects.filter(user=user, provider=slug).delete()[0]:
            raise NotFound("There is no such link.")
