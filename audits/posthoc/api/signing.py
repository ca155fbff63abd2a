"""Signing a report off, and what its signatures and its JSON are checked with."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from accounts.reauthentication import reauthenticate
from audits.posthoc import signing_off
from audits.posthoc.models import Report, ReportSignOff
from audits.posthoc.report_keys import public_keys
from audits.posthoc.report_schema import schema_text
from models_registry.approval_views import site_of
from models_registry.signatures import Signed


class ReportKeysOutput(serializers.Serializer):
    keys = serializers.ListField(child=serializers.CharField(), help_text="The newest first.")


class ReportStatementInput(serializers.Serializer):
    capacity = serializers.ChoiceField(choices=ReportSignOff.Capacity.choices, help_text="As whom you sign.")


class ReportStatementOutput(serializers.Serializer):
    statement = serializers.CharField(help_text="Its UTF-8 bytes are what is signed (ML-DSA-65), within an hour.")


class ReportSignOffInput(ReportStatementInput):
    statement = serializers.CharField(max_length=50_000, trim_whitespace=False, help_text="Exactly as it was given.")
    signature = serializers.CharField(max_length=20_000, help_text="base64, or the assertion of WebAuthn as JSON.")
    password = serializers.CharField(trim_whitespace=False, help_text="Yours, once more.")


class ReportSignOffOutput(serializers.ModelSerializer):
    """A person's signature over the files of a report. It never changes."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True, allow_null=True)  # type: ignore[var-annotated]

    class Meta:
        model = ReportSignOff
        fields = ["id", "created_at", "capacity", "signer", "institution", "key", "statement", "signature"]


class ReportKeys(APIView):
    action_name = "report.view"

    @extend_schema(responses=ReportKeysOutput, operation_id="report_keys")
    def get(self, request: Request) -> Response:
        """The keys under which reports of this platform are signed."""
        return Response({"keys": public_keys()})


class ReportSchema(APIView):
    action_name = "report.view"

    @extend_schema(responses={(200, "application/schema+json"): OpenApiTypes.OBJECT}, operation_id="report_schema")
    def get(self, request: Request) -> HttpResponse:
        """The shape of a report's JSON, as JSON Schema (2020-12)."""
        return HttpResponse(schema_text(), content_type="application/schema+json")


class ReportStatements(APIView):
    action_name = "report.sign"

    @extend_schema(request=ReportStatementInput, responses=ReportStatementOutput, operation_id="report_statement")
    def post(self, request: Request, report_id: uuid.UUID) -> Response:
        """The statement that you sign to sign a report off. Nothing is recorded."""
        report, told = _report(request, report_id), given(ReportStatementInput, request)
        return Response({"statement": signing_off.statement_for(report=report, actor=person(request), **told)})


class ReportSignOffs(generics.ListAPIView):
    """Who signed a report off, oldest first; POST signs it."""

    actions = {"GET": "report.view", "POST": "report.sign"}
    may_answer = {"POST": (429,)}
    queryset = ReportSignOff.objects.none()
    serializer_class = ReportSignOffOutput

    def get_queryset(self) -> Any:
        return _report(self.request, self.kwargs["report_id"]).sign_offs.select_related("institution")

    @extend_schema(request=ReportSignOffInput, responses={201: ReportSignOffOutput}, operation_id="report_sign")
    def post(self, request: Request, report_id: uuid.UUID) -> Response:
        """Sign a report off under your own key, which the platform never holds; with your password once more."""
        report, told = _report(request, report_id), given(ReportSignOffInput, request)
        reauthenticate(request._request, person(request), told["password"])
        signed = Signed(told["statement"], "", told["signature"], site_of(request._request))
        made = signing_off.report_sign_off(
            report=report, capacity=told["capacity"], signed=signed, actor=person(request)
        )
        return Response(ReportSignOffOutput(made).data, status=201)


def _report(request: Request, report_id: uuid.UUID) -> Report:
    return get_object_or_404(Report.objects.for_user(request.user), id=report_id)
