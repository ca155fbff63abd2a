"""Appeals against predictions: the queue, filing and deciding. Each is a named person's, never a machine's."""

from __future__ import annotations

import uuid

from django.db.models import Exists, OuterRef
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.runtime import appeals
from audits.runtime.api.serializers import ReasonInput
from audits.runtime.case_forms import AppealFilterForm
from audits.runtime.models import Appeal, Review
from audits.runtime.models_appeals import today
from models_registry.api.views import person
from models_registry.models import Deployment


class AppealOutput(serializers.ModelSerializer):
    overdue = serializers.BooleanField()
    case_name = serializers.CharField(help_text="the site's name of the case; empty once the patient was erased")
    reviewed = serializers.SerializerMethodField(help_text="whether a human had reviewed the prediction")

    class Meta:
        model = Appeal
        fields = [
            "id", "created_at", "deployment", "institution", "site", "case_name", "batch", "batch_index",
            "predicted_at", "flagged", "reviewed", "contested_by", "filed_by", "grounds", "due_on", "overdue", "state",
            "taken_by", "taken_at", "outcome", "decided_by", "decided_at", "reason", "feedback",
        ]  # fmt: skip

    def get_reviewed(self, appeal: Appeal) -> bool:
        return appeal.reviewed if hasattr(appeal, "reviewed") else bool(appeals.reviewers(appeal))


class AppealInput(serializers.Serializer):
    deployment = serializers.UUIDField()
    event_key = serializers.CharField(max_length=200, help_text="your name of the case")
    contested_by = serializers.ChoiceField(Appeal.Contester.choices)
    grounds = serializers.CharField(max_length=2000)


class AppealDecisionInput(ReasonInput):
    outcome = serializers.ChoiceField([Appeal.Outcome.UPHELD, Appeal.Outcome.CHANGED])
    label = serializers.ChoiceField(  # type: ignore[assignment]
        [0, 1], required=False, help_text="classification: what turned out to be true, if it is known"
    )
    mask = serializers.CharField(required=False, help_text="segmentation: the corrected mask, as in outcomes")


class _Scoped(generics.GenericAPIView):
    serializer_class = AppealOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Appeal.objects.none()
        mine = Review.objects.filter(deployment=OuterRef("deployment"), event_key=OuterRef("event_key"))
        found = Appeal.objects.for_user(self.request.user).select_related("deployment", "institution")
        return found.annotate(reviewed=Exists(mine))


@extend_schema(parameters=[OpenApiParameter("state", str, description="open, under_review, decided or overdue")])
class Appeals(_Scoped, generics.ListAPIView):
    """The queue, overdue ones first; POST contests a prediction of your site."""

    actions = {"GET": "appeal.view", "POST": "appeal.file"}

    def get_queryset(self):
        found = super().get_queryset()
        return AppealFilterForm(self.request.query_params).apply(found).queue(today())

    @extend_schema(request=AppealInput, responses={201: AppealOutput}, operation_id="appeal_file")
    def post(self, request: Request) -> Response:
        """Contest a prediction of your site."""
        given = AppealInput(data=request.data)
        actor = person(request)
        given.is_valid(raise_exception=True)
        data = dict(given.validated_data)
        rows = Deployment.objects.for_user(actor).select_related("version__model__federation", "approval")
        deployment = get_object_or_404(rows, id=data.pop("deployment"))
        made = appeals.appeal_file(deployment=deployment, actor=actor, **data)
        return Response(AppealOutput(made).data, status=201)


class AppealDetail(_Scoped, generics.RetrieveAPIView):
    """One appeal, and what became of it."""

    action_name = "appeal.view"


class _Change(_Scoped):
    def appeal(self) -> Appeal:
        return get_object_or_404(self.get_queryset(), id=self.kwargs["pk"])


class AppealTake(_Change):
    action_name = "appeal.decide"

    @extend_schema(request=None, responses=AppealOutput, operation_id="appeal_take")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take an appeal under review."""
        return Response(AppealOutput(appeals.appeal_take(appeal=self.appeal(), actor=person(request))).data)


class AppealDecision(_Change):
    action_name = "appeal.decide"

    @extend_schema(request=AppealDecisionInput, responses=AppealOutput, operation_id="appeal_decide")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Decide an appeal: the prediction is upheld or changed. A change is told to the monitor."""
        found, given = self.appeal(), AppealDecisionInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = appeals.appeal_decide(appeal=found, actor=person(request), **given.validated_data)
        return Response(AppealOutput(made).data)


class AppealWithdraw(_Change):
    action_name = "appeal.file"

    @extend_schema(request=ReasonInput, responses=AppealOutput, operation_id="appeal_withdraw")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Withdraw an appeal that is not decided."""
        found, given = self.appeal(), ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = appeals.appeal_withdraw(appeal=found, actor=person(request), **given.validated_data)
        return Response(AppealOutput(made).data)
