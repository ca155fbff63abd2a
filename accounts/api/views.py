"""Who asks, who is on the platform, what machines may, and what is erased."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import erasure, factors, keys, people
from accounts.api import serializers
from accounts.api.authentication import Machine
from accounts.api.callers import given, person
from accounts.api.permissions import SignedIn
from accounts.models import ApiKey
from core.roles import MATRIX

_NO_STORE = {"Cache-Control": "no-store"}


class Caller(APIView):
    permission_classes = [SignedIn]

    @extend_schema(responses=serializers.CallerOutput, operation_id="me")
    def get(self, request: Request) -> Response:
        """Who you are to the platform, and what you may do."""
        caller: Any = request.user
        machine = isinstance(caller, Machine)
        told = {
            "id": caller.pk,
            "kind": "machine" if machine else "person",
            "name": str(caller),
            "memberships": [] if machine else caller.memberships.filter(is_active=True).select_related("institution"),
            "sees_all": caller.sees_all,
            "actions": [action for action in sorted(MATRIX) if caller.may(action)],
        }
        return Response(serializers.CallerOutput(told).data)


class People(ListAPIView):
    """Who is on the platform, as far as you may see, by name."""

    action_name = "people.view"
    serializer_class = serializers.PersonOutput

    def get_queryset(self) -> Any:
        return [] if getattr(self, "swagger_fake_view", False) else people.listed(person(self.request))


class PersonErasure(APIView):
    action_name = "people.erase"

    @extend_schema(
        request=serializers.ErasureInput, responses={201: serializers.ReceiptOutput}, operation_id="person_erase"
    )
    def post(self, request: Request, user_id: uuid.UUID) -> Response:
        """Erase a person (GDPR Art. 17). Nobody can bring it back; the receipt is in this answer alone."""
        actor = person(request)
        subject = get_object_or_404(people.people_for(actor), pk=user_id)
        receipt = erasure.subject_erase(subject=subject, actor=actor, **given(serializers.ErasureInput, request))
        return Response(serializers.ReceiptOutput(receipt).data, status=201, headers=_NO_STORE)


class PatientErasure(APIView):
    action_name = "people.erase"

    @extend_schema(
        request=serializers.PatientErasureInput, responses={201: serializers.ReceiptOutput},
        operation_id="patient_erase",
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Erase a patient. The number is neither stored nor written to the ledger."""
        actor, told = person(request), given(serializers.PatientErasureInput, request)
        institution = erasure.hospital_named(told.pop("institution"), actor)
        receipt = erasure.patient_erase(actor=actor, institution=institution, **told)
        return Response(serializers.ReceiptOutput(receipt).data, status=201, headers=_NO_STORE)


class Keys(ListAPIView):
    """Keys of machines, newest first; POST issues one."""

    actions = {"GET": "key.manage", "POST": "key.manage"}
    serializer_class = serializers.MachineKeyOutput
    filters = serializers.KeyFilter
    queryset = ApiKey.objects.none()

    def get_queryset(self) -> Any:
        return keys.keys_for(person(self.request))

    @extend_schema(
        request=serializers.MachineKeyInput, responses={201: serializers.NewMachineKeyOutput}, operation_id="key_issue"
    )
    def post(self, request: Request) -> Response:
        """Issue a key. Its secret is in this answer and kept nowhere."""
        told, actor = given(serializers.MachineKeyInput, request), person(request)
        institution = get_object_or_404(keys.institutions_of(actor), id=told.pop("institution"))
        made, secret = keys.key_issue(actor=actor, institution=institution, **told)
        shown = serializers.NewMachineKeyOutput(made, context={"secret": secret})
        return Response(shown.data, status=201, headers=_NO_STORE)


class KeyRevoke(APIView):
    action_name = "key.manage"

    @extend_schema(request=None, responses=serializers.MachineKeyOutput, operation_id="key_revoke")
    def post(self, request: Request, key_id: uuid.UUID) -> Response:
        """End a key at once: no request is answered with it any more."""
        return Response(serializers.MachineKeyOutput(keys.key_revoke(actor=person(request), key_id=key_id)).data)


class FactorResetRequest(APIView):
    action_name = "factor.reset"

    @extend_schema(
        request=serializers.ResetInput, responses={201: serializers.ResetOutput}, operation_id="factor_reset"
    )
    def post(self, request: Request, user_id: uuid.UUID) -> Response:
        """Ask that somebody's second factor is reset, who lost the device. Another administrator grants it."""
        actor = person(request)
        user = get_object_or_404(people.people_for(actor), pk=user_id)
        made = factors.reset_request(user=user, actor=actor, **given(serializers.ResetInput, request))
        return Response(serializers.ResetOutput(made).data, status=201)


class FactorResetGrant(APIView):
    action_name = "factor.reset"

    @extend_schema(request=None, responses=serializers.ResetOutput, operation_id="factor_reset_grant")
    def post(self, request: Request, reset_id: uuid.UUID) -> Response:
        """Grant what another administrator asked for: the person is signed out everywhere."""
        return Response(
            serializers.ResetOutput(factors.reset_grant(reset_id=reset_id, actor=person(request))).data
        )  # fmt: skip
