"""Emergency access: asked for, confirmed by another, ended, judged."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import emergency
from accounts.api.callers import given, person
from accounts.models import EmergencyAccess, Institution
from accounts.reauthentication import reauthenticate
from core.errors import Forbidden


class EmergencyOutput(serializers.ModelSerializer):
    """Rights that two people lend for an hour. Until `confirm_until` another person may confirm."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    is_waiting = serializers.BooleanField(help_text="Somebody may still confirm it.")
    is_on = serializers.BooleanField(help_text="Its rights are lent now.")
    review_overdue = serializers.BooleanField()

    class Meta:
        model = EmergencyAccess
        fields = ["id", "created_at", "requested_by", "institution", "reason", "confirm_until", "confirmed_by",
                  "confirmed_at", "is_waiting", "is_on", "ends_at", "ended_at", "review_due_on", "review_overdue",
                  "reviewed_by", "reviewed_at", "verdict", "review"]  # fmt: skip


class EmergencyFilter(serializers.Serializer):
    institution = serializers.SlugField(source="institution__slug", required=False, help_text="Of which institution.")
    unjudged = serializers.BooleanField(source="reviewed_at__isnull", required=False, help_text="Not judged yet.")


class EmergencyInput(serializers.Serializer):
    institution = serializers.SlugRelatedField(
        slug_field="slug", queryset=Institution.objects.all(), help_text="Yours, that it is for."
    )
    reason = serializers.CharField(
        min_length=emergency.MIN_REASON, max_length=2000, help_text="What happens, what harm threatens, and why no "
        "ethics officer can be reached. No patient's name.",
    )  # fmt: skip
    password = serializers.CharField(
        trim_whitespace=False, default="", allow_blank=True, help_text="Yours, once more, if you have one here."
    )


class EmergencyReviewInput(serializers.Serializer):
    verdict = serializers.ChoiceField(choices=EmergencyAccess.Verdict.choices)
    review = serializers.CharField(min_length=emergency.MIN_REASON, max_length=2000, help_text="Your judgement.")


class Emergencies(generics.ListAPIView):
    """Emergency accesses that the caller may see, newest first."""

    actions = {"GET": "emergency.view", "POST": "emergency.request"}
    may_answer = {"POST": (429,)}
    queryset = EmergencyAccess.objects.none()
    serializer_class = EmergencyOutput
    filters = EmergencyFilter
    sealed_by = ("requested_by_id", "reviewed_by_id")

    def get_queryset(self) -> Any:
        return emergency.visible_to(person(self.request))

    @extend_schema(request=EmergencyInput, responses={201: EmergencyOutput}, operation_id="emergency_request")
    def post(self, request: Request) -> Response:
        """Ask for the rights, with your password once more. They are lent to this session when another confirms."""
        actor = person(request)
        if not actor.institution_ids:
            raise Forbidden("Emergency access is asked for by a member of the institution that it is for.")
        told = given(EmergencyInput, request)
        reauthenticate(request._request, actor, told.pop("password"))
        made = emergency.emergency_request(actor=actor, session=request._request.session, **told)
        return Response(EmergencyOutput(made).data, status=201)


class EmergencyConfirmation(APIView):
    action_name = "emergency.confirm"

    @extend_schema(request=None, responses=EmergencyOutput, operation_id="emergency_confirm")
    def post(self, request: Request, access_id: uuid.UUID) -> Response:
        """Confirm what another asked for, within ten minutes: from now on the rights are lent, for an hour."""
        return Response(
            EmergencyOutput(emergency.emergency_confirm(actor=person(request), access_id=access_id)).data
        )  # fmt: skip


class EmergencyEnd(APIView):
    action_name = "emergency.view"

    @extend_schema(request=None, responses=EmergencyOutput, operation_id="emergency_end")
    def post(self, request: Request, access_id: uuid.UUID) -> Response:
        """End it before the hour is over, or take the request back."""
        return Response(EmergencyOutput(emergency.emergency_end(actor=person(request), access_id=access_id)).data)


class EmergencyJudgement(APIView):
    action_name = "emergency.review"

    @extend_schema(request=EmergencyReviewInput, responses={201: EmergencyOutput}, operation_id="emergency_review")
    def post(self, request: Request, access_id: uuid.UUID) -> Response:
        """Say afterwards whether it was right: by somebody who neither asked nor confirmed."""
        told = given(EmergencyReviewInput, request)
        done = emergency.emergency_review(actor=person(request), access_id=access_id, **told)
        return Response(EmergencyOutput(done).data, status=201)
