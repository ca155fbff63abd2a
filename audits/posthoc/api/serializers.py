from __future__ import annotations

from rest_framework import serializers

from accounts.models import Institution
from audits.posthoc.models import Report


class ReportInput(serializers.Serializer):
    """Both days are in the period; the last one must be over (UTC)."""

    period_start = serializers.DateField()
    period_end = serializers.DateField()
    kind = serializers.ChoiceField(choices=Report.Kind, default=Report.Kind.CUSTOM)
    institution = serializers.SlugRelatedField(
        slug_field="slug", queryset=Institution.objects.filter(is_active=True), default=None, allow_null=True,
        help_text="Whose edition; none is the whole platform.",
    )  # fmt: skip
    reason = serializers.CharField(default="", allow_blank=True, help_text="Needed if the report is on record already.")


class ReportOutput(serializers.ModelSerializer):
    """`pdf_digest` and `json_digest` are the SHA-256 of the files, and stand in the ledger."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True, allow_null=True)

    class Meta:
        model = Report
        fields = [
            "id", "kind", "period_start", "period_end", "institution", "issue", "reason", "state", "created_at",
            "finished_at", "stop_reason", "pdf_digest", "json_digest", "summary",
        ]  # fmt: skip
        read_only_fields = fields
