from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from models_registry.binding import gate, latest_audit, latest_card
from models_registry.cards import completeness
from models_registry.fails import fails_of
from models_registry.four_eyes import standing_of
from models_registry.models import (
    ApprovalComment,
    ApprovalDecision,
    ApprovalRequest,
    Card,
    CardPublication,
    Delegation,
    Deployment,
    Evidence,
    Model,
    ReviewerKey,
    Version,
)


class ModelOutput(serializers.ModelSerializer):
    class Meta:
        model = Model
        fields = ["id", "created_at", "federation", "name", "intended_use"]


class VersionOutput(serializers.ModelSerializer):
    name = serializers.CharField(source="__str__")

    class Meta:
        model = Version
        fields = [
            "id", "created_at", "model", "name", "number", "run", "weights_digest", "baseline_digest", "config_hash",
            "manifests", "metrics", "circuit",
        ]  # fmt: skip


class EvidenceOutput(serializers.ModelSerializer):
    class Meta:
        model = Evidence
        fields = ["id", "created_at", "kind", "source_id", "verdict", "digest", "summary"]


class VersionDetailOutput(VersionOutput):
    """With its configuration, the newest audit evidence, the card in short, and what may be requested."""

    evidence = serializers.SerializerMethodField()
    card = serializers.SerializerMethodField()
    gate = serializers.SerializerMethodField()

    class Meta(VersionOutput.Meta):
        fields = [*VersionOutput.Meta.fields, "config", "evidence", "card", "gate"]

    @extend_schema_field(EvidenceOutput(allow_null=True))
    def get_evidence(self, version: Version):
        found = latest_audit(version)
        return EvidenceOutput(found).data if found else None

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_card(self, version: Version):
        found = latest_card(version)
        return {"edition": found.edition, "digest": found.digest, **counted(found)} if found else None

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_gate(self, version: Version):
        return {g.kind: {"allowed": g.allowed, "reason": g.reason, "lacks": g.lacks} for g in gate(version)}


def counted(card: Card) -> dict[str, dict]:
    found = completeness(card.content)
    return {
        "completeness": {"stated": found.stated, "required": found.required, "missing": list(found.missing)},
    }


class CardOutput(serializers.ModelSerializer):
    completeness = serializers.SerializerMethodField()

    class Meta:
        model = Card
        fields = ["id", "created_at", "version", "edition", "digest", "written_by", "content", "completeness"]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_completeness(self, card: Card):
        return counted(card)["completeness"]


class CardInput(serializers.Serializer):
    texts = serializers.DictField(child=serializers.CharField(allow_blank=True))
    base = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The edition that you began from: others' changes since then are kept.",
    )


class DraftsOutput(serializers.Serializer):
    drafts = serializers.DictField(child=serializers.CharField())


class ChangesFilter(serializers.Serializer):
    before = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    after = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class ChangeOutput(serializers.Serializer):
    section = serializers.CharField()
    title = serializers.CharField()
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class PublicationOutput(serializers.ModelSerializer):
    edition = serializers.IntegerField(source="card.edition")

    class Meta:
        model = CardPublication
        fields = ["id", "created_at", "version", "edition", "card_digest", "withdrawn_at"]


class DecisionOutput(serializers.ModelSerializer):
    class Meta:
        model = ApprovalDecision
        fields = [
            "id", "created_at", "decided_by", "capacity", "institution", "decision", "reason", "content_digest",
            "delegation", "key", "statement", "signature",
        ]  # fmt: skip


class ApprovalOutput(serializers.ModelSerializer):
    decisions = DecisionOutput(many=True)
    missing = serializers.SerializerMethodField()
    fails = serializers.SerializerMethodField()

    class Meta:
        model = ApprovalRequest
        fields = [
            "id", "created_at", "version", "kind", "state", "content", "content_digest", "policy", "requested_by",
            "justification", "closed_at", "expires_at", "decisions", "missing", "fails",
        ]  # fmt: skip

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_fails(self, request: ApprovalRequest):
        """Checks that failed in earlier audits of the version, and what answered each."""
        return [fail.as_dict() for fail in fails_of(request.version)]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_missing(self, request: ApprovalRequest):
        return standing_of(request).missing if request.state == ApprovalRequest.State.UNDER_REVIEW else []


