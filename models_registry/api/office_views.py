"""The office of whoever decides: their keys, and who stands in for them."""

from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person
from accounts.models import User
from accounts.reauthentication import reauthenticate
from models_registry import signatures
from models_registry.api import serializers
from models_registry.api.views import MayPerformOrStandIn
from models_registry.delegations import concerning, delegate, delegation_revoke
from models_registry.models import Delegation, ReviewerKey


class Keys(generics.ListAPIView):
    """Your keys; POST registers one of the signing program."""

    may_answer = {"POST": (429,)}
    actions = {"GET": "key.hold", "POST": "key.hold"}
    permission_classes = [MayPerformOrStandIn]
    serializer_class = serializers.ReviewerKeyOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return ReviewerKey.objects.none()
        return ReviewerKey.objects.filter(user=person(self.request))

    @extend_schema(request=serializers.ReviewerKeyInput, responses={201: serializers.ReviewerKeyOutput})
    def post(self, request: Request) -> Response:
        given = serializers.ReviewerKeyInput(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        reauthenticate(request._request, person(request), wanted.pop("password"))
        made = signatures.key_register(user=person(request), **wanted)
        return Response(serializers.ReviewerKeyOutput(made).data, status=201)


class KeyChallenge(APIView):
    """What a key signs to show that you have it."""

    actions = {"POST": "key.hold"}
    permission_classes = [MayPerformOrStandIn]

    @extend_schema(request=serializers.ReviewerKeyChallengeInput, responses=serializers.ReviewerKeyChallengeOutput)
    def post(self, request: Request) -> Response:
        given = serializers.ReviewerKeyChallengeInput(data=request.data)
        given.is_valid(raise_exception=True)
        return Response({"text": signatures.key_challenge(user=person(request), **given.validated_data)})


class KeyRevoke(APIView):
    """Revoke one of your keys: nothing is signed with it any more."""

    actions = {"POST": "key.hold"}
    permission_classes = [MayPerformOrStandIn]

    @extend_schema(request=None, responses=serializers.ReviewerKeyOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        key = get_object_or_404(ReviewerKey, id=pk, user=person(request))
        return Response(serializers.ReviewerKeyOutput(signatures.key_revoke(key=key, actor=person(request))).data)


class Delegations(generics.ListAPIView):
    """Those that you gave; POST lets a colleague decide in your place."""

    actions = {"GET": "approval.delegate", "POST": "approval.delegate"}
    serializer_class = serializers.DelegationOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Delegation.objects.none()
        return concerning(person(self.request))

    @extend_schema(request=serializers.DelegationInput, responses={201: serializers.DelegationOutput})
    def post(self, request: Request) -> Response:
        given = serializers.DelegationInput(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        deputy = get_object_or_404(User, id=wanted.pop("deputy"), memberships__institution__in=_mine(request))
        made = delegate(officer=person(request), deputy=deputy, **wanted)
        return Response(serializers.DelegationOutput(made).data, status=201)


class DelegationEnd(APIView):
    """End a delegation before its day."""

    actions = {"POST": "approval.delegate"}

    @extend_schema(request=None, responses=serializers.DelegationOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        found = get_object_or_404(Delegation, id=pk, officer=person(request))
        return Response(serializers.DelegationOutput(delegation_revoke(delegation=found, actor=person(request))).data)


def _mine(request: Request) -> frozenset[uuid.UUID]:
    return person(request).institution_ids
