"""Decisions on the chain over the API: what an officer downloads to sign, and uploads signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework import status as http
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import Forbidden, NotFound
from provenance import decisions, officers, subjects
from provenance.api.serializers import (
    AddressInput,
    ChainDecisionOutput,
    DecisionsInput,
    KeyInput,
    KeyOutput,
    ProposeInput,
    RevokeInput,
    SignatureInput,
    SubjectInput,
    SubjectOutput,
)
from provenance.domain.decision import Verdict
from provenance.models_decisions import ChainDecision, OfficerKey


class DecidingApi(APIView):
    """Everybody who may see the ledger reads; who decides writes, with a key of their own."""

    actions = {"GET": "ledger.view", "POST": "approval.decide"}

    def person(self, request: Request) -> Any:
        """The signed-in person; a machine's key decides nothing."""
        if not hasattr(request.user, "officer_keys"):
            raise Forbidden("A person decides on the chain; an API key does not.")
        return request.user


def valid(kind: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


@extend_schema(parameters=[DecisionsInput])
class DecisionList(DecidingApi, ListAPIView):
    """Decisions on what you may see, newest first; with `object`, those on it."""

    serializer_class = ChainDecisionOutput
    queryset = ChainDecision.objects.none()

    def get_queryset(self):
        about = valid(DecisionsInput, self.request.query_params).get("object")
        found = subjects.decisions_for(self.request.user).prefetch_related("signatures")
        return found.filter(object_id=about) if about else found

    @extend_schema(request=ProposeInput, responses={201: ChainDecisionOutput}, operation_id="ledger_decision_open")
    def post(self, request: Request) -> Response:
        """Open a decision for signing. Administrators propose; ethics officers approve, halt, resume and revoke."""
        told = valid(ProposeInput, request.data)
        made = decisions.decision_propose(
            object_id=told["object"],
            content_digest=told.get("content_digest"),
            verdict=Verdict[told["verdict"].upper()],
            rationale=told["rationale"],
            actor=self.person(request),
            expires_in=timedelta(seconds=told["expires_in_s"]) if "expires_in_s" in told else decisions.USUAL,
        )
        return Response(ChainDecisionOutput(made).data, status=http.HTTP_201_CREATED)


class SubjectStanding(DecidingApi):
    may_answer = (404,)

    @extend_schema(parameters=[SubjectInput], responses=SubjectOutput, operation_id="ledger_decision_subject")
    def get(self, request: Request) -> Response:
        """Where an object stands on the chain, by the platform's mirror of it."""
        about = valid(SubjectInput, request.query_params)["object"]
        found = subjects.subject_for(object_id=about, user=request.user)
        if found is None:
            raise NotFound(f"Nothing of yours was approved under {about[:80]!r}, so nothing can be decided on it.")
        return Response(SubjectOutput(found).data)


class DecisionDetail(DecidingApi):
    @extend_schema(responses=ChainDecisionOutput, operation_id="ledger_decision")
    def get(self, request: Request, id: UUID) -> Response:
        """One decision, with who has signed it and what became of it."""
        return Response(ChainDecisionOutput(get_object_or_404(subjects.decisions_for(request.user), id=id)).data)


class DecisionTypedData(DecidingApi):
    actions = {"GET": "approval.decide"}

    @extend_schema(responses={200: dict}, operation_id="ledger_decision_typed_data")
    def get(self, request: Request, id: UUID) -> Response:
        """What to sign, for `python -m provenance.chain.officer sign`: EIP-712 typed data, and what it commits to."""
        decision = get_object_or_404(subjects.decisions_for(request.user), id=id)
        headers = {"Content-Disposition": f'attachment; filename="decision-{decision.id}.json"'}
        return Response(decisions.decision_download(decision), headers=headers)


class DecisionSignatures(DecidingApi):
    actions = {"POST": "approval.decide"}

    @extend_schema(request=SignatureInput, responses={201: ChainDecisionOutput}, operation_id="ledger_decision_sign")
    def post(self, request: Request, id: UUID) -> Response:
        """Add your signature of a decision. With the last one needed, the anchor worker carries it to the chain."""
        decision = get_object_or_404(subjects.decisions_for(request.user), id=id)
        signature = valid(SignatureInput, request.data)["signature"]
        decisions.decision_sign(decision=decision, signature=signature, actor=self.person(request))
        decision.refresh_from_db()
        return Response(ChainDecisionOutput(decision).data, status=http.HTTP_201_CREATED)


class OfficerKeyList(DecidingApi, ListAPIView):
    """Whose address is whose: the register that the chain's offices follow."""

    serializer_class = KeyOutput
    queryset = OfficerKey.objects.all()

    @extend_schema(request=KeyInput, responses={201: KeyOutput}, operation_id="ledger_officer_key_register")
    def post(self, request: Request) -> Response:
        """Register the address of your key, with the challenge signed by it."""
        told = valid(KeyInput, request.data)
        made = officers.officer_key_register(user=self.person(request), **told)
        return Response(KeyOutput(made).data, status=http.HTTP_201_CREATED)


class OfficerKeyChallenge(DecidingApi):
    actions = {"POST": "approval.decide"}

    @extend_schema(request=AddressInput, responses={200: dict}, operation_id="ledger_officer_key_challenge")
    def post(self, request: Request) -> Response:
        """The text that your key signs to show that you have it; good for a quarter hour."""
        told = valid(AddressInput, request.data)
        text = officers.officer_key_challenge(user=self.person(request), address=told["address"])
        return Response({"challenge": text})


class OfficerKeyRevoke(DecidingApi):
    actions = {"POST": "approval.decide"}

    @extend_schema(request=RevokeInput, responses=KeyOutput, operation_id="ledger_officer_key_revoke")
    def post(self, request: Request, id: UUID) -> Response:
        """Revoke a key: your own, or as an administrator one of your institution's. The chain soon follows."""
        key = get_object_or_404(OfficerKey, id=id)
        told = valid(RevokeInput, request.data)
        return Response(KeyOutput(officers.officer_key_revoke(key=key, actor=self.person(request), **told)).data)
