"""What clinicians did with predictions."""

from __future__ import annotations

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audits.runtime import reviews
from audits.runtime.api.views import _KEY, _Batch
from audits.runtime.models import Review


class ReviewInput(serializers.Serializer):
    event_key = serializers.CharField(max_length=200)
    decision = serializers.ChoiceField(Review.Decision.choices)
    why = serializers.ChoiceField(Review.Why.choices, required=False)
    note = serializers.CharField(required=False, max_length=reviews.MAX_NOTE, help_text="sealed; name no patient")


class ReviewsInput(serializers.Serializer):
    records = ReviewInput(many=True, help_text="1 to 1000, all or none")


class ReviewsOutput(serializers.Serializer):
    accepted = serializers.IntegerField(help_text="records stored")
    at = serializers.DateTimeField()
    decisions = serializers.DictField(child=serializers.IntegerField())


class ShareOutput(serializers.Serializer):
    """A share in [0, 1] with a 95 % Wilson interval; null where nobody is counted."""

    n = serializers.IntegerField()
    mean = serializers.FloatField(allow_null=True)
    lower = serializers.FloatField(allow_null=True)
    upper = serializers.FloatField(allow_null=True)


class RelianceOutput(serializers.Serializer):
    site = serializers.CharField(help_text="empty: all sites")
    served = serializers.IntegerField()
    reviewed = serializers.IntegerField()
    unreviewed = ShareOutput()
    accepted = ShareOutput(help_text="of the reviewed ones")
    overrode = ShareOutput(help_text="of the reviewed ones")
    accepted_wrong = ShareOutput(help_text="of the reviewed ones whose outcome says that the model was wrong")


class ReviewsView(_Batch, GenericAPIView):
    may_answer = {"POST": (422,)}
    queryset = Review.objects.none()
    serializer_class = RelianceOutput
    actions = {"GET": "deployment.view", "POST": "review.record"}

    @extend_schema(responses=RelianceOutput(many=True), operation_id="reliance_list")
    def get(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """How far each site relies on the model."""
        page = self.paginate_queryset(list(reviews.reliance_of(self.deployment())))
        return self.get_paginated_response(RelianceOutput(page, many=True).data)

    @extend_schema(
        request=ReviewsInput, responses=ReviewsOutput, parameters=[_KEY], operation_id="reviews_create"
    )  # fmt: skip
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """Record what was done with a batch of predictions of your site."""
        return Response(
            reviews.reviews_create(
                deployment=self.deployment(), caller=request.user, body=self.body(),
                idempotency_key=request.headers.get("Idempotency-Key"),
            )
        )  # fmt: skip
