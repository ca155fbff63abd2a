"""Requests of patients about their data, as officers of their own hospital handle them."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.callers import given, person
from accounts.api.serializers import ReceiptOutput
from accounts.erasure import Ground
from accounts.models import Institution, User
from models_registry.models import Deployment
from protection import requests
from protection import subject_export as exports
from protection.forms import STEPS, steps_for
from protection.models import SubjectRequest
from protection.models_requests import RequestQuerySet, RequestStep

NO_STORE = {"Cache-Control": "no-store"}


class RequestStepOutput(serializers.ModelSerializer):
    """What was done, and why. It never changes."""

    class Meta:
        model = RequestStep
        fields = ["id", "created_at", "step", "text", "author"]


class SubjectRequestOutput(serializers.ModelSerializer):
    """A request names nobody: `reference` is the hospital's own number of the matter."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    overdue = serializers.BooleanField()

    class Meta:
        model = SubjectRequest
        fields = ["id", "created_at", "institution", "kind", "reference", "received_on", "due_on", "overdue",
                  "extended", "state", "recorded_by", "appeal", "receipt", "ended_at"]  # fmt: skip


class SubjectRequestDetailOutput(SubjectRequestOutput):
    patient = serializers.SerializerMethodField(
        help_text="The number that the hospital sends for the patient: for its own officers, while it is kept."
    )
    steps = RequestStepOutput(many=True)
    next_steps = serializers.SerializerMethodField(help_text="What its state and kind allow now.")

    class Meta(SubjectRequestOutput.Meta):
        fields = [*SubjectRequestOutput.Meta.fields, "patient", "steps", "next_steps"]

    def get_patient(self, row: SubjectRequest) -> str | None:
        user = self.context["request"].user
        mine = isinstance(user, User) and requests.handles(row, user)
        return str(row.patient) if mine and row.patient else None

    def get_next_steps(self, row: SubjectRequest) -> list[str]:
        return steps_for(row)


class SubjectRequestFilter(serializers.Serializer):
    open = serializers.BooleanField(source="ended_at__isnull", required=False, help_text="Not ended.")
    state = serializers.ChoiceField(choices=SubjectRequest.State.choices, required=False)
    kind = serializers.ChoiceField(choices=SubjectRequest.Kind.choices, required=False)
    institution = serializers.SlugField(source="institution__slug", required=False, help_text="Of which hospital.")
    due_before = serializers.DateField(source="due_on__lt", required=False, help_text="To be answered before this day.")


class SubjectRequestInput(serializers.Serializer):
    institution = serializers.SlugRelatedField(
        slug_field="slug", queryset=Institution.objects.all(), help_text="The hospital, yours."
    )
    kind = serializers.ChoiceField(choices=SubjectRequest.Kind.choices, help_text="What is asked.")
    reference = serializers.CharField(max_length=60, help_text="Your own number of the matter. No name.")
    patient = serializers.CharField(
        max_length=200, trim_whitespace=False, help_text="The number, as your systems send it. It is kept sealed while "
        "the request is open, and never written to the ledger.",
    )  # fmt: skip
    received_on = serializers.DateField(help_text="The month runs from this day.")
    text = serializers.CharField(
        max_length=5000, default="", allow_blank=True, help_text="What is asked, in short. Name nobody."
    )


class StepInput(serializers.Serializer):
    step = serializers.ChoiceField(choices=list(STEPS.items()), help_text="One of `next_steps`.")
    text = serializers.CharField(max_length=5000, help_text="What was done, and why. Name nobody.")


class ObjectionInput(serializers.Serializer):
    deployment = serializers.UUIDField()
    event_key = serializers.CharField(max_length=200, help_text="The name of the case, as your systems sent it.")
    text = serializers.CharField(max_length=5000, help_text="What the person says against it. Name nobody.")


class GrantedErasureInput(serializers.Serializer):
    ground = serializers.ChoiceField(Ground.choices, help_text="Of GDPR Art. 17(1). It is written to the ledger.")
    confirm = serializers.CharField(
        max_length=200, trim_whitespace=False, help_text="The patient's number. What is erased cannot come back."
    )


