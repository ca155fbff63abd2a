"""The register of breaches: facts, the duties that follow, answers to these, and the end."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.callers import given, person
from accounts.models import Institution
from audits.runtime.models import Incident
from core.errors import ApplicationError
from protection import breaches
from protection.domain.duties import duty_book
from protection.models import Breach, BreachRecord
from protection.models_breaches import BreachQuerySet
from protection.register import houses_of


class DutyOutput(serializers.Serializer):
    """What the law asks for. What is not known does not stop a duty; a person's answer comes first."""

    key = serializers.CharField(source="duty.key")
    title = serializers.CharField(source="duty.title")
    article = serializers.CharField(source="duty.article")
    state = serializers.CharField(help_text="applies, undetermined, does_not_apply, notified or not_notified")
    due = serializers.DateTimeField()
    running = serializers.BooleanField()
    overdue = serializers.BooleanField()
    late = serializers.BooleanField(help_text="Met after its time.")
    why = serializers.CharField(allow_blank=True, help_text="Why it does not apply.")


class BreachRecordOutput(serializers.ModelSerializer):
    """An answer to a duty, or a remark. It never changes."""

    class Meta:
        model = BreachRecord
        fields = ["id", "created_at", "duty", "answer", "done_at", "text", "author"]


class BreachOutput(serializers.ModelSerializer):
    """A breach with its duties, those that run first."""

    institution = serializers.SlugRelatedField(slug_field="slug", read_only=True, allow_null=True)  # type: ignore[var-annotated]
    duties = serializers.SerializerMethodField()

    class Meta:
        model = Breach
        fields = ["id", "created_at", "institution", "incident", "aware_at", "nature", "persons", "personal_data",
                  "risk", "high_risk", "phi", "processor", "recorded_by", "revision", "closed_at", "closed_by",
                  "duties"]  # fmt: skip

    @extend_schema_field(DutyOutput(many=True))
    def get_duties(self, breach: Breach) -> list[dict[str, Any]]:
        return DutyOutput(breaches.duties_of(breach), many=True).data  # type: ignore[return-value]


class BreachDetailOutput(BreachOutput):
    records = BreachRecordOutput(many=True)

    class Meta(BreachOutput.Meta):
        fields = [*BreachOutput.Meta.fields, "records"]


class BreachFilter(serializers.Serializer):
    open = serializers.BooleanField(source="closed_at__isnull", required=False, help_text="Not closed.")
    institution = serializers.SlugField(source="institution__slug", required=False, help_text="Whose breaches.")
    since = serializers.DateTimeField(source="aware_at__gte", required=False, help_text="Known at this time or later.")


def _known(words: str) -> serializers.BooleanField:
    return serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text=f"{words} Null: not known yet."
    )


class FactsInput(serializers.Serializer):
    """All facts, as they are known now."""

    aware_at = serializers.DateTimeField(help_text="Aware since then; the clocks run from here.")
    persons = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=10_000_000,
        help_text="How many are concerned, about. Null: not known yet.",
    )  # fmt: skip
    personal_data = _known("Personal data are concerned (GDPR).")
    risk = _known("There is a risk to the persons' rights and freedoms.")
    high_risk = _known("That risk is high.")
    phi = _known("Unsecured protected health information is concerned (HIPAA).")
    processor = serializers.BooleanField(default=False, help_text="We process the data for a controller.")


class FactsChangeInput(FactsInput):
    revision = serializers.IntegerField(min_value=1, help_text="The one that you began from.")


class BreachInput(FactsInput):
    institution = serializers.SlugRelatedField(
        slug_field="slug", queryset=Institution.objects.all(), default=None, allow_null=True,
        help_text="Whose breach, one of yours; null: the platform's.",
    )  # fmt: skip
    incident = serializers.UUIDField(default=None, allow_null=True, help_text="That it came to light with.")
    nature = serializers.CharField(
        max_length=5000, help_text="What happened, to which kinds of data, how it was found. Name no patient."
    )


class AnswerInput(serializers.Serializer):
    answer = serializers.ChoiceField(choices=BreachRecord.Answer.choices)
    duty = serializers.ChoiceField(
        choices=[(one.key, one.key) for one in duty_book().clocks], required=False, allow_blank=True, default="",
        help_text="Its key; empty for a remark.",
    )  # fmt: skip
    done_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Of a notification: when it was made."
    )
    text = serializers.CharField(
        max_length=5000, help_text="To whom, under which reference; or why nobody is told. Name no patient."
    )


class _Scoped(generics.GenericAPIView):
    queryset = Breach.objects.all()
    serializer_class: Any = BreachDetailOutput
    lookup_url_kwarg = "breach_id"

    def get_queryset(self) -> BreachQuerySet:
        rows = Breach.objects.for_user(self.request.user)
        return rows.select_related("institution").prefetch_related("records")

    def shown(self, breach: Breach, status: int = 200) -> Response:
        return Response(BreachDetailOutput(self.get_queryset().get(pk=breach.pk)).data, status=status)


class Breaches(_Scoped, generics.ListAPIView):
    """Breaches of personal data, newest first."""

    actions = {"GET": "protection.view", "POST": "protection.edit"}
    serializer_class = BreachOutput
    filters = BreachFilter
    sealed_by = ("recorded_by_id",)

    @extend_schema(request=BreachInput, responses={201: BreachDetailOutput}, operation_id="breach_open")
    def post(self, request: Request) -> Response:
        """Enter a breach in the register; its clocks run from the moment of awareness."""
        told = given(BreachInput, request)
        if told["institution"] not in houses_of(request.user):
            raise ApplicationError("Expected an institution of yours, or null if you belong to the platform itself.")
        wanted = told.pop("incident")
        incident = get_object_or_404(Incident.objects.for_user(request.user), pk=wanted) if wanted else None
        return self.shown(breaches.breach_open(incident=incident, actor=person(request), **told), 201)


class BreachDetail(_Scoped, generics.RetrieveAPIView):
    """One breach: facts, duties with their clocks, and what was answered."""

    actions = {"GET": "protection.view", "PUT": "protection.edit"}

    @extend_schema(request=FactsChangeInput, responses=BreachDetailOutput, operation_id="breach_facts")
    def put(self, request: Request, breach_id: uuid.UUID) -> Response:
        """Correct or complete the facts; the duties follow from them."""
        found, told = self.get_object(), given(FactsChangeInput, request)
        return self.shown(breaches.breach_facts(breach=found, actor=person(request), **told))


class BreachAnswers(_Scoped):
    action_name = "protection.edit"

    @extend_schema(request=AnswerInput, responses={201: BreachDetailOutput}, operation_id="breach_answer")
    def post(self, request: Request, breach_id: uuid.UUID) -> Response:
        """Record that somebody was notified, that it was decided not to, or a remark."""
        found = self.get_object()
        breaches.breach_answer(breach=found, actor=person(request), **given(AnswerInput, request))
        return self.shown(found, 201)


class BreachClosing(_Scoped):
    action_name = "protection.edit"

    @extend_schema(request=None, responses=BreachDetailOutput, operation_id="breach_close")
    def post(self, request: Request, breach_id: uuid.UUID) -> Response:
        """Close a breach of which every duty was answered. It stays on the register."""
        return self.shown(breaches.breach_close(breach=self.get_object(), actor=person(request)))
