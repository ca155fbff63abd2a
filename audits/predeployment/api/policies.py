from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audits.predeployment import policies
from audits.predeployment.models import AuditPolicy, PolicyDecision
from models_registry.api.views import person
from models_registry.four_eyes import standing_of


class PolicyInput(serializers.Serializer):
    risk_class = serializers.ChoiceField(choices=AuditPolicy.RiskClass.choices)
    content = serializers.JSONField(help_text="checks: name -> decides, tiers, settings. As `GET` gives it.")
    justification = serializers.CharField(max_length=5000)


class PolicyFilter(serializers.Serializer):
    risk_class = serializers.ChoiceField(choices=AuditPolicy.RiskClass.choices, required=False)
    state = serializers.ChoiceField(choices=AuditPolicy.State.choices, required=False)


class PolicyDecisionInput(serializers.Serializer):
    decision = serializers.ChoiceField(choices=PolicyDecision.Decision.choices)
    reason = serializers.CharField(max_length=5000)


class PolicyWithdrawInput(serializers.Serializer):
    reason = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")


class PolicyDecisionOutput(serializers.ModelSerializer):
    class Meta:
        model = PolicyDecision
        fields = ["id", "created_at", "decided_by", "capacity", "institution", "decision", "reason", "content_digest"]


class PolicyOutput(serializers.ModelSerializer):
    decisions = PolicyDecisionOutput(many=True)
    missing = serializers.SerializerMethodField()

    class Meta:
        model = AuditPolicy
        fields = [
            "id", "created_at", "risk_class", "number", "state", "shipped", "content", "content_digest",
            "requested_by", "justification", "closed_at", "decisions", "missing",
        ]  # fmt: skip

    def get_missing(self, policy: AuditPolicy) -> list[str]:
        return standing_of(policy).missing if policy.state == AuditPolicy.State.UNDER_REVIEW else []


class Policies(generics.ListAPIView):
    """Policies of audits, newest first of each class of risk; POST proposes one."""

    actions = {"GET": "policy.view", "POST": "policy.propose"}
    serializer_class = PolicyOutput
    filters = PolicyFilter
    queryset = AuditPolicy.objects.none()  # for the schema; get_queryset scopes to the caller

    def get_queryset(self):
        return AuditPolicy.objects.for_user(self.request.user).prefetch_related("decisions")

    @extend_schema(request=PolicyInput, responses={201: PolicyOutput}, operation_id="policy_propose")
    def post(self, request: Request) -> Response:
        """Propose a policy. It holds once officers of two institutions and an administrator approve."""
        given = PolicyInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = policies.policy_propose(actor=person(request), **given.validated_data)
        return Response(PolicyOutput(made).data, status=201)


class PolicyDetail(generics.RetrieveAPIView):
    """One policy: its content, who decided, and what is missing."""

    action_name = "policy.view"
    serializer_class = PolicyOutput
    queryset = AuditPolicy.objects.none()

    def get_queryset(self):
        return AuditPolicy.objects.for_user(self.request.user).prefetch_related("decisions")


class PolicyDecisions(APIView):
    """Approve or reject a proposed policy, with a reason."""

    actions = {"POST": "policy.decide"}

    @extend_schema(request=PolicyDecisionInput, responses={201: PolicyDecisionOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        policy = get_object_or_404(AuditPolicy.objects.for_user(request.user), id=pk)
        given = PolicyDecisionInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = policies.policy_decide(policy=policy, actor=person(request), **given.validated_data)
        return Response(PolicyDecisionOutput(made).data, status=201)


class PolicyWithdraw(APIView):
    """Take a proposal back before it is decided."""

    actions = {"POST": "policy.propose"}

    @extend_schema(request=PolicyWithdrawInput, responses=PolicyOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        policy = get_object_or_404(AuditPolicy.objects.for_user(request.user), id=pk)
        given = PolicyWithdrawInput(data=request.data)
        given.is_valid(raise_exception=True)
        done = policies.policy_withdraw(policy=policy, actor=person(request), **given.validated_data)
        return Response(PolicyOutput(done).data)
