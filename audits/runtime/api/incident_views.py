from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Institution
from audits.runtime import incident_state, incidents, lookback, notices, webhooks
from audits.runtime.api import incident_serializers as shapes
from audits.runtime.models import Incident, IncidentTask, LookBackCase, Notice, WebhookSubscription


class IncidentsView(ListAPIView):
    """Incidents within your reach: each halt opens one."""

    action_name = "incident.view"
    serializer_class = shapes.IncidentOutput
    filters = shapes.IncidentFilter

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Incident.objects.none()
        return Incident.objects.for_user(self.request.user)


class _OfIncident(APIView):
    def incident(self) -> Incident:
        found = incident_state.with_details(Incident.objects.for_user(self.request.user))
        return get_object_or_404(found, id=self.kwargs["incident_id"])

    def given(self, shape: type) -> dict[str, Any]:
        told = shape(data=self.request.data)
        told.is_valid(raise_exception=True)
        return told.validated_data


class IncidentView(_OfIncident):
    action_name = "incident.view"

    @extend_schema(responses=shapes.IncidentDetailOutput, operation_id="incident_retrieve")
    def get(self, request: Request, incident_id: uuid.UUID) -> Response:
        """One incident: what is known, the clocks, the tasks, the look-back."""
        return Response(shapes.IncidentDetailOutput(self.incident()).data)


class _Manages(_OfIncident):
    action_name = "incident.manage"


class AssignView(_Manages):
    @extend_schema(request=shapes.AssignInput, responses=shapes.IncidentOutput, operation_id="incident_assign")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Name the ethics officer who answers for an incident."""
        found, told = self.incident(), self.given(shapes.AssignInput)
        person = incidents.find_person(told["responsible"])
        made = incidents.incident_assign(incident=found, responsible=person, actor=request.user)  # type: ignore[arg-type]
        return Response(shapes.IncidentOutput(made).data)


class FactsView(_Manages):
    @extend_schema(request=shapes.FactsInput, responses={201: shapes.RecordOutput}, operation_id="incident_facts")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Say what is known: when the organisation became aware, and which facts the clocks of the law depend on."""
        found, told = self.incident(), self.given(shapes.FactsInput)
        made = incidents.incident_facts(incident=found, actor=request.user, **told)  # type: ignore[arg-type]
        return Response(shapes.RecordOutput(made).data, status=201)


class ClockView(_Manages):
    @extend_schema(request=shapes.ClockInput, responses={201: shapes.RecordOutput}, operation_id="incident_clock")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Answer one of the clocks: told, not to be told, or why later."""
        found, told = self.incident(), self.given(shapes.ClockInput)
        made = incidents.incident_clock(incident=found, actor=request.user, **told)  # type: ignore[arg-type]
        return Response(shapes.RecordOutput(made).data, status=201)


class NoteView(_Manages):
    @extend_schema(request=shapes.NoteInput, responses={201: shapes.RecordOutput}, operation_id="incident_note")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Keep a note, a cause or a corrective action."""
        found, told = self.incident(), self.given(shapes.NoteInput)
        made = incidents.incident_note(incident=found, actor=request.user, **told)  # type: ignore[arg-type]
        return Response(shapes.RecordOutput(made).data, status=201)


class TaskView(_Manages):
    @extend_schema(request=shapes.TaskInput, responses={201: shapes.TaskOutput}, operation_id="incident_task")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Give somebody a task with a day."""
        found, told = self.incident(), self.given(shapes.TaskInput)
        owner = incidents.find_person(told.pop("owner"))
        made = incidents.task_create(incident=found, owner=owner, actor=request.user, **told)  # type: ignore[arg-type]
        return Response(shapes.TaskOutput(made).data, status=201)


class TaskDoneView(_OfIncident):
    action_name = "incident.view"

    @extend_schema(request=None, responses=shapes.TaskOutput, operation_id="incident_task_done")
    def post(self, request: Request, incident_id: uuid.UUID, task_id: uuid.UUID) -> Response:
        """Say that a task is done: its owner."""
        tasks = IncidentTask.objects.select_related("incident__deployment__version__model")
        task = get_object_or_404(tasks, id=task_id, incident=self.incident())
        return Response(shapes.TaskOutput(incidents.task_done(task=task, actor=request.user)).data)  # type: ignore[arg-type]


class AdvanceView(_Manages):
    @extend_schema(request=shapes.AdvanceInput, responses=shapes.IncidentOutput, operation_id="incident_advance")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Take the incident to its next state; `missing` of the incident says what that still needs."""
        found, told = self.incident(), self.given(shapes.AdvanceInput)
        made = incidents.incident_advance(incident=found, actor=request.user, **told)  # type: ignore[arg-type]
        return Response(shapes.IncidentOutput(made).data)


