from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.views import APIView

from interop.api.serializers import PublicCardDetailOutput, PublicCardFilter, PublicCardOutput
from interop.cards.exports import FORMS, exported
from interop.cards.public import proof_of
from interop.controls.exports import TYPES
from interop.controls.exports import exported as controls_exported
from interop.limits import PublicThrottle
from models_registry.api.card_views import version_of
from models_registry.models import CardPublication


class CardExport(APIView):
    """An edition of a card as a file: PDF, HTML, Markdown, JSON, CHAI XML, CycloneDX, or the weights' signature."""

    action_name = "version.view"

    @extend_schema(
        parameters=[OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(FORMS))],
        responses={(200, "*/*"): OpenApiTypes.BINARY},
        operation_id="card_export",
    )
    def get(self, request: Request, version_id: uuid.UUID, edition: int, kind: str) -> HttpResponse:
        """An edition of a card as a file."""
        cards = version_of(request, version_id).cards.select_related("version__model__federation")
        return exported(get_object_or_404(cards, edition=edition), kind)


class ControlsExport(APIView):
    action_name = "control.view"

    @extend_schema(
        parameters=[OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(TYPES))],
        responses={(200, "*/*"): OpenApiTypes.BINARY},
        operation_id="controls_export",
    )
    def get(self, request: Request, key: str, kind: str) -> HttpResponse:
        """One framework, or `all`, with its evidence coverage: XLSX for people, OSCAL for programs."""
        return controls_exported(key, kind)


class _Public(GenericAPIView):
    """For everybody: no sign-in and no session, but counted."""

    authentication_classes: list = []
    permission_classes: list = []
    throttle_classes = [PublicThrottle]
    may_answer: tuple[int, ...] = (429,)
    serializer_class = PublicCardOutput
    queryset = CardPublication.objects.filter(withdrawn_at=None).select_related("version__model", "card")


class PublicCards(_Public, ListAPIView):
    """Published cards, by the name of the model."""

    filters = PublicCardFilter

    def get_queryset(self):
        return self.queryset.order_by("version__model__name", "-created_at")


class PublicCard(_Public, RetrieveAPIView):
    """One published card with its whole content."""

    serializer_class = PublicCardDetailOutput
    lookup_url_kwarg = "publication_id"


class PublicCardProof(_Public):
    may_answer = (409, 429)
    lookup_url_kwarg = "publication_id"

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, operation_id="public_card_proof")
    def get(self, request: Request, publication_id: uuid.UUID) -> HttpResponse:
        """The evidence that the ledger knows this card; the verifier checks it without us."""
        return proof_of(self.get_object(), publication_id)
