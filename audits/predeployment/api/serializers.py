from __future__ import annotations

from rest_framework import serializers

from audits.predeployment.models import AuditPolicy, AuditRun, CheckResult


class AuditInput(serializers.Serializer):
    version = serializers.UUIDField()
    tier = serializers.ChoiceField(choices=AuditRun.Tier.choices, default=AuditRun.Tier.QUICK)
    risk_class = serializers.ChoiceField(choices=AuditPolicy.RiskClass.choices, required=False)
    policy = serializers.DictField(
        child=serializers.JSONField(), required=False,
        help_text="Settings to tighten, by check and setting, e.g. bias_score.threshold.",
    )  # fmt: skip


class AuditFilter(serializers.Serializer):
    version = serializers.UUIDField(required=False)


class CheckOutput(serializers.ModelSerializer):
    class Meta:
        model = CheckResult
        fields = [
            "check_id", "principle", "title", "decides", "verdict", "value", "lower", "upper", "level", "threshold",
            "sentence", "change", "tables", "figures", "evidence", "provenance", "seconds", "digest",
        ]  # fmt: skip


class AuditOutput(serializers.ModelSerializer):
    class Meta:
        model = AuditRun
        fields = [
            "id", "version", "tier", "approved_policy", "state", "verdict", "digest", "policy", "requested_by",
            "created_at", "finished_at", "stop_reason",
        ]  # fmt: skip


class AuditDetailOutput(AuditOutput):
    checks = CheckOutput(many=True)

    class Meta(AuditOutput.Meta):
        fields = [*AuditOutput.Meta.fields, "checks"]
