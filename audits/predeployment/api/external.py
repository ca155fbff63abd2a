from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from audits.predeployment.api.serializers import CheckOutput
from audits.predeployment.external import services
from audits.predeployment.external.forms import InviteForm
from audits.predeployment.models import ExternalAudit, ExternalData, ExternalFinding, ExternalResult, ExternalRun
from core import artefacts
from models_registry.models import Version


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


class ExternalFilter(serializers.Serializer):
    version = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=ExternalAudit.State.choices, required=False)


class InviteInput(serializers.Serializer):
    """Whom to invite, to what, and until when. Without an account here, the person gets one, without a password."""

    version = serializers.UUIDField()
    board = serializers.CharField(max_length=120, help_text="The biomedical ethics board, by its full name.")
    name = serializers.CharField(max_length=120, help_text="Who audits for the board.")
    email = serializers.EmailField(max_length=254, help_text="Of somebody who has no other role here.")
    last_day = serializers.DateField(help_text="At most 180 days from now; it counts whole.")
    checks = serializers.ListField(child=serializers.CharField(max_length=40), allow_empty=False)
    purpose = serializers.CharField(max_length=5000)


class ExternalRevokeInput(serializers.Serializer):
    reason = serializers.CharField(max_length=500)


class ExternalAudits(generics.ListAPIView):
    """Audits by outside boards, newest first."""

    actions = {"GET": "external.view", "POST": "external.invite"}
    serializer_class = ExternalOutput
    filters = ExternalFilter
    queryset = ExternalAudit.objects.none()  # for the schema; get_queryset scopes to the caller

    def get_queryset(self):
        return ExternalAudit.objects.for_user(self.request.user).select_related("board").order_by("-created_at")

    @extend_schema(request=InviteInput, responses={201: ExternalOutput}, operation_id="external_invite")
    def post(self, request: Request) -> Response:
        """Invite a person of an outside board to audit one version."""
        told, actor = given(InviteInput, request), person(request)
        found = Version.objects.for_user(actor).select_related("model")
        version = get_object_or_404(found, id=told.pop("version"))
        form = InviteForm({name: told[name] for name in told}, policy=services.offered(version))
        if not form.is_valid():
            raise ValidationError({name: [str(one) for one in problems] for name, problems in form.errors.items()})
        made = services.external_invite(version=version, actor=actor, **form.arguments())
        return Response(ExternalOutput(made).data, status=201)


class ExternalDetail(generics.RetrieveAPIView):
    """One of them, with every result and finding."""

    action_name = "external.view"
    serializer_class = ExternalDetailOutput
    queryset = ExternalAudit.objects.none()

    def get_queryset(self):
        shown = ExternalAudit.objects.for_user(self.request.user).select_related("board")
        return shown.prefetch_related("data_sets", "runs__results", "findings")


class ExternalFile(APIView):
    action_name = "external.view"

    @extend_schema(responses={(200, "*/*"): OpenApiTypes.BINARY}, operation_id="external_file")
    def get(self, request: Request, pk: uuid.UUID, finding_id: uuid.UUID) -> HttpResponse:
        """A finding's file, as it came."""
        external = get_object_or_404(ExternalAudit.objects.for_user(request.user), id=pk)
        finding = get_object_or_404(external.findings.exclude(attachment=""), id=finding_id)
        headers = {"Content-Disposition": f'attachment; filename="{finding.attachment_name}"'}
        data = artefacts.get(finding.attachment)
        return HttpResponse(data, content_type=finding.attachment_type, headers=headers)


class ExternalClose(APIView):
    action_name = "external.work"

    @extend_schema(request=None, responses=ExternalOutput, operation_id="external_close")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """The board has finished: its data are removed, what it found stays on record."""
        external = get_object_or_404(ExternalAudit.objects.for_user(request.user), id=pk)
        return Response(ExternalOutput(services.external_close(external=external, actor=person(request))).data)


class ExternalRevoke(APIView):
    action_name = "external.invite"

    @extend_schema(request=ExternalRevokeInput, responses=ExternalOutput, operation_id="external_revoke")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """End a board's access before its day. What it found stays."""
        external = get_object_or_404(ExternalAudit.objects.for_user(request.user), id=pk)
        told = given(ExternalRevokeInput, request)
        return Response(ExternalOutput(services.external_revoke(external=external, actor=person(request), **told)).data)
