"""Forms on the terms of a run, the consent to them, and what follows when it is lost."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from federation.domain.legal_bases import HIPAA, LAWFULNESS, NO_PERSONAL_DATA, SPECIAL_CATEGORY, Basis
from federation.models import Consent, Federation, FederationAgreement, Participant, Reconsideration
from federation.proposing import terms_for


def _choices(among: tuple[Basis, ...], *, synthetic: bool) -> list[tuple[str, str]]:
    offered = [(b.code, b.label) for b in among if synthetic or b.code != NO_PERSONAL_DATA]
    return offered if synthetic else [("", "Choose the basis"), *offered]


class TermsForm(forms.Form):
    """What the signers are told beside the technical configuration."""

    purpose = forms.CharField(
        max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2}), label="Purpose",
        help_text="What the model is to be for, in words that a patient understands.",
    )  # fmt: skip
    data_set = forms.CharField(max_length=200, required=False, label="Data set")
    lawfulness = forms.ChoiceField(label="Legal basis")
    special_category = forms.ChoiceField(label="Legal basis for health data")
    hipaa = forms.ChoiceField(label="Basis under HIPAA")
    ethics_body = forms.CharField(
        max_length=200, required=False, label="Ethics board", help_text="The IRB or REC that approved the run."
    )
    ethics_number = forms.CharField(max_length=200, required=False, label="Number of its approval")
    ethics_valid_until = forms.DateField(
        required=False, label="Approval valid until", widget=forms.DateInput(attrs={"type": "date"})
    )
    expires_on = forms.DateField(
        required=False, label="Last day of the terms", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="No site works for the run after that day. Empty: a year from now.",
    )  # fmt: skip

    def __init__(self, data: QueryDict | None = None, *, federation: Federation) -> None:
        usual = {"purpose": federation.purpose, "data_set": federation.data_title}
        super().__init__(data, initial=usual, prefix="terms")
        self.federation = federation
        for name, among in (("lawfulness", LAWFULNESS), ("special_category", SPECIAL_CATEGORY), ("hipaa", HIPAA)):
            self.fields[name].choices = _choices(among, synthetic=federation.synthetic)  # type: ignore[attr-defined]
            self.fields[name].required = not federation.synthetic
            if federation.synthetic:
                self.fields[name].initial = NO_PERSONAL_DATA

    def clean(self) -> dict:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                terms_for(self.federation, self.terms(), epsilon=None, today=timezone.now().date())
            except ValueError as error:
                self.add_error(None, str(error)[:1].upper() + str(error)[1:] + ".")
        return cleaned

    def terms(self) -> dict[str, Any]:
        """The argument `terms` of `services.run_propose`."""
        chosen = self.cleaned_data
        given = {name: chosen[name] for name in ("purpose", "data_set", "lawfulness", "special_category", "hipaa")}
        ethics = {name: chosen[f"ethics_{name}"] for name in ("body", "number")}
        ethics["valid_until"] = _day(chosen["ethics_valid_until"])
        return {**given, "ethics": ethics if any(ethics.values()) else None, "expires_on": _day(chosen["expires_on"])}


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""


class ConsentForm(forms.Form):
    """A signer's answer. A refusal or withdrawal concerns the others too, so it must say why."""

    decision = forms.ChoiceField(choices=Consent.Decision, widget=forms.HiddenInput)
    capacity = forms.ChoiceField(
        choices=[("", ""), ("operator", "Site operator"), ("officer", "Ethics officer")], required=False
    )
    site = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)  # of several that one answers for
    reason = forms.CharField(max_length=2000, required=False, label="Reason", widget=forms.Textarea(attrs={"rows": 4}))

    def clean(self) -> dict:
        cleaned = super().clean() or {}
        if (
            cleaned.get("decision") in {Consent.Decision.REFUSED, Consent.Decision.WITHDRAWN}
            and not (cleaned.get("reason") or "").strip()
        ):
            self.add_error("reason", "Say why: the answer concerns all sites and stays in the record.")
        return cleaned


class ReconsiderationForm(forms.Form):
    """Retrain or retire, with reasons."""

    choice = forms.ChoiceField(choices=Reconsideration.Choice)
    reason = forms.CharField(
        max_length=2000, error_messages={"required": "Give a reason: it becomes part of the record."}
    )


class AgreementForm(forms.Form):
    """What an institution and the federation have signed."""

    participant = forms.ModelChoiceField(queryset=Participant.objects.none(), label="Institution", empty_label=None)
    role = forms.ChoiceField(choices=FederationAgreement.Role, label="Role under the GDPR")
    liability = forms.CharField(
        max_length=2000,
        label="Liability",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Who answers for what, in short.",
    )
    contact = forms.CharField(
        max_length=200, label="Contact", help_text="Whom to call, such as the data protection officer."
    )
    signed_on = forms.DateField(label="Signed on", widget=forms.DateInput(attrs={"type": "date"}))
    ends_on = forms.DateField(
        required=False,
        label="Ends on",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: until replaced.",
    )
    document_hash = forms.CharField(
        min_length=64,
        max_length=64,
        label="SHA-256 of the document",
        help_text="As sha256sum prints it. The document stays with you.",
    )

    def __init__(self, data: QueryDict | None = None, *, federation: Federation) -> None:
        super().__init__(data, prefix="agreement")
        active = federation.participants.filter(is_active=True).select_related("institution")
        self.fields["participant"].queryset = active  # type: ignore[attr-defined]
