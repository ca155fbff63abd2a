"""Files of cases that are predicted in the background. A file belongs to the person who sent it: it names patients."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from audits.downloads import download_recorded
from audits.runtime import bulk
from audits.runtime.api.bodies import TooLarge
from audits.runtime.api.views import _OfDeployment
from audits.runtime.bulk_files import MAX_BYTES
from audits.runtime.models_bulk import BulkPrediction


class BulkInput(serializers.Serializer):
    cases = serializers.FileField(help_text="CSV with a line of names, or a JSON record a line.")


class BulkOutput(serializers.ModelSerializer):
    """`done` of `rows` were looked at; `why` says why it stopped."""

    class Meta:
        model = BulkPrediction
        fields = ["id", "created_at", "deployment", "site", "rows", "done", "predicted", "refused", "state", "why",
                  "finished_at"]  # fmt: skip


class BulkFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=BulkPrediction.State.choices, required=False)


class BulkFiles(_OfDeployment, generics.ListAPIView):
    """Your own files for a deployment, newest first."""

    may_answer = {"POST": (422, 423, 503)}
    actions = {"GET": "prediction.request", "POST": "prediction.request"}
    parser_classes = [MultiPartParser]
    serializer_class = BulkOutput
    filters = BulkFilter

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return BulkPrediction.objects.none()
        return self.deployment().bulk_predictions.filter(requested_by_id=self.request.user.pk)

    @extend_schema(
        request={"multipart/form-data": BulkInput}, responses={202: BulkOutput}, operation_id="bulk_prediction_start"
    )
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """Send a file of cases; they are predicted in the background."""
        deployment, sent = self.deployment(), given(BulkInput, request)["cases"]
        if (sent.size or 0) > MAX_BYTES:
            raise TooLarge(f"Expected a file of at most {MAX_BYTES // 2**20} MiB, got {sent.size:,} bytes. Cut it up.")
        made = bulk.bulk_start(deployment=deployment, actor=person(request), data=sent.read(), name=sent.name or "")
        return Response(BulkOutput(made).data, status=202)


class _Own(APIView):
    action_name = "prediction.request"

    def own(self) -> BulkPrediction:
        own = BulkPrediction.objects.filter(requested_by_id=self.request.user.pk)
        return get_object_or_404(own.select_related("deployment__version__model"), id=self.kwargs["bulk_id"])


class BulkFile(_Own):
    @extend_schema(responses=BulkOutput, operation_id="bulk_prediction")
    def get(self, request: Request, bulk_id: uuid.UUID) -> Response:
        """How far one of your files is."""
        return Response(BulkOutput(self.own()).data)


class BulkCancel(_Own):
    @extend_schema(request=None, responses=BulkOutput, operation_id="bulk_prediction_cancel")
    def post(self, request: Request, bulk_id: uuid.UUID) -> Response:
        """Stop after the cases in hand; what was predicted was served and stays."""
        found = self.own()
        bulk.bulk_cancel(bulk=found, actor=person(request))
        found.refresh_from_db()
        return Response(BulkOutput(found).data)


class BulkAnswersQuery(serializers.Serializer):
    form = serializers.ChoiceField(
        choices=list(bulk.FORMS), default="csv",
        help_text="`csv`: a table. `jsonl`: a JSON record a line as the gateway answers, with the masks of images.",
    )  # fmt: skip


class BulkAnswers(_Own):
    may_answer = (409,)

    @extend_schema(
        parameters=[BulkAnswersQuery], operation_id="bulk_prediction_answers",
        responses={(200, kind.partition(";")[0]): OpenApiTypes.STR for kind in bulk.FORMS.values()},
    )  # fmt: skip
    def get(self, request: Request, bulk_id: uuid.UUID) -> HttpResponse:
        """The answers so far as a file. The reading is recorded."""
        asked = BulkAnswersQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found, form = self.own(), asked.validated_data["form"]
        made = bulk.bulk_answers(found, form).encode()
        data = download_recorded(subject=found.id, kind=form, data=made, reader=request.user)
        headers = {"Content-Disposition": f'attachment; filename="predictions-{found.id}.{form}"',
                   "Cache-Control": "no-store"}  # fmt: skip
        return HttpResponse(data, content_type=bulk.FORMS[form], headers=headers)
