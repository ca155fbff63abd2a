"""What a board does over the API: it brings patients, runs checks and says what it found, as on its page.

Each step is the invited person's own, signed in: a key of a machine brings no patients.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audits.predeployment.api.external import ExternalDataOutput, ExternalFindingOutput, ExternalRunOutput
from audits.predeployment.external import archive, attachments, services
from audits.predeployment.models import ExternalAudit, ExternalData, ExternalFinding
from core.api.problems import problem_response
from models_registry.api.views import person

_AROUND = 64 * 1024  # what a form adds to its file


class ExternalDataInput(serializers.Serializer):
    site = serializers.SlugField(max_length=40, help_text="The hospital whose layout the archive follows.")
    file = serializers.FileField(help_text="One ZIP in the layout of the model's data set; at most 256 MiB.")


class ExternalRunInput(serializers.Serializer):
    data = serializers.UUIDField()  # type: ignore[assignment]  # the metaclass takes it off the class
    checks = serializers.ListField(child=serializers.CharField(max_length=40), allow_empty=False)


class ExternalFindingInput(serializers.Serializer):
    severity = serializers.ChoiceField(choices=ExternalFinding.Severity.choices)
    text = serializers.CharField(max_length=10_000)
    run = serializers.UUIDField(required=False)
    file = serializers.FileField(required=False, help_text="PDF, PNG, JPEG, TXT, CSV or JSON; no patients.")


class BoardView(APIView):
    """Acts on one external audit that the caller may see."""

    actions = {"POST": "external.work"}

    def external(self, pk: uuid.UUID) -> ExternalAudit:
        shown = ExternalAudit.objects.for_user(self.request.user).select_related("version__model", "board")
        return get_object_or_404(shown, id=pk)

    def given(self, kind: type[serializers.Serializer]) -> dict[str, Any]:
        asked = kind(data=self.request.data)
        asked.is_valid(raise_exception=True)
        return asked.validated_data


class UploadView(BoardView):
    """Takes a form with a file, and looks at its length before anything reads it."""

    parser_classes = [MultiPartParser]
    most = 0

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > self.most + _AROUND:
            told = f"Expected a file of at most {self.most:,} bytes; got a request of {length}. Nothing was read."
            return problem_response(request, 413, "too_large", told)
        return super().dispatch(request, *args, **kwargs)


class ExternalDataUpload(UploadView):
    most = archive.MOST_BYTES

    @extend_schema(
        request={"multipart/form-data": ExternalDataInput}, responses={201: ExternalDataOutput},
        operation_id="external_data_upload",
    )  # fmt: skip
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Bring patients. They are read in the background: GET the audit until the data set is ready or refused."""
        external, given = self.external(pk), self.given(ExternalDataInput)
        made = services.data_upload(
            external=external, site=given["site"], data=given["file"].read(), actor=person(request)
        )
        return Response(ExternalDataOutput(made).data, status=201)


class ExternalDataWithdraw(BoardView):
    @extend_schema(request=None, responses=ExternalDataOutput, operation_id="external_data_withdraw")
    def post(self, request: Request, pk: uuid.UUID, data_id: uuid.UUID) -> Response:
        """Take the patients back: the bytes are removed, the digest stays on record."""
        found = ExternalData.objects.select_related("external").filter(external=self.external(pk))
        done = services.data_withdraw(data=get_object_or_404(found, id=data_id), actor=person(request))
        return Response(ExternalDataOutput(done).data)


class ExternalRuns(BoardView):
    @extend_schema(request=ExternalRunInput, responses={201: ExternalRunOutput}, operation_id="external_run_start")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Run some of the allowed checks on a data set that is ready."""
        found = ExternalData.objects.select_related("external").filter(external=self.external(pk))
        given = self.given(ExternalRunInput)
        run = services.run_start(
            data=get_object_or_404(found, id=given["data"]), checks=given["checks"], actor=person(request)
        )
        return Response(ExternalRunOutput(run).data, status=201)


class ExternalFindings(UploadView):
    most = attachments.MOST_BYTES

    @extend_schema(
        request={"multipart/form-data": ExternalFindingInput}, responses={201: ExternalFindingOutput},
        operation_id="external_finding_add",
    )  # fmt: skip
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Say what was found. It is shown to those who approve, and never changed."""
        external, given = self.external(pk), self.given(ExternalFindingInput)
        file = given.get("file")
        made = services.finding_add(
            external=external, severity=given["severity"], text=given["text"], actor=person(request),
            run=get_object_or_404(external.runs, id=given["run"]) if "run" in given else None,
            name=file.name if file else "", attachment=file.read() if file else b"",
        )  # fmt: skip
        return Response(ExternalFindingOutput(made).data, status=201)
