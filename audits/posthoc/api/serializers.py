from __future__ import annotations

from rest_framework import serializers

from audits.posthoc.models import Report


class ReportInput(serializers.Serializer):
    """Both days are in the period; the last one must be over (UTC)."""

    period_start = serializers.DateField()
    period_end = serializers.DateField()


class ReportOutput(serializers.ModelSerializer):
    """`pdf_digest` and `json_digest` are the SHA-256 of the files, and stand in the ledger."""

    class Meta:
        model = Report
        fields = [
            "id", "period_start", "period_end", "state", "created_at", "finished_at", "stop_reason", "pdf_digest",
            "json_digest", "summary",
        ]  # fmt: skip
        read_only_fields = fields
