"""Warnings that wait for a decision, and the decisions."""

from __future__ import annotations

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audits.runtime.amber import decision_make
from audits.runtime.api.views import _OfDeployment
from audits.runtime.models import AmberDecision


class AmberInput(serializers.Serializer):
    decision = serializers.ChoiceField(AmberDecision.Decision.choices)
    reason = serializers.CharField(max_length=2000)
    review_on = serializers.DateField(required=False, allow_null=True, help_text="of continue and restrict")
    most_predictions = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=2**31 - 1,
        help_text="of restrict: in all, from the first prediction",
    )


class AmberOutput(serializers.ModelSerializer):
    class Meta:
        model = AmberDecision
        fields = [
            "id", "created_at", "deployment", "warnings", "position", "due_at", "overdue", "decision", "decided_by",
            "institution", "decided_at", "reason", "review_at", "most_predictions",
        ]  # fmt: skip


class AmberView(_OfDeployment, ListAPIView):
    """What was asked and decided, newest first; POST answers the open question."""

    actions = {"GET": "deployment.view", "POST": "deployment.halt"}
    serializer_class = AmberOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return AmberDecision.objects.none()
        return AmberDecision.objects.filter(deployment=self.deployment())

    @extend_schema(request=AmberInput, responses={201: AmberOutput}, operation_id="amber_decide")
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        given = AmberInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = decision_make(deployment=self.deployment(), actor=request.user, **given.validated_data)  # type: ignore[arg-type]
        return Response(AmberOutput(made).data, status=201)
