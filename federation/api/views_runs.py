"""What belongs to one run beside its state: the terms that are signed, and the overlays of the own site."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person
from core.errors import Conflict, Forbidden
from federation import overlays
from federation.api import serializers_pages as shapes
from federation.models import SiteOrder, TrainingRun
from federation.presentation import facts
from federation.presentation.overlays import drawn


def run_of(request: Request, run_id: uuid.UUID) -> TrainingRun:
    return get_object_or_404(TrainingRun.objects.for_user(request.user).select_related("federation"), id=run_id)


class RunTerms(APIView):
    action_name = "federation.view"

    @extend_schema(responses=shapes.TermsOutput, operation_id="run_terms")
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        """All that a signature covers, in full: read it before you consent."""
        run = run_of(request, run_id)
        told = {
            "run": run.id, "config_hash": run.config_hash, "terms": run.config.get("terms"),
            "data_digests": run.config["data_digests"],
            "consented": [{"term": term, "sentence": words} for term, words in facts.consent_words(run.config)],
        }  # fmt: skip
        return Response(shapes.TermsOutput(told).data)


_SITE = OpenApiParameter("site", OpenApiTypes.STR, description="Which of your sites, if you are of several.")


@extend_schema(parameters=[_SITE])
class RunOverlays(ListAPIView):
    """Held-out patients of your own site, with the outlines of truth and prediction; POST asks the site for them."""

    actions = {"GET": "federation.view", "POST": "consent.give"}
    may_answer = {"GET": (409,)}
    serializer_class = shapes.OverlayOutput

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return []
        run = run_of(self.request, self.kwargs["run_id"])
        own = overlays.own_site(run, person(self.request), self.request.query_params.get("site", ""))
        if own is None:
            raise Forbidden("Overlays are shown to people of the site that they come from; yours is not in this run.")
        order = overlays.latest_order(run, own)
        if order is None or order.state != SiteOrder.State.ANSWERED:
            state = "not asked yet; POST asks it" if order is None else f"{order.state}; ask again later"
            raise Conflict(f"Your site's worker has not answered: {state}.")
        return overlays.overlays_read(order)

    def paginate_queryset(self, queryset: Any) -> list[Any]:
        """Only what is shown is drawn."""
        return [drawn(overlay) for overlay in super().paginate_queryset(queryset) or ()]

    @extend_schema(
        parameters=[_SITE], request=None, responses={202: shapes.OverlayOrderOutput}, operation_id="run_overlays_ask"
    )
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Ask your site's worker. It answers if its configuration lets pictures out."""
        site = request.query_params.get("site", "")
        order = overlays.overlays_ask(run=run_of(request, run_id), actor=person(request), site=site)
        return Response(shapes.OverlayOrderOutput(order).data, status=202)
