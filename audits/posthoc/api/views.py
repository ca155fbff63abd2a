from __future__ import annotations

import json
import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from audits.downloads import download_recorded
from audits.posthoc import rows, services
from audits.posthoc.api.serializers import EvidenceItemOutput, ReissueInput, ReportFilter, ReportInput, ReportOutput
from audits.posthoc.models import Report, ReportQuerySet
from audits.posthoc.packaging import package
from audits.posthoc.renditions import KINDS


class Reports(generics.ListAPIView):
    """Reports, newest first; POST asks for one."""

    actions = {"GET": "report.view", "POST": "report.create"}
    queryset = Report.objects.all()
    serializer_class = ReportOutput
    filters = ReportFilter

    def get_queryset(self) -> ReportQuerySet:
        return Report.objects.for_user(self.request.user).select_related("institution")

    @extend_schema(request=ReportInput, responses={202: ReportOutput}, operation_id="reports_create")
    def post(self, request: Request) -> Response:
        """Ask for a report. A job renders it; GET its address until `state` is finished or failed."""
        asked_for = given(ReportInput, request)
        report = services.report_create(**asked_for, actor=person(request))
        return Response(ReportOutput(report).data, status=status.HTTP_202_ACCEPTED)


class ReportDetail(generics.RetrieveAPIView):
    """One report: its period, its state, and the digests of its files."""

    action_name = "report.view"
    queryset = Report.objects.all()
    serializer_class = ReportOutput
    lookup_url_kwarg = "report_id"

    def get_queryset(self) -> ReportQuerySet:
        return Report.objects.for_user(self.request.user).select_related("institution")


class ReportPdf(APIView):
    may_answer = (409,)
    action_name = "report.view"

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY}, operation_id="report_pdf")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """The report as PDF/A-3A and PDF/UA-1, with its JSON attached."""
        return _file(request, report_id, "pdf")


class ReportJson(APIView):
    may_answer = (409,)
    action_name = "report.view"

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT}, operation_id="report_json")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """The canonical JSON that the PDF was made from: exactly the bytes that are digested."""
        return _file(request, report_id, "json")


class ReportCsv(APIView):
    may_answer = (409,)
    action_name = "report.view"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY}, operation_id="report_csv")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """Every figure and item of the report, one a row, each with its row and entry in the ledger."""
        return _file(request, report_id, "csv")


class ReportEvidence(generics.GenericAPIView):
    may_answer = (409,)
    action_name = "report.view"
    serializer_class = EvidenceItemOutput
    queryset = Report.objects.none()

    @extend_schema(
        responses=EvidenceItemOutput(many=True), operation_id="report_evidence",
        parameters=[OpenApiParameter("section", str, description="Only what stands in this section.")],
    )  # fmt: skip
    def get(self, request: Request, report_id: uuid.UUID) -> Response:
        """The figures of a finished report, and for each item behind them its row and entry in the ledger."""
        report = get_object_or_404(Report.objects.for_user(request.user), id=report_id)
        section = request.query_params.get("section", "")
        told = json.loads(services.report_file(report=report, kind="json"))
        page = self.paginate_queryset([item for item in rows.items_of(told) if section in ("", item.section)])
        return self.get_paginated_response(EvidenceItemOutput(page, many=True).data)


class ReportReissue(APIView):
    action_name = "report.create"

    @extend_schema(request=ReissueInput, responses={202: ReportOutput}, operation_id="report_reissue")
    def post(self, request: Request, report_id: uuid.UUID) -> Response:
        """Issue a report again, from what is on record now. The earlier issue stays as it is."""
        report = get_object_or_404(Report.objects.for_user(request.user), id=report_id)
        made = services.report_reissue(report=report, **given(ReissueInput, request), actor=person(request))
        return Response(ReportOutput(made).data, status=status.HTTP_202_ACCEPTED)


class ReportHtml(APIView):
    may_answer = (409,)
    action_name = "report.view"

    @extend_schema(responses={(200, "text/html"): OpenApiTypes.STR}, operation_id="report_html")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """The report as one HTML file that needs nothing else."""
        return _file(request, report_id, "html")


class ReportXlsx(APIView):
    may_answer = (409,)
    action_name = "report.view"

    @extend_schema(responses={(200, KINDS["xlsx"].media_type): OpenApiTypes.BINARY}, operation_id="report_xlsx")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """Figures, findings and every list of the report, a sheet each, with the evidence of each item."""
        return _file(request, report_id, "xlsx")


class ReportPackage(APIView):
    may_answer = (409,)
    action_name = "report.view"

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, operation_id="report_package")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """All files with their manifest, signatures and ledger entries: `python -m provenance.verifier` checks it."""
        report = get_object_or_404(Report.objects.for_user(request.user), id=report_id)
        made = package(report=report, actor=request.user)
        data = download_recorded(subject=report.id, kind="package", data=made, reader=request.user)
        return HttpResponse(data, content_type="application/zip")


def _file(request: Request, report_id: uuid.UUID, kind: str) -> HttpResponse:
    report = get_object_or_404(Report.objects.for_user(request.user), id=report_id)
    made = services.report_file(report=report, kind=kind)
    data = download_recorded(subject=report.id, kind=kind, data=made, reader=request.user)
    return HttpResponse(data, content_type=KINDS[kind].media_type)
