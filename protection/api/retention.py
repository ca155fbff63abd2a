"""The retention schedule, its executions, and legal holds."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from protection import retention
from protection.domain.schedule import schedule
from protection.models import LegalHold, RetentionExecution

_CLASSES = [(one.key, one.title) for one in schedule() if one.is_carried_out]


class HoldOutput(serializers.ModelSerializer):
    """While it lasts, nothing of the class (empty: nothing at all) is removed."""

    class Meta:
        model = LegalHold
        fields = ["id", "created_at", "record_class", "ends_on", "placed_by", "reason", "lifted_at", "lifted_by",
                  "lift_reason"]  # fmt: skip


class ExecutionOutput(serializers.ModelSerializer):
    """What one execution did with one class. `error` is empty if it was carried out."""

    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Kind of row or file, and how many.")

    class Meta:
        model = RetentionExecution
        fields = ["id", "created_at", "record_class", "action", "days", "legal_basis", "before", "counts", "held_by",
                  "error"]  # fmt: skip


class ClassOutput(serializers.Serializer):
    """A class of records and the rule that holds for it now."""

    key = serializers.CharField(source="record.key")
    title = serializers.CharField(source="record.title")
    holds = serializers.CharField(source="record.holds", help_text="What belongs to it.")
    start = serializers.CharField(source="record.start", help_text="When the period begins.")
    action = serializers.CharField(source="record.action", help_text="delete, pseudonymise, keep or none")
    period = serializers.CharField(help_text="In words.")
    days = serializers.IntegerField(help_text="0: without an end, or not held at all.")
    least_days = serializers.IntegerField(source="record.least_days", help_text="The shortest that may be set.")
    legal_basis = serializers.CharField(source="basis")
    may_be_set = serializers.BooleanField(source="record.may_be_set")
    hold = HoldOutput(allow_null=True)
    last = ExecutionOutput(allow_null=True, help_text="When it was carried out last.")


class DueOutput(serializers.Serializer):
    """What an execution would do with a class now."""

    record_class = serializers.CharField(source="in_force.record.key")
    counts = serializers.DictField(child=serializers.IntegerField())
    total = serializers.IntegerField()


class ExecutedOutput(serializers.Serializer):
    """One for each class that the schedule removes anything of."""

    executions = ExecutionOutput(many=True)


class ExecutionFilter(serializers.Serializer):
    record_class = serializers.ChoiceField(choices=_CLASSES, required=False)
    since = serializers.DateTimeField(source="created_at__gte", required=False, help_text="At this time or later.")


class RuleInput(serializers.Serializer):
    days = serializers.IntegerField(min_value=1, max_value=retention.LONGEST_DAYS)
    legal_basis = serializers.CharField(max_length=300, help_text="Of the period.")
    reason = serializers.CharField(max_length=5000, help_text="Why. It becomes part of the record.")


class HoldInput(serializers.Serializer):
    record_class = serializers.ChoiceField(
        choices=_CLASSES, default="", allow_blank=True, help_text="What is kept; empty: everything."
    )
    ends_on = serializers.DateField(help_text="The last day.")
    reason = serializers.CharField(max_length=5000, help_text="The matter, court or authority.")


class HoldFilter(serializers.Serializer):
    record_class = serializers.ChoiceField(choices=_CLASSES, required=False)
    lifted = serializers.BooleanField(source="lifted_at__isnull", required=False, help_text="Ended by hand.")

    def validate_lifted(self, lifted: bool) -> bool:
        return not lifted  # of the lookup: whether there is no such moment


class LiftInput(serializers.Serializer):
    reason = serializers.CharField(max_length=2000, help_text="Why it is lifted before its day.")


class Schedule(generics.ListAPIView):
    """Every class of records, and how long it is kept."""

    action_name = "protection.view"
    serializer_class = ClassOutput

    def get_queryset(self) -> Any:
        return [] if getattr(self, "swagger_fake_view", False) else retention.in_force()


class Preview(generics.ListAPIView):
    """What an execution would remove now; nothing is removed."""

    action_name = "protection.view"
    serializer_class = DueOutput

    def get_queryset(self) -> Any:
        return [] if getattr(self, "swagger_fake_view", False) else retention.preview()


class Executions(generics.ListAPIView):
    """What was carried out, newest first; POST carries the schedule out now."""

    actions = {"GET": "protection.view", "POST": "retention.manage"}
    queryset = RetentionExecution.objects.all()
    serializer_class = ExecutionOutput
    filters = ExecutionFilter

    @extend_schema(request=None, responses={201: ExecutedOutput}, operation_id="retention_execute")
    def post(self, request: Request) -> Response:
        """Carry the schedule out, each class by itself; one that fails says why in `error`."""
        done = retention.execute(actor=person(request))
        return Response(ExecutedOutput({"executions": done}).data, status=201)


class Rules(APIView):
    action_name = "retention.manage"

    @extend_schema(request=RuleInput, responses={201: ClassOutput}, operation_id="retention_rule_set")
    def post(self, request: Request, key: str) -> Response:
        """Set the house's own period for a class, not under what the law says."""
        record = retention.record_class(key)
        if record is None or not record.may_be_set:
            raise Http404("There is no class of this name whose period is set here.")
        retention.rule_set(record=record, actor=person(request), **given(RuleInput, request))
        return Response(ClassOutput(_in_force(key)).data, status=201)


class Holds(generics.ListAPIView):
    """Legal holds, newest first, those that have ended too."""

    actions = {"GET": "protection.view", "POST": "hold.place"}
    queryset = LegalHold.objects.all()
    sealed_by = ("placed_by_id", "lifted_by_id")
    serializer_class = HoldOutput
    filters = HoldFilter

    @extend_schema(request=HoldInput, responses={201: HoldOutput}, operation_id="hold_place")
    def post(self, request: Request) -> Response:
        """Suspend the removal of a class, or of everything, until a day."""
        told = given(HoldInput, request)
        record = retention.record_class(told.pop("record_class"))
        made = retention.hold_place(record=record, actor=person(request), **told)
        return Response(HoldOutput(made).data, status=201)


class HoldLifting(APIView):
    action_name = "hold.place"

    @extend_schema(request=LiftInput, responses=HoldOutput, operation_id="hold_lift")
    def post(self, request: Request, hold_id: uuid.UUID) -> Response:
        """End a hold before its day: by whoever placed it, or an administrator."""
        hold = get_object_or_404(LegalHold, pk=hold_id)
        done = retention.hold_lift(hold=hold, actor=person(request), **given(LiftInput, request))
        return Response(HoldOutput(done).data)


def _in_force(key: str) -> retention.InForce:
    return next(one for one in retention.in_force() if one.record.key == key)
