from __future__ import annotations

import uuid

from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audits.runtime import gateway, reinstating, services, withdrawing
from audits.runtime.api import serializers
from audits.runtime.api.bodies import TooLarge
from audits.runtime.models import DeploymentCounter, Halt, MonitorState, Reinstatement
from audits.runtime.row_proofs import prediction_prove
from core import artefacts
from core.errors import ApplicationError
from models_registry.models import Deployment

_KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="makes a retry harmless")


class _OfDeployment(APIView):
    def deployment(self) -> Deployment:
        found = Deployment.objects.for_user(self.request.user).select_related("version__model__federation", "approval")
        return get_object_or_404(found, id=self.kwargs["deployment_id"])


class _Batch(_OfDeployment):
    """Reads the body itself: a general parser would cost more than storing the rows."""

    def body(self) -> bytes:
        try:
            return self.request._request.body
        except RequestDataTooBig:
            raise TooLarge("The request is larger than this service reads at once; send fewer records.") from None


class PredictionsView(_Batch):
    may_answer = (422, 423, 503)
    action_name = "prediction.request"

    @extend_schema(
        request=serializers.PredictionsInput, responses=serializers.PredictionsOutput, parameters=[_KEY],
        operation_id="predictions_create",
    )  # fmt: skip
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """Have cases predicted. Served means committed: a halted deployment answers 423 and serves nothing."""
        return Response(
            gateway.predictions_create(
                deployment=self.deployment(), caller=request.user, body=self.body(),
                idempotency_key=request.headers.get("Idempotency-Key"),
            )
        )  # fmt: skip


class PredictionProofView(_OfDeployment):
    action_name = "deployment.view"

    @extend_schema(responses=serializers.PredictionProofOutput, operation_id="prediction_proof")
    def get(self, request: Request, deployment_id: uuid.UUID, event_key: str) -> Response:
        """Prove one prediction of your site against the ledger. The reading is recorded."""
        deployment = self.deployment()
        proved = prediction_prove(deployment=deployment, event_key=event_key, caller=request.user)
        return Response(serializers.PredictionProofOutput(proved).data)


class MonitorView(_OfDeployment):
    action_name = "deployment.view"

    @extend_schema(responses=serializers.MonitorOutput, operation_id="monitor_retrieve")
    def get(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """What the monitor has found up to now."""
        deployment = self.deployment()
        monitor = MonitorState.objects.filter(deployment=deployment).first() or MonitorState(deployment=deployment)
        counter = DeploymentCounter.objects.filter(deployment=deployment).first() or DeploymentCounter()
        return Response(
            serializers.MonitorOutput(
                {
                    "deployment": deployment.id,
                    "state": deployment.state,
                    "position": monitor.position,
                    "outcomes": counter.outcomes,
                    "predictions": counter.predictions,
                    "amber": monitor.amber,
                    "updated_at": monitor.updated_at,
                    "summary": monitor.summary,
                }
            ).data
        )


class HaltView(_OfDeployment):
    action_name = "deployment.halt"

    @extend_schema(request=serializers.HaltInput, responses={201: serializers.HaltOutput}, operation_id="halt_create")
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """Halt a deployment at once, everywhere or at one site. A halt opens an incident."""
        given = serializers.HaltInput(data=request.data)
        given.is_valid(raise_exception=True)
        halt = services.deployment_halt(
            deployment=self.deployment(),
            **given.validated_data,
            actor=request.user,  # type: ignore[arg-type]
        )
        return Response(serializers.HaltOutput(halt).data, status=201)


class HaltsView(_OfDeployment, ListAPIView):
    """The halts of a deployment with the votes to reinstate it, newest first."""

    action_name = "deployment.view"
    serializer_class = serializers.HaltOutput
    filters = serializers.HaltFilter

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Halt.objects.none()
        return Halt.objects.filter(deployment=self.deployment()).prefetch_related("reinstatements")


class ReinstatementsView(_OfDeployment):
    action_name = "deployment.reinstate"

    @extend_schema(
        request=serializers.VoteInput, responses={201: serializers.VoteOutput}, operation_id="reinstatement_create"
    )
    def post(self, request: Request, deployment_id: uuid.UUID) -> Response:
        """Vote to reinstate. The first vote brings evidence; two officers of two institutions close the halt."""
        given = serializers.VoteInput(data=request.data)
        given.is_valid(raise_exception=True)
        told, actor = given.validated_data, request.user
        halt = services.halt_voted_on(self.deployment(), told.get("halt"))
        services.check_voter(halt=halt, actor=actor)  # type: ignore[arg-type]
        evidence = reinstating.evidence_given(halt, told)
        vote = services.reinstatement_vote(halt=halt, reason=told["reason"], actor=actor, evidence=evidence)  # type: ignore[arg-type]
        return Response(serializers.VoteOutput(vote).data, status=201)


class VoteWithdrawView(_OfDeployment):
    action_name = "deployment.reinstate"

    @extend_schema(
        request=serializers.ReasonInput, responses=serializers.VoteOutput, operation_id="reinstatement_withdraw"
    )
    def post(self, request: Request, deployment_id: uuid.UUID, vote_id: uuid.UUID) -> Response:
        """Take back a vote before the halt is closed; it stays on record and counts no more."""
        given = serializers.ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        vote = withdrawing.vote_of(self.deployment(), vote_id)
        vote = withdrawing.vote_withdraw(vote=vote, reason=given.validated_data["reason"], actor=request.user)  # type: ignore[arg-type]
        return Response(serializers.VoteOutput(vote).data)


class VoteEvidenceView(APIView):
    action_name = "deployment.view"

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, operation_id="vote_evidence")
    def get(self, request: Request, vote_id: uuid.UUID) -> HttpResponse:
        """The document that a vote names, as it was brought, checked against its digest."""
        halts = Halt.objects.for_user(request.user)
        vote = get_object_or_404(Reinstatement, id=vote_id, halt__in=halts, evidence_kind="document")
        try:
            data = artefacts.get(vote.evidence_digest)
        except artefacts.ArtefactError as error:
            raise ApplicationError(f"The document cannot be shown: {error}.") from error
        headers = {"Content-Disposition": f'attachment; filename="evidence-{vote.evidence_digest[:12]}"'}
        return HttpResponse(data, content_type="application/octet-stream", headers=headers)
