from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person
from accounts.api.permissions import MayPerform
from accounts.reauthentication import reauthenticate
from models_registry import services
from models_registry.api import serializers
from models_registry.approval_views import site_of
from models_registry.approvals import acting_of
from models_registry.delegations import stands_in
from models_registry.models import ApprovalComment, ApprovalRequest, Deployment, Model, Version
from models_registry.signatures import Signed, statement_for


class Scoped(generics.GenericAPIView):
    """Rows of the caller's institutions."""

    rows: Any = None

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return self.rows.model.objects.none()
        return self.rows.filter(id__in=self.rows.model.objects.for_user(self.request.user).values("id"))


class Models(Scoped, generics.ListAPIView):
    """Models within your reach, by name."""

    action_name = "model.view"
    serializer_class = serializers.ModelOutput
    filters = serializers.ModelFilter
    rows = Model.objects.order_by("name")


class ModelDetail(Scoped, generics.RetrieveAPIView):
    """One model and what it is intended for."""

    action_name = "model.view"
    serializer_class = serializers.ModelOutput
    rows = Model.objects.all()


class Versions(Scoped, generics.ListAPIView):
    """Versions of models, newest first: each comes from a finished run."""

    action_name = "version.view"
    serializer_class = serializers.VersionOutput
    filters = serializers.RunFilter
    rows = Version.objects.select_related("model").order_by("-created_at")


class VersionDetail(Scoped, generics.RetrieveAPIView):
    """One version: configuration, newest audit evidence, card in short, and what may be requested."""

    action_name = "version.view"
    serializer_class = serializers.VersionDetailOutput
    rows = Version.objects.select_related("model__federation")


class Approvals(Scoped, generics.ListAPIView):
    """Requests for approval, newest first; POST makes one."""

    actions = {"GET": "approval.view", "POST": "approval.request"}
    serializer_class = serializers.ApprovalOutput
    filters = serializers.ApprovalFilter
    rows = ApprovalRequest.objects.select_related("version").prefetch_related("decisions").order_by("-created_at")

    @extend_schema(request=serializers.ApprovalInput, responses={201: serializers.ApprovalOutput})
    def post(self, request: Request) -> Response:
        given = serializers.ApprovalInput(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        scoped = Version.objects.for_user(request.user).select_related("model__federation")
        version = get_object_or_404(scoped, id=wanted.pop("version"))
        made = services.approval_request(version=version, actor=person(request), **wanted)
        return Response(serializers.ApprovalOutput(made).data, status=201)


class MayPerformOrStandIn(MayPerform):
    """As the matrix says, and whoever stands in for an officer now."""

    def has_permission(self, request, view) -> bool:
        return super().has_permission(request, view) or stands_in(request.user)


class ApprovalDetail(Scoped, generics.RetrieveAPIView):
    """One request: what it binds, who decided, and what is missing."""

    action_name = "approval.view"
    permission_classes = [MayPerformOrStandIn]
    serializer_class = serializers.ApprovalOutput
    rows = ApprovalRequest.objects.select_related("version").prefetch_related("decisions")


def _approval(request: Request, approval_id: uuid.UUID) -> ApprovalRequest:
    scoped = ApprovalRequest.objects.for_user(request.user).select_related("version__model__federation")
    return get_object_or_404(scoped, id=approval_id)


class Statements(APIView):
    """The statement that you sign for a decision. Nothing is recorded."""

    actions = {"POST": "approval.decide"}
    permission_classes = [MayPerformOrStandIn]

    @extend_schema(request=serializers.StatementInput, responses=serializers.StatementOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        approval, actor = _approval(request, pk), person(request)
        given = serializers.StatementInput(data=request.data)
        given.is_valid(raise_exception=True)
        acting = acting_of(approval, actor)
        text, salt = statement_for(request=approval, actor=actor, acting=acting, **given.validated_data)
        return Response({"statement": text, "salt": salt})


class Decisions(APIView):
    """Decide, with your password once more; signed, if you have registered a key."""

    may_answer = (429,)
    actions = {"POST": "approval.decide"}
    permission_classes = [MayPerformOrStandIn]

    @extend_schema(request=serializers.DecisionInput, responses={201: serializers.DecisionOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        approval, actor = _approval(request, pk), person(request)
        given = serializers.DecisionInput(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        reauthenticate(request._request, actor, wanted.pop("password"))
        told = wanted.pop("signature", None)
        signed = Signed(**told, site=site_of(request._request)) if told else None
        made = services.approval_decide(request=approval, actor=actor, signed=signed, **wanted)
        return Response(serializers.DecisionOutput(made).data, status=201)


class Comments(generics.ListAPIView):
    """What was said about a request, oldest first; POST adds to it."""

    actions = {"GET": "approval.view", "POST": "approval.view"}
    permission_classes = [MayPerformOrStandIn]
    serializer_class = serializers.CommentOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return ApprovalComment.objects.none()
        return _approval(self.request, self.kwargs["pk"]).comments.all()

    @extend_schema(request=serializers.CommentInput, responses={201: serializers.CommentOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        approval = _approval(request, pk)
        given = serializers.CommentInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.approval_comment(request=approval, text=given.validated_data["text"], actor=person(request))
        return Response(serializers.CommentOutput(made).data, status=201)


class Withdraw(APIView):
    """Take a request back before it is decided."""

    actions = {"POST": "approval.request"}

    @extend_schema(request=serializers.WithdrawInput, responses=serializers.ApprovalOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        approval = _approval(request, pk)
        given = serializers.WithdrawInput(data=request.data)
        given.is_valid(raise_exception=True)
        done = services.approval_withdraw(request=approval, actor=person(request), **given.validated_data)
        return Response(serializers.ApprovalOutput(done).data)


class Deployments(Scoped, generics.ListAPIView):
    """Deployments within your reach, newest first; POST deploys an approved version."""

    actions = {"GET": "deployment.view", "POST": "deployment.create"}
    serializer_class = serializers.DeploymentOutput
    filters = serializers.DeploymentFilter
    rows = Deployment.objects.order_by("-created_at")

    @extend_schema(request=serializers.DeploymentInput, responses={201: serializers.DeploymentOutput})
    def post(self, request: Request) -> Response:
        given = serializers.DeploymentInput(data=request.data)
        given.is_valid(raise_exception=True)
        approval = _approval(request, given.validated_data["approval_request"])
        made = services.deployment_create(request=approval, name=given.validated_data["name"], actor=person(request))
        return Response(serializers.DeploymentOutput(made).data, status=201)


class DeploymentDetail(Scoped, generics.RetrieveAPIView):
    """One deployment and the policy that was approved for it."""

    action_name = "deployment.view"
    serializer_class = serializers.DeploymentOutput
    rows = Deployment.objects.all()
