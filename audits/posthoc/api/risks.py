"""The register of risks. `PUT` sends the whole risk with the `revision` that was read; a stale one is refused."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.callers import given, person
from accounts.models import User
from audits.posthoc import risks as register
from audits.posthoc.forms_controls import RiskForm
from audits.posthoc.models import Risk

_FIELDS = RiskForm.Meta.fields


class RiskFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=Risk.State.choices, required=False)
    version = serializers.UUIDField(required=False)
    owner = serializers.UUIDField(required=False)
    due_before = serializers.DateField(source="review_on__lt", required=False, help_text="Next review before this day.")


class RiskOutput(serializers.ModelSerializer):
    level_before = serializers.CharField()
    level_after = serializers.CharField(allow_null=True)
    controls = serializers.ListField(child=serializers.CharField())
    checks = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Risk
        fields = ["id", "created_at", "version", "hazard", "situation", "harm", "severity_before", "probability_before",
                  "level_before", "measures", "severity_after", "probability_after", "level_after", "controls",
                  "checks", "state", "rationale", "owner", "review_on", "revision"]  # fmt: skip
        read_only_fields = fields


class RiskInput(serializers.ModelSerializer):
    """`controls` are `framework:control`; `checks` are names of checks of an audit."""

    state = serializers.ChoiceField(choices=Risk.State.choices, default=Risk.State.OPEN)
    controls = serializers.ListField(child=serializers.CharField(max_length=120), required=False, default=list)
    checks = serializers.ListField(child=serializers.CharField(max_length=80), required=False, default=list)

    class Meta:
        model = Risk
        fields = list(_FIELDS)


class RiskEditInput(RiskInput):
    revision = serializers.IntegerField(min_value=1, max_value=2**31 - 1, help_text="The one that you read.")

    class Meta(RiskInput.Meta):
        fields = [*_FIELDS, "revision"]


class RiskNewInput(RiskInput):
    suggestion = serializers.UUIDField(
        required=False, help_text="`result` of a suggestion; it is then suggested no more."
    )

    class Meta(RiskInput.Meta):
        fields = [*_FIELDS, "suggestion"]


class SuggestionOutput(serializers.Serializer):
    """A failed or inconclusive check that no risk answers, and what a risk about it could begin with."""

    result = serializers.UUIDField(source="result.id")
    check_id = serializers.CharField(source="result.check_id")
    verdict = serializers.CharField(source="result.verdict")
    begin_with = serializers.SerializerMethodField()

    def get_begin_with(self, one: register.Suggestion) -> dict[str, Any]:
        return one.initial()


class _Scoped(generics.GenericAPIView):
    queryset = Risk.objects.none()
    serializer_class = RiskOutput
    lookup_url_kwarg = "risk_id"

    def get_queryset(self):
        return register.risks_for(self.request.user) if self.request.user.is_authenticated else self.queryset


class Risks(_Scoped, generics.ListAPIView):
    """The register of risks, the next review first."""

    actions = {"GET": "control.view", "POST": "risk.edit"}
    filters = RiskFilter

    @extend_schema(request=RiskNewInput, responses={201: RiskOutput}, operation_id="risk_add")
    def post(self, request: Request) -> Response:
        """Put a risk on the register."""
        told, actor = given(RiskNewInput, request), person(request)
        asked = told.pop("suggestion", None)
        seed = register.suggestion(actor, asked) if asked else None
        if asked and seed is None:
            raise ValidationError({"suggestion": ["Expected the `result` of a suggestion that is still open."]})
        made = register.risk_save(
            risk=None, actor=actor, revision=0, suggested_by=seed.result.id if seed else None, **_judged(told, actor)
        )
        return Response(RiskOutput(made).data, status=201)


class RiskDetail(_Scoped, generics.RetrieveAPIView):
    """One risk, before and after its measures."""

    actions = {"GET": "control.view", "PUT": "risk.edit"}

    @extend_schema(request=RiskEditInput, responses=RiskOutput, operation_id="risk_edit")
    def put(self, request: Request, risk_id: uuid.UUID) -> Response:
        """Change a risk. 409: somebody else has saved it since the revision that you send."""
        found, told, actor = self.get_object(), given(RiskEditInput, request), person(request)
        revision = told.pop("revision")
        saved = register.risk_save(risk=found, actor=actor, revision=revision, **_judged(told, actor))
        return Response(RiskOutput(get_object_or_404(self.get_queryset(), id=saved.id)).data)


class RiskSuggestions(generics.ListAPIView):
    """What failed or was inconclusive in the newest audits, and stands on the register of no risk yet."""

    action_name = "control.view"
    serializer_class = SuggestionOutput

    def get_queryset(self):
        return [] if getattr(self, "swagger_fake_view", False) else register.suggestions(self.request.user)  # type: ignore[arg-type]


def _judged(told: dict[str, Any], actor: User) -> dict[str, Any]:
    """As the page's form judges: which versions, owners, controls and checks there are, how far off a review may be.

    Raises
    ------
    ValidationError
        If the form would not take it.
    """
    sent = {name: getattr(value, "pk", value) for name, value in told.items()}
    form = RiskForm({**sent, "revision": 0}, user=actor)
    if not form.is_valid():
        raise ValidationError({name: [str(one) for one in found] for name, found in form.errors.items()})
    return {name: value for name, value in form.cleaned_data.items() if name != "revision"}
