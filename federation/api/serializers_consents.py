"""Terms, consents and what follows when they are lost. Serializers never write."""

from __future__ import annotations

from rest_framework import serializers

from federation.domain.legal_bases import HIPAA, LAWFULNESS, SPECIAL_CATEGORY
from federation.models import Consent, FederationAgreement, Reconsideration

SIGNERS = [(capacity.value, capacity.label) for capacity in (Consent.Capacity.OPERATOR, Consent.Capacity.OFFICER)]


class EthicsInput(serializers.Serializer):
    body = serializers.CharField(max_length=200)
    number = serializers.CharField(max_length=200)
    valid_until = serializers.DateField()

    def to_internal_value(self, data) -> dict:
        given = super().to_internal_value(data)
        return {**given, "valid_until": given["valid_until"].isoformat()}


class TermsInput(serializers.Serializer):
    """What is left out is the federation's own; the platform adds ε and the code version."""

    purpose = serializers.CharField(max_length=2000, required=False)
    data_set = serializers.CharField(max_length=200, required=False)
    lawfulness = serializers.ChoiceField(choices=[(b.code, b.label) for b in LAWFULNESS], required=False)
    special_category = serializers.ChoiceField(choices=[(b.code, b.label) for b in SPECIAL_CATEGORY], required=False)
    hipaa = serializers.ChoiceField(choices=[(b.code, b.label) for b in HIPAA], required=False)
    ethics = EthicsInput(required=False, allow_null=True)
    expires_on = serializers.DateField(required=False)

    def to_internal_value(self, data) -> dict:
        given = super().to_internal_value(data)
        return {**given, "expires_on": given["expires_on"].isoformat()} if "expires_on" in given else given


class ConsentInput(serializers.Serializer):
    decision = serializers.ChoiceField(choices=Consent.Decision.choices)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    capacity = serializers.ChoiceField(
        choices=SIGNERS, required=False, allow_blank=True, default="",
        help_text="Only of a person who is both: in which capacity this is signed.",
    )  # fmt: skip
    site = serializers.CharField(
        max_length=40, required=False, allow_blank=True, default="",
        help_text="Whose answer it is, if you answer for several sites.",
    )  # fmt: skip


class SignatureOutput(serializers.Serializer):
    """One of those who answer for an institution; decision null: not yet. `statement` is what its worker said."""

    capacity = serializers.CharField()
    decision = serializers.CharField(source="consent.decision", default=None, allow_null=True)
    reason = serializers.CharField(source="consent.reason", default="", allow_blank=True)
    decided_at = serializers.DateTimeField(source="consent.created_at", default=None, allow_null=True)
    statement = serializers.JSONField(source="consent.statement", default=None)


class ConsentOutput(serializers.Serializer):
    """An institution's answer by all its signers; decision null means that somebody has not answered."""

    site = serializers.CharField(source="participant.site")
    institution = serializers.CharField(source="participant.institution.name")
    decision = serializers.CharField(allow_null=True)
    reason = serializers.CharField(source="consent.reason", default="", allow_blank=True)
    config_hash = serializers.CharField(source="consent.config_hash", default=None, allow_null=True)
    decided_at = serializers.DateTimeField(source="consent.created_at", default=None, allow_null=True)
    signatures = SignatureOutput(many=True)
    short_of = serializers.CharField(allow_blank=True)


class ReconsiderationOutput(serializers.ModelSerializer):
    """What a run learned from data that are lent no more: to be retrained without them, or retired."""

    run = serializers.UUIDField(source="run_id")
    site = serializers.CharField(source="participant.site")

    class Meta:
        model = Reconsideration
        fields = ["id", "run", "site", "cause", "created_at", "due_at", "choice", "reason", "decided_at"]


class ReconsiderationFilter(serializers.Serializer):
    run = serializers.UUIDField(required=False)
    waiting = serializers.BooleanField(source="decided_at__isnull", required=False)


class AgreementFilter(serializers.Serializer):
    site = serializers.SlugField(source="participant__site", max_length=40, required=False)
    role = serializers.ChoiceField(choices=FederationAgreement.Role.choices, required=False)


class ReconsiderationInput(serializers.Serializer):
    choice = serializers.ChoiceField(choices=Reconsideration.Choice.choices)
    reason = serializers.CharField(max_length=2000)


class AgreementInput(serializers.Serializer):
    site = serializers.SlugField(max_length=40)
    role = serializers.ChoiceField(choices=FederationAgreement.Role.choices)
    liability = serializers.CharField(max_length=2000)
    contact = serializers.CharField(max_length=200)
    signed_on = serializers.DateField()
    ends_on = serializers.DateField(required=False, allow_null=True)
    document_hash = serializers.RegexField("^[0-9a-f]{64}$", help_text="SHA-256 of the signed document.")


class AgreementOutput(serializers.ModelSerializer):
    """What an institution has signed on roles and liability; `is_current` says whether it holds today."""

    site = serializers.CharField(source="participant.site")
    is_current = serializers.BooleanField()

    class Meta:
        model = FederationAgreement
        fields = [
            "id", "site", "role", "liability", "contact", "signed_on", "ends_on", "document_hash", "is_current",
            "created_at",
        ]  # fmt: skip
