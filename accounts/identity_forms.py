"""Forms of invitations, identity providers and emergency access."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from accounts import saml_metadata
from accounts.emergency import MIN_REASON
from accounts.invitations import INVITED_ROLES
from accounts.models import EmergencyAccess, IdentityProvider, Institution, User
from core.errors import ApplicationError
from core.roles import LABELS


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label="Email address", max_length=254,
        help_text="The one that the institution's own sign-in knows, if it has one.",
    )  # fmt: skip
    name = forms.CharField(label="Name", max_length=120)
    institution = forms.ModelChoiceField(label="Institution", queryset=Institution.objects.none(), required=False)
    role = forms.ChoiceField(label="Role", choices=[(role.value, LABELS[role]) for role in INVITED_ROLES])

    def __init__(self, *args: Any, institutions: QuerySet[Institution], of_platform: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["institution"]
        field.queryset, field.required = institutions, not of_platform
        field.empty_label = "The platform itself" if of_platform else "Choose"


class ProviderForm(forms.Form):
    """What providers of both protocols have."""

    protocol: str
    own: tuple[str, ...] = ()  # the fields of the protocol, after which those of both go on

    institution = forms.ModelChoiceField(label="Institution", queryset=Institution.objects.none(), empty_label="Choose")
    name = forms.CharField(label="Name", max_length=40, help_text="The sign-in page offers: Sign in with …")
    slug = forms.SlugField(
        label="Short name", max_length=40, help_text="It stands in the place of SHORT-NAME in our addresses."
    )
    factor_acr = forms.CharField(
        label="Classes of signing in that count as a second factor (acr)", max_length=400, required=False,
        help_text="By comma. Empty: none.",
    )  # fmt: skip
    is_active = forms.BooleanField(label="Offered at the sign-in", required=False, initial=True)

    def __init__(self, *args: Any, institutions: QuerySet[Institution], row: IdentityProvider | None = None, **kw: Any):
        if row is not None:
            shown = {name: getattr(row, name) for name in self.base_fields if name not in {"secret", "metadata"}}
            lists = {name: ", ".join(value) for name, value in shown.items() if isinstance(value, list)}
            kw.setdefault("initial", shown | lists)
        super().__init__(*args, **kw)
        self.order_fields(["institution", "name", "slug", *self.own, "factor_acr", "is_active"])
        self.fields["institution"].queryset = institutions  # type: ignore[attr-defined]  # of a ModelChoiceField
        if row is not None:
            self.fields["slug"].disabled = self.fields["institution"].disabled = True

    def clean_factor_acr(self) -> list[str]:
        return _words(self.cleaned_data["factor_acr"])

    def clean(self) -> dict[str, Any]:
        return super().clean() | {"protocol": self.protocol}  # type: ignore[operator]  # a form's always gives them


class OidcProviderForm(ProviderForm):
    protocol = IdentityProvider.Protocol.OPENID_CONNECT.value
    own = ("issuer", "client_id", "secret", "factor_amr")

    issuer = forms.CharField(
        label="Issuer", max_length=300,
        help_text="The address that the provider calls itself, for example https://login.ward.example",
    )  # fmt: skip
    client_id = forms.CharField(label="Client id", max_length=190)
    secret = forms.CharField(
        label="Client secret", max_length=300, required=False,
        help_text="Sealed, and never shown again. Empty: the one that stands, if there is one.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    factor_amr = forms.CharField(
        label="Ways of signing in that count as a second factor (amr)", max_length=200, required=False,
        help_text="By comma, for example mfa, otp, hwk. Empty: what the provider says of it counts for nothing.",
    )  # fmt: skip

    def clean_factor_amr(self) -> list[str]:
        return _words(self.cleaned_data["factor_amr"])


class SamlProviderForm(ProviderForm):
    protocol = IdentityProvider.Protocol.SAML.value
    own = ("metadata", "issuer", "sso_url", "certificates", "email_attribute")

    metadata = forms.CharField(
        label="The provider's metadata (XML)", max_length=200_000, required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Paste the file, and the next three fields are taken from it. Or leave it empty and fill them.",
    )  # fmt: skip
    issuer = forms.CharField(label="Entity id", max_length=300, required=False, help_text="What it calls itself.")
    sso_url = forms.CharField(
        label="Address of its sign-in", max_length=500, required=False,
        help_text="SingleSignOnService by HTTP-Redirect, for example https://login.ward.example/saml/sso",
    )  # fmt: skip
    certificates = forms.CharField(
        label="Signing certificates (PEM)", max_length=40_000, required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="One, or the old and the new one while it changes them. Whoever has such a key signs your people in.",
    )  # fmt: skip
    email_attribute = forms.CharField(
        label="Attribute of the email address", max_length=200, required=False,
        help_text="Only one that people cannot change themselves: what it holds opens an invitation of that address. "
        "Usually urn:oid:0.9.2342.19200300.100.1.3. Empty: invited people link the provider after a first sign-in.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Metadata fill the three fields; an error is told at the field that it is of."""
        found = super().clean()
        try:
            metadata = found.pop("metadata", "")
            return found | (saml_metadata.metadata_read(metadata) if metadata.strip() else {})
        except ApplicationError as error:
            self.add_error("metadata", error.message)
        return found


FORMS: dict[str, type[ProviderForm]] = {form.protocol: form for form in (OidcProviderForm, SamlProviderForm)}


class EmergencyForm(forms.Form):
    institution = forms.ModelChoiceField(label="Institution", queryset=Institution.objects.none(), empty_label=None)
    reason = forms.CharField(
        label="Reason", max_length=2000, min_length=MIN_REASON, widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What happens, what harm threatens, and why no ethics officer can be reached. No patient's name.",
    )  # fmt: skip
    password = forms.CharField(
        label="Your password, once more", required=False, max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Institution.objects.filter(pk__in=user.institution_ids)
        self.fields["institution"].queryset = own  # type: ignore[attr-defined]  # of a ModelChoiceField


class ReviewForm(forms.Form):
    verdict = forms.ChoiceField(label="It was", choices=EmergencyAccess.Verdict.choices)
    review = forms.CharField(
        label="Judgement", max_length=2000, min_length=MIN_REASON, widget=forms.Textarea(attrs={"rows": 3})
    )


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]
