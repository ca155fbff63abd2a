from __future__ import annotations

from rest_framework import generics, serializers

from audits.predeployment.api.serializers import CheckOutput
from audits.predeployment.models import ExternalAudit, ExternalData, ExternalFinding, ExternalResult, ExternalRun


class ExternalOutput(serializers.ModelSerializer):
    board = serializers.CharField(source="board.name")

    class Meta:
        model = ExternalAudit
        fields = ["id", "created_at", "version", "board", "state", "expires_at", "closed_at", "policy"]


class ExternalDataOutput(serializers.ModelSerializer):
    class Meta:
        model = ExternalData
        fields = ["id", "created_at", "digest", "size", "site", "state", "refusal", "manifest", "withdrawn_at"]


class ExternalResultOutput(serializers.ModelSerializer):
    class Meta:
        model = ExternalResult
        fields = CheckOutput.Meta.fields


class ExternalRunOutput(serializers.ModelSerializer):
    results = ExternalResultOutput(many=True)

    class Meta:
        model = ExternalRun
        fields = ["id", "created_at", "data", "state", "verdict", "digest", "finished_at", "policy", "results"]


class ExternalFindingOutput(serializers.ModelSerializer):
    class Meta:
        model = ExternalFinding
        fields = ["id", "created_at", "run", "severity", "text", "attachment", "attachment_name"]


class ExternalDetailOutput(ExternalOutput):
    data_sets = ExternalDataOutput(many=True)
    runs = ExternalRunOutput(many=True)
    findings = ExternalFindingOutput(many=True)

    class Meta(ExternalOutput.Meta):
        fields = [*ExternalOutput.Meta.fields, "data_sets", "runs", "findings"]


class ExternalAudits(generics.ListAPIView):
    """Audits by outside boards, newest first."""

    action_name = "external.view"
    serializer_class = ExternalOutput
    queryset = ExternalAudit.objects.none()  # for the schema; get_queryset scopes to the caller

    def get_queryset(self):
        return ExternalAudit.objects.for_user(self.request.user).select_related("board").order_by("-created_at")


class ExternalDetail(generics.RetrieveAPIView):
    """One of them, with every result and finding."""

    action_name = "external.view"
    serializer_class = ExternalDetailOutput
    queryset = ExternalAudit.objects.none()

    def get_queryset(self):
        shown = ExternalAudit.objects.for_user(self.request.user).select_related("board")
        return shown.prefetch_related("data_sets", "runs__results", "findings")