_STEPS = {
    "confirm": requests.identity_confirm, "fulfil": requests.request_fulfil, "grant": requests.erasure_grant,
    "extend": requests.deadline_extend, "refuse": requests.request_refuse, "withdraw": requests.request_withdraw,
    "lift": requests.restriction_lift,
}  # fmt: skip


class _Scoped(generics.GenericAPIView):
    queryset = SubjectRequest.objects.all()
    serializer_class: Any = SubjectRequestDetailOutput
    lookup_url_kwarg = "request_id"

    def get_queryset(self) -> RequestQuerySet:
        return SubjectRequest.objects.for_user(self.request.user).select_related("institution")

    def shown(self, row: SubjectRequest, status: int = 201) -> Response:
        found = self.get_queryset().get(pk=row.pk)
        told = SubjectRequestDetailOutput(found, context={"request": self.request}).data
        return Response(told, status=status, headers=NO_STORE)


class SubjectRequests(_Scoped, generics.ListAPIView):
    """Patients' requests, those that are due first."""

    actions = {"GET": "subject.view", "POST": "subject.handle"}
    serializer_class = SubjectRequestOutput
    filters = SubjectRequestFilter
    sealed_by = ("recorded_by_id",)

    @extend_schema(
        request=SubjectRequestInput, responses={201: SubjectRequestDetailOutput}, operation_id="subject_request_record"
    )
    def post(self, request: Request) -> Response:
        """Enter a request that came in (GDPR Art. 15 to 22)."""
        return self.shown(requests.request_record(actor=person(request), **given(SubjectRequestInput, request)))


class SubjectRequestDetail(_Scoped, generics.RetrieveAPIView):
    """One request, and each step of it."""

    action_name = "subject.view"


class SubjectSteps(_Scoped):
    action_name = "subject.handle"

    @extend_schema(request=StepInput, responses={201: SubjectRequestDetailOutput}, operation_id="subject_step")
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Take a request one step on."""
        found, told = self.get_object(), given(StepInput, request)
        return self.shown(_STEPS[told["step"]](request=found, text=told["text"], actor=person(request)))


class SubjectObjection(_Scoped):
    action_name = "subject.handle"

    @extend_schema(request=ObjectionInput, responses={201: SubjectRequestDetailOutput}, operation_id="subject_object")
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """File an objection as an appeal: somebody else decides (Art. 22(3))."""
        found, told = self.get_object(), given(ObjectionInput, request)
        deployment = get_object_or_404(Deployment.objects.for_user(request.user), pk=told.pop("deployment"))
        done = requests.objection_file(request=found, deployment=deployment, actor=person(request), **told)
        return self.shown(done)


class SubjectErasure(_Scoped):
    action_name = "people.erase"

    @extend_schema(request=GrantedErasureInput, responses={201: ReceiptOutput}, operation_id="subject_erase")
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Carry out an erasure that the hospital granted. The receipt is in this answer alone."""
        found, told = self.get_object(), given(GrantedErasureInput, request)
        receipt = requests.erasure_carry_out(request=found, actor=person(request), **told)
        return Response(ReceiptOutput(receipt).data, status=201, headers=NO_STORE)


class SubjectJson(_Scoped):
    action_name = "subject.handle"
    may_answer = (409,)

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT}, operation_id="subject_json")
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Everything about the patient, for the patient. The reading is recorded."""
        found = self.get_object()
        content = exports.export(found, person(request))
        _noted(found, "json", request)
        return Response(content, headers=NO_STORE)


class SubjectPdf(_Scoped):
    action_name = "subject.handle"
    may_answer = (409,)

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY}, operation_id="subject_pdf")
    def get(self, request: Request, request_id: uuid.UUID) -> HttpResponse:
        """The same as PDF. The reading is recorded."""
        found = self.get_object()
        data = exports.pdf(exports.export(found, person(request)))
        _noted(found, "pdf", request)
        return HttpResponse(data, content_type="application/pdf", headers=NO_STORE)


def _noted(found: SubjectRequest, form: str, request: Request) -> None:
    if found.is_open:
        requests.exported(request=found, form=form, actor=person(request))
