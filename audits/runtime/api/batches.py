"""Batches that hospitals send: predictions made elsewhere, outcomes and corrections."""

from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audits.runtime import corrections, external, feeds, ingest
from audits.runtime.admission import admit
from audits.runtime.api.bodies import JSON, NDJSON, batch_body
from audits.runtime.models import Outcome
from models_registry.models import Deployment

_PARAMETERS = [
    OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="makes a retry harmless"),
    OpenApiParameter("Content-Encoding", str, OpenApiParameter.HEADER, enum=["gzip"], description="or none"),
    OpenApiParameter("partial", int, enum=[0, 1], description="1: keep the good rows, list the bad; 0: all or none"),
]  # fmt: skip


class MaskInput(serializers.Serializer):
    shape = serializers.ListField(child=serializers.IntegerField(), help_text="[slices, height, width]")
    data = serializers.CharField(help_text="base64 of its bits, first pixel highest")  # type: ignore[assignment]


class EventInput(serializers.Serializer):
    event_key = serializers.CharField(max_length=200, help_text="your name of the case, once a deployment")
    patient = serializers.CharField(max_length=200, help_text="stored as a pseudonym")
    at = serializers.DateTimeField(help_text="when the model made it, with its offset from UTC")
    attributes = serializers.DictField(child=serializers.CharField(), required=False)
    score = serializers.FloatField(min_value=0, max_value=1, required=False)
    label = serializers.ChoiceField([0, 1], required=False, help_text="without it, a score of 0.5 or more is 1")  # type: ignore[assignment]
    mask = MaskInput(required=False, help_text="of versions that segment, in the place of a label")
    inputs = serializers.ListField(
        child=serializers.FloatField(), required=False,
        help_text="what the model read, scaled as in training: its features; of an image mean, spread and 99th "
        "percentile of the intensity of each channel. Counted into histograms of 20 cases or more, never stored",
    )  # fmt: skip


class EventsInput(serializers.Serializer):
    records = EventInput(many=True, help_text="1 to 10,000; as NDJSON, one a line")


class OutcomeInput(serializers.Serializer):
    event_key = serializers.CharField(max_length=200)
    label = serializers.ChoiceField([0, 1], required=False)  # type: ignore[assignment]
    mask = serializers.CharField(required=False, help_text="base64 of the corrected mask's bits, first pixel highest")
    corrects = serializers.IntegerField(required=False, help_text="position of the case's row that this one replaces")


class OutcomesInput(serializers.Serializer):
    records = OutcomeInput(many=True, help_text="1 to 10,000; as NDJSON, one a line")


class RefusalOutput(serializers.Serializer):
    record = serializers.IntegerField(help_text="place in the request, from 0; of NDJSON, lines that hold something")
    event_key = serializers.CharField(allow_null=True)
    field = serializers.CharField()
    message = serializers.CharField()


class BatchOutput(serializers.Serializer):
    accepted = serializers.IntegerField()
    batch = serializers.UUIDField()
    at = serializers.DateTimeField()
    refused = serializers.IntegerField(required=False, help_text="with partial=1")
    records = RefusalOutput(many=True, required=False, help_text="with partial=1: every row that was refused")


class WarningOutput(serializers.Serializer):
    message = serializers.CharField()
    records = serializers.IntegerField()


class EventsOutput(BatchOutput):
    after_halt = serializers.IntegerField(help_text="made while the deployment was halted, and marked so")
    warnings = WarningOutput(many=True)


class OutcomesOutput(BatchOutput):
    corrections = serializers.IntegerField()
    positions = serializers.DictField(child=serializers.IntegerField(), help_text="first and last, in the rows' order")


class OutcomeRowOutput(serializers.ModelSerializer):
    at = serializers.DateTimeField(source="received_at")
    values = serializers.SerializerMethodField(help_text="metric values of this row")
    origin = serializers.SerializerMethodField(help_text="who told it: the site, or an appeal's decision")

    class Meta:
        model = Outcome
        fields = ["position", "at", "batch_id", "stratum", "values", "corrects", "origin"]

    def get_origin(self, row: Outcome) -> str:
        return feeds.APPEAL if row.corrects is None and row.event_key in self.context["appealed"] else "site"

    def get_values(self, row: Outcome) -> dict[str, float]:
        return row.values if row.correction is None else row.correction


class EventsView(APIView):
    may_answer = (422,)
    action_name = "event.record"

    @extend_schema(
        request={JSON: EventsInput, NDJSON: EventInput}, responses=EventsOutput,
        parameters=_PARAMETERS, operation_id="events_create",
    )  # fmt: skip
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """Record predictions that a model elsewhere has made. Taken also while the deployment is halted."""
        return Response(
            external.events_create(
                sender=admit(deployment_id, request.user), body=batch_body(request._request),
                idempotency_key=request.headers.get("Idempotency-Key"),
            )
        )  # fmt: skip


class OutcomesView(APIView):
    may_answer = (422,)
    action_name = "outcome.record"

    @extend_schema(
        request={JSON: OutcomesInput, NDJSON: OutcomeInput}, responses=OutcomesOutput, parameters=_PARAMETERS,
        operation_id="outcomes_create",
    )  # fmt: skip
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """Record what turned out to be true, or correct what was told earlier."""
        return Response(
            ingest.outcomes_create(
                sender=admit(deployment_id, request.user), body=batch_body(request._request),
                idempotency_key=request.headers.get("Idempotency-Key"),
            )
        )  # fmt: skip


class OutcomeView(GenericAPIView):
    action_name = "deployment.view"
    queryset = Outcome.objects.none()
    serializer_class = OutcomeRowOutput

    @extend_schema(responses=OutcomeRowOutput(many=True), operation_id="outcome_history")
    def get(self, request: Request, deployment_id: uuid.UUID, event_key: str) -> Response:
        """Every row about a case of your site: its outcome and each correction. The reading is recorded."""
        found = Deployment.objects.for_user(request.user).select_related("version__model")
        deployment = get_object_or_404(found, id=deployment_id)
        rows = corrections.history(deployment=deployment, event_key=event_key, caller=request.user)
        context = {"appealed": feeds.appealed(deployment.id)}
        page = self.paginate_queryset(list(rows))
        return self.get_paginated_response(OutcomeRowOutput(page, many=True, context=context).data)
