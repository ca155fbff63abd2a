from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Institution, User
from core.errors import Forbidden
from federation import quantum_admission, quantum_orders
from federation.api import serializers_quantum as serializers
from federation.api.serializers_pages import LimitInput, UseOutput
from federation.models import DeviceConsent, QuantumJob, TrainingRun
from federation.own import own_participant
from federation.presentation.quantum import device_rows, usage_rows
from federation.quantum_estimate import Order


class QuantumDevices(ListAPIView):
    """Every device: what it can, what is missing here, and its newest measured health."""

    action_name = "quantum.view"
    serializer_class = serializers.DeviceOutput

    def get_queryset(self):
        return [] if getattr(self, "swagger_fake_view", False) else list(device_rows(self.request.user))  # type: ignore[arg-type]


class QuantumLimits(ListAPIView):
    """Use and limits of this month; POST sets the limits of an institution, or of the platform."""

    actions = {"GET": "quantum.view", "POST": "quantum.order"}
    serializer_class = UseOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return []
        user: Any = self.request.user
        return [_use(whose, used) for whose, used in usage_rows(user)]

    @extend_schema(request=LimitInput, responses={201: UseOutput}, operation_id="quantum_limit")
    def post(self, request: Request) -> Response:
        """Set the limits of the month. They hold for what is ordered already, too."""
        told, actor = _validated(LimitInput, request), _person(request)
        asked = told.pop("institution")
        institution = get_object_or_404(Institution, id=asked) if asked else None
        quantum_orders.quantum_limit_set(institution=institution, actor=actor, **told)
        used = quantum_admission.used_this_month(institution)
        return Response(UseOutput(_use(str(institution or "The platform"), used)).data, status=201)


def _use(whose: str, used: quantum_admission.Used) -> dict[str, Any]:
    return {"whose": whose, **{name: getattr(used, name) for name in ("shots", "cost", "shots_limit", "cost_limit")}}


class QuantumEstimates(APIView):
    """What an order would take, and whether it would be refused. Nothing is ordered."""

    action_name = "quantum.order"

    @extend_schema(request=serializers.QuantumOrderInput, responses=serializers.QuantumEstimateOutput)
    def post(self, request: Request) -> Response:
        person = _person(request)
        preview = quantum_orders.quantum_preview(order=_order(request), actor=person)
        return Response(serializers.QuantumEstimateOutput(preview).data)


class QuantumJobs(ListAPIView):
    """Runs on devices, the newest first; POST orders one."""

    actions = {"GET": "quantum.view", "POST": "quantum.order"}
    serializer_class = serializers.QuantumJobOutput
    filters = serializers.QuantumJobFilter
    queryset = QuantumJob.objects.none()

    def get_queryset(self):
        found = QuantumJob.objects.for_user(self.request.user)
        return found.select_related("participant").prefetch_related("tasks").order_by("-created_at")

    @extend_schema(request=serializers.QuantumOrderInput, responses={201: serializers.QuantumJobOutput})
    def post(self, request: Request) -> Response:
        person = _person(request)
        job = quantum_orders.quantum_order(order=_order(request), actor=person)
        return Response(serializers.QuantumJobOutput(job).data, status=201)


class QuantumJobDetail(APIView):
    """One run on a device: order, estimate, state, result."""

    action_name = "quantum.view"

    @extend_schema(responses=serializers.QuantumJobOutput)
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        return Response(serializers.QuantumJobOutput(_job(request, job_id)).data)


class _Control(APIView):
    action_name = "quantum.order"
    service: Callable[..., QuantumJob]

    @extend_schema(request=None, responses=serializers.QuantumJobOutput)
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        changed = type(self).service(job=_job(request, job_id), actor=_person(request))
        return Response(serializers.QuantumJobOutput(changed).data)


class QuantumJobCancel(_Control):
    """Cancel an open run, here and at the provider."""

    service = staticmethod(quantum_orders.quantum_cancel)


class QuantumJobLook(_Control):
    """Ask the provider now where the tasks stand, or what became of those that were cancelled."""

    service = staticmethod(quantum_orders.quantum_look)


class QuantumJobRetry(_Control):
    """Order a failed or cancelled run again; answers with the new one."""

    service = staticmethod(quantum_orders.quantum_retry)


class QuantumConsents(ListAPIView):
    """Answers of sites to cloud devices, the newest first; POST answers for the caller's own site."""

    actions = {"GET": "quantum.view", "POST": "consent.give"}
    serializer_class = serializers.DeviceConsentOutput
    filters = serializers.DeviceConsentFilter
    queryset = DeviceConsent.objects.none()

    def get_queryset(self):
        user: Any = self.request.user
        found = DeviceConsent.objects.filter(run__in=TrainingRun.objects.for_user(user))
        if not user.sees_all:
            found = found.filter(participant__institution__in=user.institution_ids)
        return found.select_related("participant").order_by("-created_at")

    @extend_schema(request=serializers.DeviceConsentInput, responses={201: serializers.DeviceConsentOutput})
    def post(self, request: Request) -> Response:
        person, given = _person(request), _validated(serializers.DeviceConsentInput, request)
        run = get_object_or_404(TrainingRun.objects.for_user(person), id=given.pop("run"))
        own = own_participant(run.federation, person, "consent.give", site=given.pop("site"))
        consent = quantum_orders.device_consent_decide(run=run, participant=own, actor=person, **given)
        return Response(serializers.DeviceConsentOutput(consent).data, status=201)


def _order(request: Request) -> Order:
    given = _validated(serializers.QuantumOrderInput, request)
    run, site = given.pop("run", None), given.pop("site", None)
    if given["purpose"] != QuantumJob.Purpose.EVALUATION:
        return Order(**{**given, "patients": 0, "min_quantum_volume": None})
    found = get_object_or_404(TrainingRun.objects.for_user(request.user), id=run)
    participant = get_object_or_404(found.federation.participants.select_related("institution"), site=site)
    return Order(**{**given, "qubits": 0}, run=found, participant=participant)


def _job(request: Request, job_id: uuid.UUID) -> QuantumJob:
    return get_object_or_404(QuantumJob.objects.for_user(request.user).select_related("participant"), id=job_id)


def _validated(serializer: type, request: Request) -> dict:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return given.validated_data


def _person(request: Request) -> User:
    if not isinstance(request.user, User):
        raise Forbidden("Runs on devices and consents are decided by people: sign in; an API key can only read them.")
    return request.user
