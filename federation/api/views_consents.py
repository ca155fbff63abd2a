from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from federation import agreements, consents
from federation.api import serializers_consents as serializers
from federation.api.views import _person as person_of
from federation.api.views import _validated as validated
from federation.models import Federation, FederationAgreement, Reconsideration, TrainingRun
from federation.own import own_participant
from federation.presentation.consents import answers_of


class RunConsents(APIView):
    """A signer's answer for the own institution, to exactly this configuration."""

    action_name = "consent.sign"

    @extend_schema(request=serializers.ConsentInput, responses={201: serializers.ConsentOutput})
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        run = get_object_or_404(TrainingRun.objects.for_user(request.user).select_related("federation"), id=run_id)
        given, person = validated(serializers.ConsentInput, request), person_of(request)
        own = own_participant(run.federation, person, "consent.sign", site=given.pop("site"))
        consents.consent_decide(run=run, participant=own, actor=person, **given)
        run.refresh_from_db()
        answer = next(a for a in answers_of(run) if a.participant.id == own.id)
        return Response(serializers.ConsentOutput(answer).data, status=201)


class Reconsiderations(ListAPIView):
    """Decisions to retrain or retire: those that wait first, by their day."""

    action_name = "federation.view"
    serializer_class = serializers.ReconsiderationOutput
    filters = serializers.ReconsiderationFilter
    queryset = Reconsideration.objects.none()

    def get_queryset(self):
        found = Reconsideration.objects.for_user(self.request.user).select_related("participant")
        return found.order_by("-decided_at", "due_at")  # PostgreSQL puts what is not decided first


class ReconsiderationDecision(APIView):
    """Retrain or retire, with reasons; once."""

    action_name = "retrain.decide"

    @extend_schema(request=serializers.ReconsiderationInput, responses=serializers.ReconsiderationOutput)
    def post(self, request: Request, matter_id: uuid.UUID) -> Response:
        person = person_of(request)
        matter = get_object_or_404(Reconsideration.objects.for_user(person), id=matter_id)
        given = validated(serializers.ReconsiderationInput, request)
        decided = consents.reconsideration_decide(matter=matter, actor=person, **given)
        return Response(serializers.ReconsiderationOutput(decided).data)


class Agreements(ListAPIView):
    """The agreements of a federation's institutions, the newest first; POST records one, which replaces the last."""

    actions = {"GET": "federation.view", "POST": "federation.manage"}
    serializer_class = serializers.AgreementOutput
    filters = serializers.AgreementFilter
    queryset = FederationAgreement.objects.none()

    def get_queryset(self):
        found = FederationAgreement.objects.filter(participant__federation=self._federation())
        return found.select_related("participant").order_by("-signed_on", "-created_at")

    @extend_schema(request=serializers.AgreementInput, responses={201: serializers.AgreementOutput})
    def post(self, request: Request, federation_id: uuid.UUID) -> Response:
        """Record what an institution has signed."""
        found, person = self._federation(), person_of(request)
        given = validated(serializers.AgreementInput, request)
        participant = get_object_or_404(found.participants.all(), site=given.pop("site"))
        recorded = agreements.agreement_record(participant=participant, actor=person, **given)
        return Response(serializers.AgreementOutput(recorded).data, status=201)

    def _federation(self) -> Federation:
        return get_object_or_404(Federation.objects.for_user(self.request.user), id=self.kwargs["federation_id"])
