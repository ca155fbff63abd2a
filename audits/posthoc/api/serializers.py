from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import Institution
from audits.posthoc.models import BoardFinding, BoardReview, Report


class ReportInput(serializers.Serializer):
    """Both days are in the period; the last one must be over (UTC)."""

    period_start = serializers.DateField()
    period_end = serializers.DateField()
    kind = serializers.ChoiceField(choices=Report.Kind.choices, default=Report.Kind.CUSTOM)
    institution = serializers.SlugRelatedField(
        slug_field="slug", queryset=Institution.objects.filter(is_active=True), default=None, allow_null=True,
        help_text="Whose edition; none is the whole platform.",
    )  # fmt: skip
    reason = serializers.CharField(default="", allow_blank=True, help_text="Needed if the report is on record already.")


class ReportOutput(serializers.ModelSerializer):
    """`files` are the SHA-256 of all files by kind, `manifest_digest` of what `signatures` are over; in the ledger."""

    institution: serializers.SlugRelatedField = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )

    class Meta:
        model = Report
        fields = [
            "id", "kind", "period_start", "period_end", "institution", "issue", "reason", "state", "created_at",
            "finished_at", "stop_reason", "pdf_digest", "json_digest", "files",
            "manifest_digest", "signatures", "summary",
        ]  # fmt: skip
        read_only_fields = fields


class BoardFindingOutput(serializers.ModelSerializer):
    """`version` is what a blocking finding stands in the way of."""

    class Meta:
        model = BoardFinding
        fields = ["id", "severity", "text", "version", "blocking", "due_on", "state", "created_at"]
        read_only_fields = fields


class BoardReviewOutput(serializers.ModelSerializer):
    """`findings` are those that the caller may see: all, or the own ones of who only owns some."""

    findings = serializers.SerializerMethodField()
    agenda = serializers.SerializerMethodField()

    class Meta:
        model = BoardReview
        fields = ["id", "board", "month", "state", "created_at", "signed_at", "agenda", "findings"]
        read_only_fields = fields

    def _shown(self, review: BoardReview) -> bool:
        return review.is_open_to(self.context["request"].user)

    def get_agenda(self, review: BoardReview) -> list[dict[str, str]]:
        return review.agenda if self._shown(review) else []

    def get_findings(self, review: BoardReview) -> list[dict[str, Any]]:
        found = review.findings_for(self.context["request"].user)
        return BoardFindingOutput(found, many=True).data  # type: ignore[return-value]