class PeriodView(_Manages):
    @extend_schema(request=shapes.PeriodInput, responses=shapes.LookBackOutput, operation_id="look_back_change")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Change from when on predictions are looked back at, or for whom."""
        found, told = self.incident(), self.given(shapes.PeriodInput)
        made = lookback.look_back_change(look_back=found.look_back, actor=request.user, **told)  # type: ignore[arg-type]
        return Response(shapes.LookBackOutput(made).data)


class CasesView(_OfIncident, ListAPIView):
    """The cases of the caller's own site."""

    action_name = "lookback.view"
    serializer_class = shapes.CaseOutput

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return LookBackCase.objects.none()
        return lookback.cases_for(self.request.user, self.incident())


class MarksView(_OfIncident):
    action_name = "lookback.mark"

    @extend_schema(request=shapes.MarkInput, responses={201: shapes.MarkedOutput}, operation_id="look_back_mark")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Say of cases of your own site that they were read again, or disclosed."""
        found, told = self.incident(), self.given(shapes.MarkInput)
        marked = lookback.cases_mark(incident=found, actor=request.user, **told)  # type: ignore[arg-type]
        return Response({"marked": marked}, status=201)


class FindView(_OfIncident):
    action_name = "lookback.view"

    @extend_schema(request=shapes.NamesInput, responses=OpenApiTypes.OBJECT, operation_id="look_back_find")
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Which of your names of cases are on your list. The names are compared and not kept."""
        found, told = self.incident(), self.given(shapes.NamesInput)
        hits = lookback.cases_resolve(incident=found, names=told["event_keys"], user=request.user)
        return Response({name: shapes.CaseOutput(row).data for name, row in hits.items()})


class ExportView(_OfIncident):
    action_name = "lookback.view"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR}, operation_id="look_back_export")
    def get(self, request: Request, incident_id: uuid.UUID) -> HttpResponse:
        """Your site's whole list as CSV. The reading is recorded."""
        text = lookback.cases_export(incident=self.incident(), user=request.user)
        return HttpResponse(text, content_type="text/csv", headers={"Cache-Control": "no-store"})


class NoticesView(ListAPIView):
    """Notices to people and webhooks, and whether they arrived."""

    action_name = "notice.view"
    serializer_class = shapes.NoticeOutput
    filters = shapes.NoticeFilter

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Notice.objects.none()
        return Notice.objects.for_user(self.request.user)


class NoticeSendView(APIView):
    action_name = "notice.send"

    @extend_schema(request=None, responses=shapes.NoticeOutput, operation_id="notice_send")
    def post(self, request: Request, notice_id: uuid.UUID) -> Response:
        """Try a notice again that gave up."""
        found = get_object_or_404(Notice.objects.for_user(request.user), id=notice_id)
        return Response(shapes.NoticeOutput(notices.notice_send_again(notice=found, actor=request.user)).data)


class SubscriptionsView(ListAPIView):
    """Systems that are told of halts and reinstatements."""

    action_name = "webhook.manage"
    serializer_class = shapes.SubscriptionOutput
    filters = shapes.SubscriptionFilter
    queryset = WebhookSubscription.objects.all()

    @extend_schema(
        request=shapes.SubscriptionInput, responses={201: shapes.NewSubscriptionOutput}, operation_id="webhook_create"
    )
    def post(self, request: Request) -> Response:
        """Let a system be told. The secret that signs what is sent is shown once."""
        told = shapes.SubscriptionInput(data=request.data)
        told.is_valid(raise_exception=True)
        name, url, place = (told.validated_data[key] for key in ("name", "url", "institution"))
        institution = get_object_or_404(Institution, id=place) if place else None
        made, secret = webhooks.subscription_create(name=name, url=url, institution=institution, actor=request.user)
        return Response(shapes.NewSubscriptionOutput(made, context={"secret": secret}).data, status=201)


class SubscriptionRevokeView(APIView):
    action_name = "webhook.manage"

    @extend_schema(request=None, responses=shapes.SubscriptionOutput, operation_id="webhook_revoke")
    def post(self, request: Request, subscription_id: uuid.UUID) -> Response:
        """Tell a system nothing more."""
        found = get_object_or_404(WebhookSubscription, id=subscription_id)
        made = webhooks.subscription_revoke(subscription=found, actor=request.user)
        return Response(shapes.SubscriptionOutput(made).data)
