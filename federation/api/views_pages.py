"""What stands on a federation's own pages: map, traffic, differences, quantum keys, invitations."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from accounts.models import Institution
from federation import contributions, joining, qkd
from federation.api import serializers_pages as shapes
from federation.models import Federation, InfluenceStudy, QkdRehearsal, SiteInvitation, TrainingRun
from federation.presentation import federation_map, traffic, unlike
from federation.presentation import qkd as keys


class OfFederation(APIView):
    action_name = "federation.view"

    def federation(self) -> Federation:
        return get_object_or_404(Federation.objects.for_user(self.request.user), id=self.kwargs["federation_id"])


class _Listed(OfFederation, ListAPIView):
    """A list that is worked out and not stored."""

    def get_queryset(self) -> Any:
        return [] if getattr(self, "swagger_fake_view", False) else self.rows()

    def rows(self) -> list[Any]:
        raise NotImplementedError


class FederationMap(_Listed):
    """Who is connected, how healthy each site's worker is, and what it runs."""

    serializer_class = shapes.PlaceOutput

    def rows(self) -> list[Any]:
        return federation_map.places(self.federation())


class RunTraffic(ListAPIView):
    """Bytes and seconds of each round and site, the newest round first, and who was missing."""

    action_name = "federation.view"
    serializer_class = shapes.VisitOutput

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return []
        run = get_object_or_404(TrainingRun.objects.for_user(self.request.user), id=self.kwargs["run_id"])
        return _Visits(run)


class _Visits:
    """The visits of a run, read round by round as a page asks for them."""

    def __init__(self, run: TrainingRun) -> None:
        self.run, first = run, traffic.traffic_of(run, None)
        self.width, self.rounds = len(first.missing), first.page.paginator.count

    def __len__(self) -> int:
        return self.width * self.rounds

    def __getitem__(self, wanted: slice) -> list[traffic.Visit]:
        size, stop = self.width * traffic.ROUNDS_SHOWN or 1, min(wanted.stop, len(self))
        first, last = wanted.start // size, max(stop - 1, wanted.start) // size
        found = [v for page in range(first, last + 1) for v in traffic.traffic_of(self.run, str(page + 1)).visits]
        return found[wanted.start - first * size : stop - first * size]


class FederationDifferences(_Listed):
    """How unlike the sites are, from what they have released: labels, then each group that the manifests count."""

    serializer_class = shapes.ComparedOutput

    def rows(self) -> list[Any]:
        return unlike.compared(self.federation())


class InfluenceStudies(ListAPIView):
    """How far each site moved a run's model, newest study first; POST starts one."""

    actions = {"GET": "federation.view", "POST": "federation.manage"}
    serializer_class = shapes.StudyOutput
    queryset = InfluenceStudy.objects.none()

    def get_queryset(self) -> Any:
        return self._run().influence_studies.select_related("run__federation")

    @extend_schema(request=None, responses={202: shapes.StudyOutput}, operation_id="influence_study")
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Study a run without masking by leaving each site out. A job computes it; GET shows how far it is."""
        made = contributions.study_start(run=self._run(), actor=person(request))
        return Response(self.get_serializer(made).data, status=202)

    def _run(self) -> TrainingRun:
        return get_object_or_404(TrainingRun.objects.for_user(self.request.user), id=self.kwargs["run_id"])


class QkdLinks(_Listed):
    """Links of quantum keys as the sites last told; POST asks every active site anew."""

    actions = {"GET": "federation.view", "POST": "federation.manage"}
    serializer_class = shapes.LinkOutput

    def rows(self) -> list[Any]:
        return [row.check for row in keys.link_rows(self.federation())]

    @extend_schema(request=None, responses={202: shapes.AskedOutput}, operation_id="qkd_check")
    def post(self, request: Request, federation_id: uuid.UUID) -> Response:
        """Ask every active site how its links are; GET shows their answers."""
        asked = qkd.links_check(federation=self.federation(), actor=person(request))
        return Response({"asked": asked}, status=202)


class QkdRehearsals(OfFederation, ListAPIView):
    """Rehearsals of an eavesdropper on the simulated link, newest first; POST starts one."""

    actions = {"GET": "federation.view", "POST": "federation.manage"}
    serializer_class = shapes.RehearsalOutput
    queryset = QkdRehearsal.objects.none()

    def get_queryset(self) -> Any:
        return self.federation().qkd_rehearsals.all()

    @extend_schema(request=shapes.RehearsalInput, responses={202: shapes.RehearsalOutput}, operation_id="qkd_rehearsal")
    def post(self, request: Request, federation_id: uuid.UUID) -> Response:
        """Run the simulated link under a growing eavesdropper. A job computes it."""
        told = given(shapes.RehearsalInput, request)
        made = qkd.rehearsal_start(federation=self.federation(), actor=person(request), **told)
        return Response(shapes.RehearsalOutput(made).data, status=202)


class Invitations(OfFederation, ListAPIView):
    """Invitations to hospitals, newest first; POST issues one."""

    actions = {"GET": "federation.manage", "POST": "federation.manage"}
    serializer_class = shapes.InvitationOutput
    queryset = SiteInvitation.objects.none()

    def get_queryset(self) -> Any:
        return self.federation().invitations.select_related("institution")

    @extend_schema(
        request=shapes.InvitationInput, responses={201: shapes.NewInvitationOutput}, operation_id="site_invite"
    )
    def post(self, request: Request, federation_id: uuid.UUID) -> Response:
        """Invite a hospital. The file is in the answer to this request and nowhere else."""
        told, found = given(shapes.InvitationInput, request), self.federation()
        institution = get_object_or_404(Institution, id=told.pop("institution"))
        row, made = joining.invitation_issue(
            federation=found, institution=institution, actor=person(request), **told
        )  # fmt: skip
        shown = shapes.NewInvitationOutput(row, context={"invitation": made.as_text()})
        return Response(shown.data, status=201, headers={"Cache-Control": "no-store"})


class InvitationWithdraw(APIView):
    action_name = "federation.manage"

    @extend_schema(request=None, responses=shapes.InvitationOutput, operation_id="site_uninvite")
    def post(self, request: Request, invitation_id: uuid.UUID) -> Response:
        """Withdraw an open invitation: it opens nothing any more."""
        reachable = Federation.objects.for_user(request.user)
        row = get_object_or_404(SiteInvitation.objects.filter(federation__in=reachable), id=invitation_id)
        joining.invitation_revoke(invitation=row, actor=person(request))
        row.refresh_from_db()
        return Response(shapes.InvitationOutput(row).data)
