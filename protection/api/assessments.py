"""Impact assessments: begun, written, signed by another person."""

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
from accounts.reauthentication import reauthenticate
from models_registry.models import Model
from protection import assessments
from protection.assessment_pdf import pdf
from protection.domain.texts import missing, sections
from protection.models import ImpactAssessment
from protection.models_register import AssessmentQuerySet


class AssessmentOutput(serializers.ModelSerializer):
    """An edition. `digest` is over model, edition, sections and facts; it is empty until it is signed."""

    class Meta:
        model = ImpactAssessment
        fields = ["id", "model", "edition", "state", "revision", "created_at", "written_by", "signed_by", "signed_at",
                  "digest", "review_on"]  # fmt: skip


class AssessmentDetailOutput(AssessmentOutput):
    sections = serializers.DictField(child=serializers.CharField(allow_blank=True))
    missing = serializers.SerializerMethodField(help_text="Sections that are not written yet.")
    facts = serializers.SerializerMethodField(help_text="As signed; of a draft, as they are now.")

    class Meta(AssessmentOutput.Meta):
        fields = [*AssessmentOutput.Meta.fields, "sections", "missing", "facts"]

    def get_missing(self, row: ImpactAssessment) -> list[str]:
        return [section.key for section in missing(row.sections)]

    def get_facts(self, row: ImpactAssessment) -> dict[str, list[str]]:
        return assessments.facts_of(row)


class AssessmentFilter(serializers.Serializer):
    model = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=ImpactAssessment.State.choices, required=False)
    review_before = serializers.DateField(source="review_on__lt", required=False, help_text="Due before this day.")


class AssessmentInput(serializers.Serializer):
    model = serializers.UUIDField(help_text="Its new edition begins with the texts of the last one.")


class SectionsInput(serializers.Serializer):
    """The sections of a draft: all of them, as what is left out is emptied. An unfinished one is saved as it is."""

    revision = serializers.IntegerField(min_value=1, help_text="The one that you began from.")
    sections = serializers.DictField(
        child=serializers.CharField(max_length=assessments.MOST_TEXT, allow_blank=True),
        help_text=f"Of these: {', '.join(section.key for section in sections())}. Name nobody.",
    )

    def validate_sections(self, texts: dict[str, str]) -> dict[str, str]:
        known = [section.key for section in sections()]
        if unknown := sorted(set(texts) - set(known)):
            raise serializers.ValidationError(f"Expected some of {', '.join(known)}, got {unknown}.")
        return texts


class AssessmentSignatureInput(serializers.Serializer):
    revision = serializers.IntegerField(min_value=1, help_text="The one that you have read.")
    password = serializers.CharField(trim_whitespace=False, help_text="Yours, once more.")


class _Scoped(generics.GenericAPIView):
    queryset = ImpactAssessment.objects.all()
    serializer_class = AssessmentDetailOutput
    lookup_url_kwarg = "assessment_id"

    def get_queryset(self) -> AssessmentQuerySet:
        return ImpactAssessment.objects.for_user(self.request.user).select_related("model__federation")


class Assessments(_Scoped, generics.ListAPIView):
    """Editions of impact assessments, newest first."""

    actions = {"GET": "protection.view", "POST": "protection.edit"}
    serializer_class = AssessmentOutput  # type: ignore[assignment]
    filters = AssessmentFilter

    def get_queryset(self) -> Any:
        return ImpactAssessment.objects.for_user(self.request.user).order_by("-created_at")

    @extend_schema(request=AssessmentInput, responses={201: AssessmentDetailOutput}, operation_id="assessment_begin")
    def post(self, request: Request) -> Response:
        """Begin the next edition of a model's impact assessment (GDPR Art. 35)."""
        wanted = given(AssessmentInput, request)["model"]
        model = get_object_or_404(Model.objects.for_user(request.user), pk=wanted)
        made = assessments.assessment_begin(model=model, actor=person(request))
        return Response(AssessmentDetailOutput(made).data, status=201)


class AssessmentDetail(_Scoped, generics.RetrieveAPIView):
    """One edition: its sections, what is missing, and the facts of the platform."""

    actions = {"GET": "protection.view", "PUT": "protection.edit"}

    @extend_schema(request=SectionsInput, responses=AssessmentDetailOutput, operation_id="assessment_save")
    def put(self, request: Request, assessment_id: uuid.UUID) -> Response:
        """Save the sections of a draft. Who saves has written it, and does not sign it."""
        found, told = self.get_object(), given(SectionsInput, request)
        done = assessments.assessment_save(
            assessment=found, revision=told["revision"], texts=told["sections"], actor=person(request)
        )
        return Response(AssessmentDetailOutput(done).data)


class AssessmentSignature(_Scoped):
    action_name = "assessment.sign"
    may_answer = (429,)

    @extend_schema(
        request=AssessmentSignatureInput, responses={201: AssessmentDetailOutput}, operation_id="assessment_sign"
    )
    def post(self, request: Request, assessment_id: uuid.UUID) -> Response:
        """Sign a complete draft that somebody else wrote; with your password once more. It stays as it is."""
        found, told = self.get_object(), given(AssessmentSignatureInput, request)
        reauthenticate(request._request, person(request), told["password"])
        done = assessments.assessment_sign(assessment=found, revision=told["revision"], actor=person(request))
        return Response(AssessmentDetailOutput(done).data, status=201)


class AssessmentPdf(_Scoped):
    action_name = "protection.view"

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY}, operation_id="assessment_pdf")
    def get(self, request: Request, assessment_id: uuid.UUID) -> HttpResponse:
        """An edition as PDF, with its content as JSON attached."""
        return HttpResponse(pdf(self.get_object()), content_type="application/pdf")
