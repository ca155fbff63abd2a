"""One prediction, found by the site's name of the case; its address names nobody."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.callers import given
from audits.runtime import case_pages
from audits.runtime.api.views import _OfDeployment
from audits.runtime.cases import prediction_at, prediction_named
from core.capture import record
from core.context import governed


class CaseInput(serializers.Serializer):
    event_key = serializers.CharField(max_length=200, help_text="your name of the case")


class CasePlaceOutput(serializers.Serializer):
    """The address of a case that names nobody."""

    deployment = serializers.UUIDField(source="deployment_id")
    batch = serializers.UUIDField(source="batch_id")
    index = serializers.IntegerField(source="batch_index")


class CaseReviewOutput(serializers.Serializer):
    decision = serializers.CharField()
    why = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField(source="created_at")


class CaseAppealOutput(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.CharField()
    due_on = serializers.DateField()


class PredictedCaseOutput(serializers.Serializer):
    """What was said, what turned out to be true, and what people did about it."""

    place = CasePlaceOutput(source="row")
    site = serializers.CharField(source="row.site")
    at = serializers.DateTimeField(source="row.received_at")
    flagged = serializers.BooleanField(source="row.flagged")
    said = serializers.CharField(help_text="The model's word.")
    truth = serializers.CharField(allow_blank=True, help_text="Empty: nothing was told yet.")
    shadow = serializers.BooleanField(help_text="Nobody acts on predictions of a shadow deployment.")
    review = CaseReviewOutput(allow_null=True)
    appeals = CaseAppealOutput(many=True)
    entry = serializers.IntegerField(source="batch_seq", allow_null=True, help_text="Of the batch, in the ledger.")


class CaseFind(_OfDeployment):
    action_name = "deployment.view"

    @extend_schema(request=CaseInput, responses=CasePlaceOutput, operation_id="case_find")
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """From the name of a case of your site to its address. Sent in the body: addresses stand in logs."""
        row = prediction_named(self.deployment(), given(CaseInput, request)["event_key"], request.user)
        return Response(CasePlaceOutput(row).data)


class Case(_OfDeployment):
    action_name = "deployment.view"

    @extend_schema(responses=PredictedCaseOutput, operation_id="case")
    def get(self, request: Request, deployment_id: uuid.UUID, batch_id: uuid.UUID, index: int) -> Response:
        """One prediction of your site. The reading is recorded."""
        deployment = self.deployment()
        row = prediction_at(deployment, batch_id, index, request.user)
        with governed(action="prediction.read"):
            told = {"deployment": str(deployment.id), "index": str(index)}
            record(table="runtime_prediction", operation="READ", object_id=str(batch_id), body=told)
        found: dict[str, Any] = case_pages.prediction_context(deployment, row, request.user)  # type: ignore[arg-type]
        return Response(PredictedCaseOutput(found).data)
