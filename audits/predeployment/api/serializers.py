from __future__ import annotations

from rest_framework import serializers

from audits.predeployment.models import AuditPolicy, AuditRun, CheckResult
from models_registry.models import Evidence


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
    state = serializers.ChoiceField(choices=AuditRun.State.choices, required=False)
    verdict = serializers.ChoiceField(choices=Evidence.Verdict.choices, required=False)
    tier = serializers.ChoiceField(choices=AuditRun.Tier.choices, required=False)


class StopInput(serializers.Serializer):
    reason = serializers.CharField(max_length=500, help_text="It becomes part of the record.")


class ThresholdsInput(StopInput):
    attribute = serializers.CharField(max_length=80, help_text="One that the audit proposes thresholds for.")


class ThresholdsOutput(serializers.ModelSerializer):
    """The proposal as evidence about the version. The model goes on deciding as before."""

    class Meta:
        model = Evidence
        fields = ["id", "created_at", "kind", "source_id", "verdict", "digest", "summary"]


class EstimateOutput(serializers.Serializer):
    """What a tier of a class of risk would measure, and about how long one site would work for it."""

    policy = serializers.UUIDField(source="policy.id")
    risk_class = serializers.CharField(source="policy.risk_class")
    tier = serializers.CharField()
    checks = serializers.IntegerField()
    seconds = serializers.IntegerField(help_text="Of one site.")
    measured = serializers.FloatField(help_text="Share of the checks whose time is known from earlier audits.")


class ComparedFilter(serializers.Serializer):
    other = serializers.UUIDField(help_text="Another finished audit of the same model.")


class SideOutput(serializers.Serializer):
    verdict = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    lower = serializers.FloatField(allow_null=True)
    upper = serializers.FloatField(allow_null=True)


class LineOutput(serializers.Serializer):
    """One check in both audits; the older first. Either may lack it."""

    title = serializers.CharField()
    principle = serializers.CharField()
    before = SideOutput(allow_null=True)
    after = SideOutput(allow_null=True)
    what = serializers.CharField(help_text="What changed, in words; overlapping intervals show no change.")


class ComparisonOutput(serializers.Serializer):
    before = serializers.UUIDField(source="before.id")
    after = serializers.UUIDField(source="after.id")
    changed = serializers.IntegerField()
    warnings = serializers.ListField(child=serializers.CharField(), help_text="Why the two may not be comparable.")
    lines = LineOutput(many=True)


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
