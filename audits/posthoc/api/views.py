from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from audits.downloads import download_recorded
from audits.posthoc import services
from audits.posthoc.api.serializers import BoardReviewOutput, ReportInput, ReportOutput
from audits.posthoc.models import BoardReview, Report, ReportQuerySet
from audits.posthoc.models_boards import BoardReviewQuerySet
from audits.posthoc.packaging import package
from audits.posthoc.renditions import KINDS
from core.errors import Forbidden


class Reports(generics.ListAPIView):
    """Reports, newest first; POST asks for one."""

    actions = {"GET": "report.view", "POST": "report.create"}
    queryset = Report.objects.all()
    serializer_class = ReportOutput

    def get_queryset(self) -> ReportQuerySet:
        return Report.objects.for_user(self.request.user).select_related("institution")

    @extend_schema(request=ReportInput, responses={202: ReportOutput}, operation_id="reports_create")
    def post(self, request: Request) -> Response:
        """Ask for a report. A job renders it; GET its address until `state` is finished or failed."""
        given = ReportInput(data=request.data)
        given.is_valid(raise_exception=True)
        if not isinstance(request.user, User):
            raise Forbidden("A report is asked for by a person. Sign in instead of using an API key.")
        report = services.report_create(**given.validated_data, actor=request.user)
        return Response(ReportOutput(report).data, status=status.HTTP_202_ACCEPTED)


class ReportDetail(generics.RetrieveAPIView):
    action_name = "report.view"
    queryset = Report.objects.all()
    serializer_class = ReportOutput
    lookup_url_kwarg = "report_id"

    def get_queryset(self) -> ReportQuerySet:
        return Report.objects.for_user(self.request.user).select_related("institution")


class ReportPdf(APIView):
    action_name = "report.view"

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY}, operation_id="report_pdf")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """The report as PDF/A-3A and PDF/UA-1, with its JSON attached."""
        return _file(request, report_id, "pdf")


class ReportJson(APIView):
    action_name = "report.view"

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT}, operation_id="report_json")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """The canonical JSON that the PDF was made from: exactly the bytes that are digested."""
        return _file(request, report_id, "json")


class ReportCsv(APIView):
    action_name = "report.view"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY}, operation_id="report_csv")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """Every figure and item of the report, one a row, each with its row and entry in the ledger."""
        return _file(request, report_id, "csv")


class BoardReviews(generics.ListAPIView):
    """Reviews of the board that the caller may see, newest first."""

    action_name = "board.view"
    queryset = BoardReview.objects.all()
    serializer_class = BoardReviewOutput

    def get_queryset(self) -> BoardReviewQuerySet:
        return BoardReview.objects.for_user(self.request.user).prefetch_related("findings")


class BoardReviewDetail(generics.RetrieveAPIView):
    action_name = "board.view"
    queryset = BoardReview.objects.all()
    serializer_class = BoardReviewOutput
    lookup_url_kwarg = "review_id"

    def get_queryset(self) -> BoardReviewQuerySet:
        return BoardReview.objects.for_user(self.request.user).prefetch_related("findings")


class ReportHtml(APIView):
    action_name = "report.view"

    @extend_schema(responses={(200, "text/html"): OpenApiTypes.STR}, operation_id="report_html")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """The report as one HTML file that needs nothing else."""
        return _file(request, report_id, "html")


class ReportXlsx(APIView):
    action_name = "report.view"

    @extend_schema(responses={(200, KINDS["xlsx"].media_type): OpenApiTypes.BINARY}, operation_id="report_xlsx")
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """Figures, findings and every list of the report, a sheet each, with the evidence of each item."""
        return _file(request, report_id, "xlsx")


class ReportPackage(APIView):
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
