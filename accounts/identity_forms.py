"""Forms of invitations, identity providers and emergency access."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from accounts.emergency import MIN_REASON
from accounts.invitations import INVITED_ROLES
from accounts.models import EmergencyAccess, IdentityProvider, Institution, User
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
    institution = forms.ModelChoiceField(label="Institution", queryset=Institution.objects.none())
    name = forms.CharField(label="Name", max_length=40, help_text="The sign-in page offers: Sign in with …")
    slug = forms.SlugField(label="Short name", max_length=40, help_text="It is part of the address below.")
    issuer = forms.CharField(
        label="Issuer", max_length=300,
        help_text="The address that the provider calls itself, for example https://login.ward.example",
    )  # fmt: skip
    client_id = forms.CharField(label="Client id", max_length=190)
    secret = forms.CharField(
        label="Client secret", max_length=300, required=False, help_text="Sealed, and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    factor_amr = forms.CharField(
        label="Ways of signing in that count as a second factor (amr)", max_length=200, required=False,
        help_text="By comma, for example mfa, otp, hwk. Empty: what the provider says of it counts for nothing.",
    )  # fmt: skip
    factor_acr = forms.CharField(
        label="Classes of signing in that count as a second factor (acr)", max_length=400, required=False,
        help_text="By comma. Empty: none.",
    )  # fmt: skip
    is_active = forms.BooleanField(label="Offered at the sign-in", required=False, initial=True)

    def __init__(self, *args: Any, institutions: QuerySet[Institution], row: IdentityProvider | None = None, **kw: Any):
        if row is not None:
            shown = ("institution", "name", "slug", "issuer", "client_id", "is_active")
            lists = {name: ", ".join(getattr(row, name)) for name in ("factor_amr", "factor_acr")}
            kw.setdefault("initial", {name: getattr(row, name) for name in shown} | lists)
        super().__init__(*args, **kw)
        self.fields["institution"].queryset = institutions  # type: ignore[attr-defined]  # of a ModelChoiceField
        if row is not None:
            self.fields["secret"].help_text = "Sealed, and never shown again. Empty: the one that stands."
            self.fields["slug"].disabled = self.fields["institution"].disabled = True

    def clean_factor_amr(self) -> list[str]:
        return _words(self.cleaned_data["factor_amr"])

    def clean_factor_acr(self) -> list[str]:
        return _words(self.cleaned_data["factor_acr"])


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
