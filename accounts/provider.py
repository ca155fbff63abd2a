"""OpenID Connect and SAML as allauth has them, held stricter. allauth finds the classes by this module's name."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.socialaccount.providers.saml.provider import SAMLProvider
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts import saml
from accounts.models import IdentityProvider


class StrictAdapter(OpenIDConnectOAuth2Adapter):
    """The identity token's signature is checked by the provider's published keys, also if it came straight from it."""

    @property
    def openid_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().openid_config
        wanted = self.get_provider().app.settings["server_url"].rstrip("/")
        if str(config.get("issuer", "")).rstrip("/") != wanted:
            raise OAuth2Error(f"the provider calls itself {config.get('issuer')!r}, expected {wanted!r}")
        return config

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict:
        return jwtkit.verify_and_decode(
            credential=id_token, keys_url=self.openid_config["jwks_uri"], issuer=self.openid_config["issuer"],
            audience=app.client_id, lookup_kid=jwtkit.lookup_kid_jwk,
        )  # fmt: skip

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> Any:
        if "id_token" not in kwargs["response"]:
            raise OAuth2Error("the provider gave no identity token")
        return super().complete_login(request, app, token, **kwargs)


class InstitutionProvider(OpenIDConnectProvider):
    """The provider of an institution. Who somebody is, is what the signed identity token says."""

    oauth2_adapter_class = StrictAdapter

    def get_default_scope(self) -> list[str]:
        return ["openid", "email"]

    def extract_uid(self, data: dict) -> str:
        subject = str(data["id_token"]["sub"])
        if (told := data.get("userinfo", {}).get("sub", subject)) != subject:
            raise OAuth2Error(f"the provider answers for {told!r}, though {subject!r} signed in")
        return subject

    def extract_extra_data(self, data: dict) -> dict:
        token = data["id_token"]
        amr = token.get("amr", [])
        return {
            "amr": [str(way) for way in amr] if isinstance(amr, list) else [],
            "acr": str(token.get("acr", "")),
        }

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict:
        """What an address says is no part of what the provider is asked."""
        return self.get_auth_params()

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        return self.get_scope()


class InstitutionSamlProvider(SAMLProvider):
    """The SAML provider of an institution. Who somebody is, is what its signed and checked assertion says."""

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **kwargs: Any
    ) -> HttpResponse:
        row = IdentityProvider.objects.get(slug=self.app.provider_id)
        address, number = saml.question(request, row)
        self.stash_redirect_state(request, process, next_url, data, state_id=number, **kwargs)
        return HttpResponseRedirect(address)

    def extract_uid(self, data: saml.Told) -> str:
        return data.uid

    def extract_extra_data(self, data: saml.Told) -> dict:
        return {"amr": [], "acr": data.acr}

    def extract_common_fields(self, data: saml.Told) -> dict:
        """The institution has named the attribute that holds addresses which it has checked; else there is none."""
        return {"email": data.email, "email_verified": True} if data.email else {}


provider_classes = [InstitutionProvider, InstitutionSamlProvider]
