from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import asked, person
from models_registry import services
from models_registry.api import serializers
from models_registry.card_difference import changes_between
from models_registry.card_drafts import drafts_of
from models_registry.models import Card, Version


class Cards(generics.ListAPIView):
    """The editions of a version's card, newest first; POST writes a new one."""

    actions = {"GET": "version.view", "POST": "card.edit"}
    serializer_class = serializers.CardOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Card.objects.none()
        return version_of(self.request, self.kwargs["version_id"]).cards.order_by("-edition")

    @extend_schema(request=serializers.CardInput, responses={201: serializers.CardOutput})
    def post(self, request: Request, version_id: uuid.UUID) -> Response:
        given = serializers.CardInput(data=request.data)
        given.is_valid(raise_exception=True)
        card = services.card_edit(
            version=version_of(request, version_id), actor=person(request), **given.validated_data
        )  # fmt: skip
        return Response(serializers.CardOutput(card).data, status=201)


class CardDrafts(APIView):
    """Texts that the platform suggests, from what was measured; nothing is saved."""

    action_name = "card.edit"

    @extend_schema(responses=serializers.DraftsOutput)
    def get(self, request: Request, version_id: uuid.UUID) -> Response:
        return Response({"drafts": drafts_of(version_of(request, version_id))})


class CardDetail(APIView):
    """One edition of a card."""

    action_name = "version.view"

    @extend_schema(responses=serializers.CardOutput, operation_id="card")
    def get(self, request: Request, version_id: uuid.UUID, edition: int) -> Response:
        found = get_object_or_404(version_of(request, version_id).cards, edition=edition)
        return Response(serializers.CardOutput(found).data)


@extend_schema(parameters=[serializers.ChangesFilter])
class CardChanges(generics.ListAPIView):
    """What changed from one edition to another."""

    action_name = "version.view"
    serializer_class = serializers.ChangeOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return []
        version = version_of(self.request, self.kwargs["version_id"])
        told = asked(serializers.ChangesFilter, self.request)
        before, after = (get_object_or_404(version.cards, edition=told[name]) for name in ("before", "after"))
        return list(changes_between(before.content, after.content))


class CardPublication(APIView):
    """POST shows an edition to everybody, DELETE takes the public one back."""

    actions = {"POST": "card.publish", "DELETE": "card.publish"}

    @extend_schema(request=None, responses={201: serializers.PublicationOutput})
    def post(self, request: Request, version_id: uuid.UUID, edition: int) -> Response:
        cards = version_of(request, version_id).cards.select_related("version")
        made = services.card_publish(card=get_object_or_404(cards, edition=edition), actor=person(request))
        return Response(serializers.PublicationOutput(made).data, status=201)

    @extend_schema(request=None, responses=serializers.PublicationOutput)
    def delete(self, request: Request, version_id: uuid.UUID, edition: int) -> Response:
        live = version_of(request, version_id).publications.filter(withdrawn_at=None, card__edition=edition)
        done = services.card_unpublish(publication=get_object_or_404(live), actor=person(request))
        return Response(serializers.PublicationOutput(done).data)


def version_of(request: Request, version_id: uuid.UUID) -> Version:
    scoped = Version.objects.for_user(request.user).select_related("model__federation")
    return get_object_or_404(scoped, id=version_id)
