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


class ReportFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=Report.State.choices, required=False)
    kind = serializers.ChoiceField(choices=Report.Kind.choices, required=False)
    institution = serializers.SlugField(source="institution__slug", required=False, help_text="Whose edition.")
    since = serializers.DateField(source="period_start__gte", required=False, help_text="Periods from this day on.")
    until = serializers.DateField(source="period_end__lte", required=False, help_text="Periods up to this day.")


class ReissueInput(serializers.Serializer):
    reason = serializers.CharField(max_length=2000, help_text="Stands beside the new issue.")


class EvidenceItemOutput(serializers.Serializer):
    """One figure (its `id` is empty) or item of a report, and where its evidence stands."""

    section = serializers.CharField()
    id = serializers.CharField(allow_blank=True)
    what = serializers.CharField()
    value = serializers.CharField()
    at = serializers.CharField(allow_blank=True)
    object = serializers.CharField(allow_blank=True, help_text="Of the ledger; empty: see `entry` or the section.")
    entry = serializers.IntegerField(allow_null=True)
    evidence = serializers.CharField(help_text="Address of the evidence on this platform.")


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