class ApprovalInput(serializers.Serializer):
    version = serializers.UUIDField()
    kind = serializers.ChoiceField(ApprovalRequest.Kind.choices)
    justification = serializers.CharField()
    policy = serializers.DictField(required=False)


class DecisionSignatureInput(serializers.Serializer):
    """As `statements` gave it, with what your key made of it."""

    statement = serializers.CharField(max_length=100_000)
    salt = serializers.RegexField(r"^[0-9a-f]{64}$")
    signature = serializers.CharField(max_length=20_000)


class StatementInput(serializers.Serializer):
    decision = serializers.ChoiceField(ApprovalDecision.Decision.choices)
    reason = serializers.CharField()


class StatementOutput(serializers.Serializer):
    statement = serializers.CharField(help_text="Its UTF-8 bytes are what is signed (ML-DSA-65).")
    salt = serializers.CharField(help_text="Opens the statement's commitment to your reason.")


class DecisionInput(StatementInput):
    password = serializers.CharField(trim_whitespace=False, help_text="Yours, once more.")
    signature = DecisionSignatureInput(required=False, help_text="Needed from whoever has registered a key.")


class CommentInput(serializers.Serializer):
    text = serializers.CharField(max_length=4000)


class CommentOutput(serializers.ModelSerializer):
    class Meta:
        model = ApprovalComment
        fields = ["id", "created_at", "author", "text"]


class ReviewerKeyChallengeInput(serializers.Serializer):
    public_key = serializers.CharField(max_length=4000, help_text="ML-DSA-65, base64.")


class ReviewerKeyChallengeOutput(serializers.Serializer):
    text = serializers.CharField(help_text="What the key signs to show that you have it.")


class ReviewerKeyInput(ReviewerKeyChallengeInput):
    proof = serializers.CharField(max_length=8000)
    password = serializers.CharField(trim_whitespace=False)


class ReviewerKeyOutput(serializers.ModelSerializer):
    class Meta:
        model = ReviewerKey
        fields = ["id", "created_at", "kind", "public_key", "revoked_at"]


class DelegationInput(serializers.Serializer):
    deputy = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=500)


class DelegationOutput(serializers.ModelSerializer):
    class Meta:
        model = Delegation
        fields = ["id", "created_at", "officer", "deputy", "institution", "starts_at", "ends_at", "revoked_at"]


class WithdrawInput(serializers.Serializer):
    reason = serializers.CharField(required=False, allow_blank=True, default="")


class DeploymentOutput(serializers.ModelSerializer):
    approval_request = serializers.UUIDField(source="approval_id")

    class Meta:
        model = Deployment
        fields = [
            "id", "created_at", "version", "approval_request", "kind", "name", "policy", "state", "deployed_by",
        ]  # fmt: skip


class DeploymentInput(serializers.Serializer):
    approval_request = serializers.UUIDField()
    name = serializers.CharField(max_length=120)


class ModelFilter(serializers.Serializer):
    federation = serializers.UUIDField(required=False)
    name = serializers.CharField(max_length=120, required=False)


class RunFilter(serializers.Serializer):
    run = serializers.UUIDField(required=False)
    model = serializers.UUIDField(required=False)


class ApprovalFilter(serializers.Serializer):
    version = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(ApprovalRequest.State.choices, required=False)
    kind = serializers.ChoiceField(ApprovalRequest.Kind.choices, required=False)


class DeploymentFilter(serializers.Serializer):
    version = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(Deployment.State.choices, required=False)
    kind = serializers.ChoiceField(ApprovalRequest.Kind.choices, required=False)
