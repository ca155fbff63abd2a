from __future__ import annotations

from rest_framework import serializers

from audits.predeployment.models import AuditRun, CheckResult


class AuditInput(serializers.Serializer):
    version = serializers.UUIDField()
    policy = serializers.DictField(
        child=serializers.FloatField(), required=False,
        help_text="Settings to tighten, by dotted name, e.g. bias.threshold.",
    )  # fmt: skip


class AuditFilter(serializers.Serializer):
    version = serializers.UUIDField(required=False)


class CheckOutput(serializers.ModelSerializer):
    class Meta:
        model = CheckResult
        fields = [
            "check_id", "principle", "title", "gating", "verdict", "value", "lower", "upper", "threshold", "sentence",
            "evidence",
        ]  # fmt: skip


class AuditOutput(serializers.ModelSerializer):
    class Meta:
        model = AuditRun
        fields = [
            "id", "version", "state", "verdict", "digest", "policy", "requested_by", "created_at", "finished_at",
            "stop_reason",
        ]  # fmt: skip


class AuditDetailOutput(AuditOutput):
    checks = CheckOutput(many=True)
    answers = serializers.SerializerMethodField(help_text="Site to the digest of its signed answer.")

    class Meta(AuditOutput.Meta):
        fields = [*AuditOutput.Meta.fields, "answers", "checks"]

    def get_answers(self, audit: AuditRun) -> dict[str, str]:
        return audit.summary.get("answers", {})
