from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.callers import given
from audits.predeployment import services
from audits.predeployment.api import serializers
from audits.predeployment.models import AuditRun
from models_registry.models import Version


class AuditsView(generics.ListAPIView):
    """Audits that the caller may see, newest first; POST starts one, quick unless it says otherwise."""

    actions = {"GET": "audit.view", "POST": "audit.start"}
    serializer_class = serializers.AuditOutput
    filters = serializers.AuditFilter
    queryset = AuditRun.objects.none()  # for the schema; get_queryset scopes to the caller

    def get_queryset(self):
        return AuditRun.objects.for_user(self.request.user)

    @extend_schema(request=serializers.AuditInput, responses={201: serializers.AuditOutput}, operation_id="audit_start")
    def post(self, request: Request) -> Response:
        """Start an audit of a version: every site is asked."""
        visible = Version.objects.for_user(request.user).select_related("model", "run")
        asked = given(serializers.AuditInput, request)
        version = get_object_or_404(visible, id=asked["version"])
        audit = services.audit_start(
            version=version, actor=request.user, tier=asked["tier"], risk_class=asked.get("risk_class"),
            chosen=asked.get("policy"),
        )  # fmt: skip
        return Response(serializers.AuditOutput(audit).data, status=status.HTTP_201_CREATED)


class AuditView(generics.RetrieveAPIView):
    """One audit with every check and its evidence."""

    action_name = "audit.view"
    serializer_class = serializers.AuditDetailOutput
    queryset = AuditRun.objects.none()

    def get_queryset(self):
        return AuditRun.objects.for_user(self.request.user).prefetch_related("checks")
