from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from interop.cards.exports import FORMS, exported
from models_registry.api.card_views import version_of


class CardExport(APIView):
    """An edition of a card as a file: PDF, HTML, Markdown, JSON, CHAI XML, CycloneDX, or the weights' signature."""

    action_name = "version.view"

    @extend_schema(
        parameters=[OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(FORMS))],
        responses={200: OpenApiTypes.BINARY},
    )
    def get(self, request: Request, version_id: uuid.UUID, edition: int, kind: str) -> HttpResponse:
        cards = version_of(request, version_id).cards.select_related("version__model__federation")
        return exported(get_object_or_404(cards, edition=edition), kind)
