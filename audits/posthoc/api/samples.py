"""External auditors' samples: drawn, found upon item by item, closed."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from audits.downloads import download_recorded
from audits.posthoc import samples
from audits.posthoc.models import AuditSample, SampleItem
from audits.posthoc.models_samples import AuditSampleQuerySet
from audits.posthoc.sample_items import told_of
from core import artefacts
from core.errors import Conflict


class SampleFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=AuditSample.State.choices, required=False)
    kind = serializers.ChoiceField(choices=AuditSample.Kind.choices, required=False)


class SampleInput(serializers.Serializer):
    """What is drawn from, how many, and the auditor's part of the seed."""

    kind = serializers.ChoiceField(choices=AuditSample.Kind.choices, help_text="What is drawn from.")
    wanted = serializers.IntegerField(
        min_value=1, max_value=samples.MOST_ITEMS, help_text="How many items; each stratum gives at least one."
    )
    start = serializers.DateField(required=False, allow_null=True, default=None, help_text="Of decisions: first day.")
    end = serializers.DateField(required=False, allow_null=True, default=None, help_text="Of decisions: last day.")
    words = serializers.CharField(max_length=200, help_text="A part of the seed: dice, a newspaper's headline.")


class RateOutput(serializers.Serializer):
    """The share of the population that conforms, with its exact interval."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    assessed = serializers.IntegerField()


class StratumOutput(serializers.Serializer):
    name = serializers.CharField()
    population = serializers.IntegerField(help_text="Items that could be drawn.")
    assessed = serializers.IntegerField()
    conform = serializers.IntegerField()


class SampleOutput(serializers.ModelSerializer):
    """With `seed` and the population, whose SHA-256 is `population_digest`, anybody can draw again."""

    seed = serializers.SerializerMethodField(help_text="SHA-256 of words, nonce and population.")
    rate = serializers.SerializerMethodField(help_text="Of a closed sample of which anything could be assessed.")

    class Meta:
        model = AuditSample
        fields = ["id", "created_at", "kind", "auditor", "period_start", "period_end", "words", "nonce", "seed",
                  "population_digest", "state", "closed_at", "rate"]  # fmt: skip

    def get_seed(self, row: AuditSample) -> str:
        return samples.seed(row)

    @extend_schema_field(RateOutput(allow_null=True))
    def get_rate(self, row: AuditSample) -> dict[str, Any] | None:
        found = samples.rate_of(row)
        return None if found is None else RateOutput(found).data


class SampleDetailOutput(SampleOutput):
    strata = serializers.SerializerMethodField()
    left = serializers.SerializerMethodField(help_text="Items without a finding.")

    class Meta(SampleOutput.Meta):
        fields = [*SampleOutput.Meta.fields, "strata", "left"]

    @extend_schema_field(StratumOutput(many=True))
    def get_strata(self, row: AuditSample) -> list[dict[str, Any]]:
        return StratumOutput(samples.strata_of(row, row.items.all()), many=True).data  # type: ignore[return-value]

    def get_left(self, row: AuditSample) -> int:
        return sum(not item.finding for item in row.items.all())


class SampleItemOutput(serializers.ModelSerializer):
    """`finding` is empty until the auditor has looked; `evidence_digest` is the SHA-256 of a file that was brought."""

    class Meta:
        model = SampleItem
        fields = ["id", "number", "stratum", "ref", "title", "finding", "text", "evidence_name", "evidence_digest",
                  "found_by", "found_at"]  # fmt: skip


class ToldOutput(serializers.Serializer):
    term = serializers.CharField()
    value = serializers.CharField()


class ShownItemOutput(SampleItemOutput):
    told = serializers.SerializerMethodField(help_text="What is on record about it; empty: it is no longer there.")

    class Meta(SampleItemOutput.Meta):
        fields = [*SampleItemOutput.Meta.fields, "told"]

    @extend_schema_field(ToldOutput(many=True))
    def get_told(self, item: SampleItem) -> list[dict[str, str]]:
        found = self.context["told"].get(item.ref, [])
        return [ToldOutput({"term": term, "value": value}).data for term, value in found]


class ItemFilter(serializers.Serializer):
    finding = serializers.ChoiceField(choices=SampleItem.Finding.choices, required=False)
    stratum = serializers.CharField(max_length=120, required=False)


class ItemFindingInput(serializers.Serializer):
    finding = serializers.ChoiceField(choices=SampleItem.Finding.choices)
    text = serializers.CharField(max_length=4000, help_text="What you looked at, and what you saw.")
    file = serializers.FileField(required=False, help_text="That shows it: PDF, PNG, JPEG, TXT, CSV or JSON.")


class _Scoped(generics.GenericAPIView):
    queryset = AuditSample.objects.all()
    serializer_class: Any = SampleDetailOutput
    lookup_url_kwarg = "sample_id"

    def get_queryset(self) -> AuditSampleQuerySet:
        return AuditSample.objects.for_user(self.request.user).prefetch_related("items")


class Samples(_Scoped, generics.ListAPIView):
    """Samples that the caller may see, newest first."""

    actions = {"GET": "sample.view", "POST": "sample.work"}
    serializer_class = SampleOutput
    filters = SampleFilter

    @extend_schema(request=SampleInput, responses={201: SampleDetailOutput}, operation_id="sample_draw")
    def post(self, request: Request) -> Response:
        """Draw a sample. It is kept with its seed and population before anybody looks."""
        made = samples.sample_draw(**given(SampleInput, request), actor=person(request))
        return Response(SampleDetailOutput(made).data, status=201)


class SampleDetail(_Scoped, generics.RetrieveAPIView):
    """One sample: its seed, strata, and the rate once it is closed."""

    action_name = "sample.view"


class SampleItems(generics.ListAPIView):
    """Items in the order of the draw, with what the platform has on record about each."""

    action_name = "sample.view"
    queryset = SampleItem.objects.none()
    serializer_class = ShownItemOutput
    filters = ItemFilter
    sealed_by = ("found_by_id",)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        sample = get_object_or_404(AuditSample.objects.for_user(request.user), pk=kwargs["sample_id"])
        items = self.paginate_queryset(self.filter_queryset(sample.items.all()))
        context = {**self.get_serializer_context(), "told": told_of(sample, items or [])}
        return self.get_paginated_response(ShownItemOutput(items, many=True, context=context).data)


class SampleClosing(_Scoped):
    action_name = "sample.work"

    @extend_schema(request=None, responses=SampleDetailOutput, operation_id="sample_close")
    def post(self, request: Request, sample_id: uuid.UUID) -> Response:
        """Close a sample that has a finding for every item. Its rate stands from then on."""
        samples.sample_close(sample=self.get_object(), actor=person(request))
        return Response(SampleDetailOutput(self.get_object()).data)


class _Item(APIView):
    def found(self, request: Request, item_id: uuid.UUID) -> SampleItem:
        seen = AuditSample.objects.for_user(request.user)
        return get_object_or_404(SampleItem.objects.filter(sample__in=seen).select_related("sample"), pk=item_id)


class SampleFinding(_Item):
    action_name = "sample.work"
    parser_classes = [MultiPartParser]

    @extend_schema(request=ItemFindingInput, responses={201: SampleItemOutput}, operation_id="sample_find")
    def post(self, request: Request, item_id: uuid.UUID) -> Response:
        """Record what was found about an item, once."""
        item, told = self.found(request, item_id), given(ItemFindingInput, request)
        file = told.pop("file", None)
        done = samples.item_find(
            item=item, actor=person(request), name=file.name if file else "", data=file.read() if file else b"", **told
        )
        return Response(SampleItemOutput(done).data, status=201)


class SampleFile(_Item):
    action_name = "sample.view"
    may_answer = (409,)

    @extend_schema(responses={200: OpenApiTypes.BINARY}, operation_id="sample_file")
    def get(self, request: Request, item_id: uuid.UUID) -> HttpResponse:
        """The file that shows a finding, as the auditor brought it. The reading is recorded."""
        item = self.found(request, item_id)
        if not item.evidence_digest:
            raise Conflict("No file was brought with this finding.")
        try:
            made = artefacts.get(item.evidence_digest)
        except artefacts.ArtefactError as error:
            raise Conflict(f"The file does not fit the ledger: {error}") from error
        data = download_recorded(subject=item.id, kind="finding", data=made, reader=request.user)
        headers = {"Content-Disposition": f'attachment; filename="{item.evidence_name}"'}
        return HttpResponse(data, content_type="application/octet-stream", headers=headers)
