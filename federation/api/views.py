from __future__ import annotations

import uuid
from collections.abc import Callable

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from core.api.pages import Following
from core.errors import Forbidden
from federation import services
from federation.api import serializers
from federation.models import Federation, RunEvent, TrainingRun
from federation.presentation.consents import answers_of
from federation.presentation.participants import held_by
from federation.presentation.progress import run_progress

EVENTS_AT_ONCE = 200


class Federations(ListAPIView):
    """The federations that the caller's institution takes part in."""

    action_name = "federation.view"
    serializer_class = serializers.FederationOutput
    filters = serializers.FederationFilter
    queryset = Federation.objects.none()

    def get_queryset(self):
        return Federation.objects.for_user(self.request.user).order_by("name")


class FederationDetail(APIView):
    """One federation with its sites and what they hold."""

    action_name = "federation.view"

    @extend_schema(responses=serializers.FederationDetailOutput)
    def get(self, request: Request, federation_id: uuid.UUID) -> Response:
        found = get_object_or_404(Federation.objects.for_user(request.user), id=federation_id)
        found.held = held_by(found)
        return Response(serializers.FederationDetailOutput(found).data)


class FederationRuns(ListAPIView):
    """The runs of a federation; POST proposes one, frozen by its hash."""

    actions = {"GET": "federation.view", "POST": "run.start"}
    serializer_class = serializers.RunOutput
    filters = serializers.StateFilter
    queryset = TrainingRun.objects.none()

    def get_queryset(self):
        return self._federation().runs.order_by("-created_at")

    @extend_schema(request=serializers.RunInput, responses={201: serializers.RunDetailOutput})
    def post(self, request: Request, federation_id: uuid.UUID) -> Response:
        """Propose a run. It is frozen by its hash; each site consents to that hash."""
        found = self._federation()
        given = _validated(serializers.RunInput, request)
        run = services.run_propose(federation=found, actor=_person(request), **given)
        return Response(_detail(run), status=201)

    def _federation(self) -> Federation:
        return get_object_or_404(Federation.objects.for_user(self.request.user), id=self.kwargs["federation_id"])


class Runs(ListAPIView):
    """All runs that the caller may see, the newest first."""

    action_name = "federation.view"
    serializer_class = serializers.RunOutput
    filters = serializers.RunFilter
    queryset = TrainingRun.objects.none()

    def get_queryset(self):
        return TrainingRun.objects.for_user(self.request.user).order_by("-created_at")


class RunDetail(APIView):
    """One run: configuration, consents, rounds with metrics, privacy spent, and where it stands now."""

    action_name = "federation.view"

    @extend_schema(responses=serializers.RunDetailOutput)
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        return Response(_detail(_run(request, run_id)))


class _Control(APIView):
    """A change of a run's state."""

    service: Callable[..., TrainingRun]
    input_serializer: type | None = None

    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        run = _run(request, run_id)
        given = _validated(self.input_serializer, request) if self.input_serializer else {}
        changed = type(self).service(run=run, actor=_person(request), **given)
        return Response(_detail(changed))


@extend_schema(request=None, responses=serializers.RunDetailOutput)
class RunStart(_Control):
    """Start training; every site must have consented."""

    action_name = "run.start"
    service = staticmethod(services.run_start)


@extend_schema(request=None, responses=serializers.RunDetailOutput)
class RunPause(_Control):
    """Finish the round in hand, then wait."""

    action_name = "run.control"
    service = staticmethod(services.run_pause)


@extend_schema(request=None, responses=serializers.RunDetailOutput)
class RunResume(_Control):
    """Go on after a pause."""

    action_name = "run.control"
    service = staticmethod(services.run_resume)


@extend_schema(request=serializers.AbortInput, responses=serializers.RunDetailOutput)
class RunAbort(_Control):
    """Stop for good, with a reason."""

    action_name = "run.control"
    service = staticmethod(services.run_abort)
    input_serializer = serializers.AbortInput


class RunEvents(ListAPIView):
    """What happened in a run, oldest first. At the end ask again with the last id as `after`."""

    action_name = "federation.view"
    serializer_class = serializers.EventOutput
    pagination_class = Following
    key, usual, start = "id", EVENTS_AT_ONCE, 0
    queryset = RunEvent.objects.none()

    def get_queryset(self):
        return RunEvent.objects.filter(run=_run(self.request, self.kwargs["run_id"]))


def _run(request: Request, run_id: uuid.UUID) -> TrainingRun:
    return get_object_or_404(TrainingRun.objects.for_user(request.user).select_related("federation"), id=run_id)


def _detail(run: TrainingRun) -> dict:
    """What the serializer shows beside the row is hung on it."""
    history = list(run.rounds.prefetch_related("updates__participant", "exclusions__participant"))
    run.history = history  # type: ignore[attr-defined]
    run.answers, run.progress = answers_of(run), run_progress(run, history)  # type: ignore[attr-defined]
    return serializers.RunDetailOutput(run).data


def _validated(serializer: type, request: Request) -> dict:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return given.validated_data


def _person(request: Request) -> User:
    """The person who decides. A machine's key may read, but runs and consents are people's decisions."""
    if not isinstance(request.user, User):
        raise Forbidden("Runs and consents are decided by people: sign in; an API key can only read them.")
    return request.user
