"""What is done with an audit: stop it, compare it, take it away, record what it proposes."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import asked, given, person
from audits.downloads import download_recorded
from audits.predeployment import policies, presentation, report, results, services, thresholds
from audits.predeployment.api import serializers
from audits.predeployment.comparison import comparison_of
from audits.predeployment.models import AuditPolicy, AuditRun
from core.errors import Conflict, NotFound
from federation.domain.messages import canonical
from models_registry.models import Version

_REPORTS = {"pdf": (report.report_pdf, "application/pdf"), "json": (report.report_json, "application/json")}


class _OfAudit(APIView):
    action_name = "audit.view"

    def audit(self) -> AuditRun:
        found = AuditRun.objects.for_user(self.request.user).select_related(
            "version__model__federation", "version__run"
        )
        return get_object_or_404(found, id=self.kwargs["pk"])


class AuditStop(_OfAudit):
    action_name = "audit.start"

    @extend_schema(request=serializers.StopInput, responses=serializers.AuditOutput, operation_id="audit_stop")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Stop a running audit, with a reason. A fail that it had found stands."""
        stopped = services.audit_stop(audit=self.audit(), actor=request.user, **given(serializers.StopInput, request))
        return Response(serializers.AuditOutput(stopped).data)


class AuditThresholds(_OfAudit):
    action_name = "thresholds.record"

    @extend_schema(
        request=serializers.ThresholdsInput, responses={201: serializers.ThresholdsOutput},
        operation_id="thresholds_record",
    )  # fmt: skip
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Keep the thresholds that a finished audit proposes as evidence about the version."""
        told = given(serializers.ThresholdsInput, request)
        made = thresholds.proposal_record(audit=self.audit(), actor=person(request), **told)
        return Response(serializers.ThresholdsOutput(made).data, status=201)


class AuditComparison(_OfAudit):
    may_answer = (409,)

    @extend_schema(
        parameters=[serializers.ComparedFilter], responses=serializers.ComparisonOutput, operation_id="audit_compare"
    )
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Two finished audits of a model side by side, check by check."""
        audit, told = self.audit(), asked(serializers.ComparedFilter, request)
        if audit.state != AuditRun.State.FINISHED:
            raise Conflict(f"Only a finished audit can be compared; this one is {audit.state}.")
        same = AuditRun.objects.for_user(request.user).filter(
            state=AuditRun.State.FINISHED, version__model=audit.version.model_id
        )
        other = get_object_or_404(same.select_related("version__run"), id=told["other"])
        return Response(serializers.ComparisonOutput(comparison_of(other, audit)).data)


class AuditReport(_OfAudit):
    @extend_schema(
        parameters=[OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(_REPORTS))],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, (200, "application/json"): OpenApiTypes.OBJECT},
        operation_id="audit_report",
    )
    def get(self, request: Request, pk: uuid.UUID, kind: str) -> HttpResponse:
        """The whole audit as one file, to be kept, printed and checked elsewhere. The reading is recorded."""
        if kind not in _REPORTS:
            raise NotFound(f"Expected a report as {' or '.join(_REPORTS)}, got {kind[:20]!r}.")
        audit = self.audit()
        made, content_type = _REPORTS[kind]
        data = download_recorded(subject=audit.id, kind=kind, data=made(audit), reader=request.user)
        headers = {"Content-Disposition": f'attachment; filename="audit-{audit.id}.{kind}"'}
        return HttpResponse(data, content_type=content_type, headers=headers)


class AuditResult(_OfAudit):
    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT}, operation_id="audit_result")
    def get(self, request: Request, pk: uuid.UUID, check_id: str) -> HttpResponse:
        """One result as the canonical JSON whose SHA-256 is its digest."""
        row = get_object_or_404(self.audit().checks, check_id=check_id)
        return HttpResponse(canonical(results.content_of(row)), content_type="application/json")


class AuditEstimates(ListAPIView):
    """What each tier of each class of risk would measure, and about how long that takes."""

    action_name = "audit.start"
    serializer_class = serializers.EstimateOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return []
        found = Version.objects.for_user(self.request.user).select_related("model", "run")
        version = get_object_or_404(found, id=self.kwargs["version_id"])
        return presentation.tiers_of(version, [policies.in_force(risk) for risk in AuditPolicy.RiskClass.values])
