from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.erasure import Ground
from accounts.keys import LONGEST_DAYS, MACHINE_ACTIONS
from accounts.models import ApiKey, Membership
from core.roles import LABELS, MATRIX, Role

ROLES = [(role.value, LABELS[role]) for role in Role]


class MembershipOutput(serializers.ModelSerializer):
    """A role; without an institution, one of the platform."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True, allow_null=True)  # type: ignore[var-annotated]

    class Meta:
        model = Membership
        fields = ["id", "role", "institution"]


class CallerOutput(serializers.Serializer):
    """Who asks, and what they may. A key has actions and no role."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(["person", "machine"])
    name = serializers.CharField()
    memberships = MembershipOutput(many=True)
    sees_all = serializers.BooleanField(help_text="Of the platform: every institution's rows.")
    actions = serializers.ListField(child=serializers.ChoiceField(sorted(MATRIX)), help_text="As in `core.roles`.")


class PersonOutput(serializers.Serializer):
    id = serializers.UUIDField(source="user.id")
    name = serializers.CharField()
    memberships = serializers.SerializerMethodField()
    erased = serializers.BooleanField()
    may_erase = serializers.BooleanField(help_text="By you, now.")
    has_factor = serializers.BooleanField(help_text="A second one, in force.")

    def get_memberships(self, row: Any) -> list[dict[str, Any]]:
        return list(MembershipOutput([held for held, _ in row.roles], many=True).data)


class ErasureInput(serializers.Serializer):
    ground = serializers.ChoiceField(Ground.choices, help_text="Of GDPR Art. 17(1). It is written to the ledger.")
    confirm = serializers.CharField(max_length=254, help_text="The person's address. What is erased cannot come back.")


class PatientErasureInput(serializers.Serializer):
    institution = serializers.SlugField(
        max_length=40, help_text="Short name of the hospital that asked for the predictions."
    )
    patient = serializers.CharField(max_length=200, trim_whitespace=False, help_text="As the hospital sent it.")
    confirm = serializers.CharField(max_length=200, trim_whitespace=False, help_text="The same once more.")
    ground = serializers.ChoiceField(Ground.choices, help_text="Of GDPR Art. 17(1). It is written to the ledger.")


class ReceiptOutput(serializers.Serializer):
    """Shown this once. With the salt the person can show that the entry in the ledger is theirs; nobody else can."""

    reference = serializers.CharField()
    salt = serializers.CharField()
    forgotten = serializers.DictField(child=serializers.IntegerField())


class MachineKeyInput(serializers.Serializer):
    name = serializers.CharField(max_length=80, help_text="Which machine will hold it.")
    institution = serializers.UUIDField()
    actions = serializers.ListField(child=serializers.ChoiceField(sorted(MACHINE_ACTIONS)), allow_empty=False)
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, default=90)


class MachineKeyOutput(serializers.ModelSerializer):
    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = ApiKey
        fields = ["id", "created_at", "name", "prefix", "institution", "actions", "issued_by", "expires_at",
                  "revoked_at", "last_used_at"]  # fmt: skip


class NewMachineKeyOutput(MachineKeyOutput):
    secret = serializers.SerializerMethodField(help_text="Shown this once: `Authorization: Api-Key <secret>`.")

    class Meta(MachineKeyOutput.Meta):
        fields = [*MachineKeyOutput.Meta.fields, "secret"]

    def get_secret(self, key: ApiKey) -> str:
        return self.context["secret"]


class KeyFilter(serializers.Serializer):
    institution = serializers.UUIDField(required=False)
    active = serializers.BooleanField(source="revoked_at__isnull", required=False, help_text="Not revoked.")


class ResetInput(serializers.Serializer):
    reason = serializers.CharField(max_length=500, help_text="What happened, and how you made sure who asks.")


class ResetOutput(serializers.Serializer):
    """Two administrators: one asks, another grants."""

    id = serializers.UUIDField()
    user = serializers.UUIDField(source="user_id")
    requested_by = serializers.UUIDField(source="requested_by_id")
    expires_at = serializers.DateTimeField()
    granted_by = serializers.UUIDField(source="granted_by_id", allow_null=True)
