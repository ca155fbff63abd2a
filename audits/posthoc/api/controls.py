from __future__ import annotations

import uuid

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from audits.domain.controls.coverage import Status
from audits.downloads import download_recorded
from audits.posthoc import mapping
from audits.posthoc.mapping import FrameworkView
from audits.posthoc.models import ManualEvidence

STATUSES = [(status.value, status.value) for status in Status]


class CoverageOutput(serializers.Serializer):
    """For how many controls evidence is on record. It never says that a requirement is met."""

    there = serializers.IntegerField()
    partly = serializers.IntegerField()
    none = serializers.IntegerField()
    not_assessable = serializers.IntegerField()
    total = serializers.IntegerField()


class FindingOutput(serializers.Serializer):
    name = serializers.CharField()
    title = serializers.CharField()
    evidence = serializers.CharField(source="status.value", help_text="there, partly, none or not_assessable")
    count = serializers.IntegerField()
    of = serializers.IntegerField()
    sentence = serializers.CharField()
    newest = serializers.DateTimeField(allow_null=True)
    link = serializers.CharField()


class ControlFileOutput(serializers.ModelSerializer):
    """`digest` is the file's SHA-256."""

    class Meta:
        model = ManualEvidence
        fields = ["id", "framework", "control", "name", "media_type", "size", "digest", "note", "valid_until",
                  "created_at", "withdrawn_at"]  # fmt: skip
        read_only_fields = fields


class ControlOutput(serializers.Serializer):
    id = serializers.CharField(source="control.id")
    reference = serializers.CharField(source="control.reference")
    title = serializers.CharField(source="control.title")
    text = serializers.CharField(source="control.text")
    evidence = serializers.CharField(source="status.value", help_text="there, partly, none or not_assessable")
    findings = FindingOutput(many=True)
    files = ControlFileOutput(many=True)


class FrameworkOutput(serializers.Serializer):
    key = serializers.CharField(source="framework.key")
    title = serializers.CharField(source="framework.title")
    edition = serializers.CharField(source="framework.edition")
    coverage = CoverageOutput()


class FrameworkDetailOutput(FrameworkOutput):
    controls = ControlOutput(many=True)


class ControlFileInput(serializers.Serializer):
    file = serializers.FileField(help_text="PDF, PNG, JPEG, TXT, CSV or JSON; no patients.")
    note = serializers.CharField(max_length=5000)
    valid_until = serializers.DateField()


class Frameworks(generics.ListAPIView):
    """All frameworks with their evidence coverage."""

    action_name = "control.view"
    serializer_class = FrameworkOutput

    def get_queryset(self):
        return mapping.views_of(mapping.frameworks()[0]) if not getattr(self, "swagger_fake_view", False) else []


class FrameworkDetail(APIView):
    action_name = "control.view"

    @extend_schema(responses=FrameworkDetailOutput, operation_id="controls_framework")
    def get(self, request: Request, key: str) -> Response:
        """A framework's controls with what is on record for each."""
        return Response(FrameworkDetailOutput(_view(key)).data)


class ControlDetail(APIView):
    action_name = "control.view"

    @extend_schema(responses=ControlOutput, operation_id="controls_control")
    def get(self, request: Request, key: str, control: str) -> Response:
        """One control, with what the platform measures for it and the files that people brought."""
        row = next((row for row in _view(key).controls if row.control.id == control), None)
        if row is None:
            raise Http404("This framework has no such control.")
        return Response(ControlOutput(row).data)


class EvidenceFile(APIView):
    action_name = "control.view"

    @extend_schema(responses={(200, "*/*"): OpenApiTypes.BINARY}, operation_id="controls_evidence_file")
    def get(self, request: Request, evidence_id: uuid.UUID) -> HttpResponse:
        """A file that was brought, as it came. The reading is recorded."""
        found = get_object_or_404(ManualEvidence, id=evidence_id)
        made = mapping.evidence_file(found)
        data = download_recorded(subject=found.id, kind="evidence", data=made, reader=request.user)
        headers = {"Content-Disposition": f'attachment; filename="{found.name}"'}
        return HttpResponse(data, content_type=found.media_type, headers=headers)


class ControlEvidence(APIView):
    action_name = "control.evidence"
    parser_classes = [MultiPartParser]

    @extend_schema(request=ControlFileInput, responses={201: ControlFileOutput}, operation_id="controls_evidence_add")
    def post(self, request: Request, key: str, control: str) -> Response:
        """Bring a file as evidence for a control."""
        view = _view(key, evidence=False)
        found = view.framework.control(control)
        if found is None:
            raise Http404("This framework has no such control.")
        told = given(ControlFileInput, request)
        made = mapping.evidence_add(
            framework=view.framework, control=found, name=told["file"].name, data=told["file"].read(),
            note=told["note"], valid_until=told["valid_until"], actor=person(request),
        )  # fmt: skip
        return Response(ControlFileOutput(made).data, status=status.HTTP_201_CREATED)


class EvidenceWithdrawal(APIView):
    action_name = "control.evidence"

    @extend_schema(request=None, responses=ControlFileOutput, operation_id="controls_evidence_withdraw")
    def post(self, request: Request, evidence_id: uuid.UUID) -> Response:
        """Take a file back: it counts no more, and stays on record."""
        found = get_object_or_404(ManualEvidence, id=evidence_id)
        mapping.evidence_withdraw(evidence=found, actor=person(request))
        found.refresh_from_db()
        return Response(ControlFileOutput(found).data)


def _view(key: str, *, evidence: bool = True) -> FrameworkView:
    found = mapping.framework_of(key)
    if found is None:
        raise Http404("No framework of this name is installed.")
    return mapping.views_of([found])[0] if evidence else FrameworkView(found, ())
