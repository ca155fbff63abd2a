"""How data protection stands, the record of processing, and continuity."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import given, person
from accounts.models import Institution, User
from protection import needs, register, standing
from protection.domain.texts import Activity, activities, note_fields
from protection.models import Backup, RestoreDrill

_HOUSE = OpenApiParameter(
    "institution", str, description="Whose record, by short name. Without one: the platform's if you belong to it, "
    "else that of your first institution.",
)  # fmt: skip


class ProtectionNeedOutput(serializers.Serializer):
    """What waits for you."""

    title = serializers.CharField()
    detail = serializers.CharField()
    url = serializers.CharField(help_text="The page of it.")
    tone = serializers.CharField(help_text="fail, warn or info")
    since = serializers.DateTimeField()


class OverviewOutput(serializers.Serializer):
    """Counts within your reach."""

    requests = serializers.IntegerField(help_text="Patients' requests that are open.")
    requests_late = serializers.IntegerField(help_text="Of these, past their day.")
    breaches = serializers.IntegerField(help_text="Open ones.")
    models = serializers.IntegerField()
    assessed = serializers.IntegerField(help_text="Models with a signed impact assessment.")
    needs = ProtectionNeedOutput(many=True)


class FactOutput(serializers.Serializer):
    text = serializers.CharField()
    url = serializers.CharField(allow_blank=True, help_text="The page that it comes from; empty: none.")


class FactsOutput(serializers.Serializer):
    """What the platform itself tells."""

    title = serializers.CharField()
    lines = FactOutput(many=True)


class ActivityOutput(serializers.Serializer):
    """One processing activity: facts of the platform, and the texts that people add."""

    key = serializers.CharField(source="activity.key")
    title = serializers.CharField(source="activity.title")
    purpose = serializers.CharField(source="activity.purpose")
    persons = serializers.CharField(source="activity.persons")
    data_kinds = serializers.CharField(source="activity.data", help_text="Which data are processed.")
    institution = serializers.CharField(
        source="institution.slug", default=None, allow_null=True, help_text="Null: the platform's."
    )
    revision = serializers.SerializerMethodField(help_text="To be sent back with a change; 0: nothing was written yet.")
    texts = serializers.DictField(
        child=serializers.CharField(allow_blank=True), help_text="What holds; empty fields are the platform's."
    )
    missing = serializers.ListField(child=serializers.CharField(), help_text="Labels of what nobody has written.")
    facts = serializers.SerializerMethodField()
    retention = serializers.SerializerMethodField(help_text="Period of each class of records that is kept for it.")

    def get_revision(self, row: register.ActivityView) -> int:
        return row.note.revision if row.note else 0

    @extend_schema_field(FactsOutput(many=True))
    def get_facts(self, row: register.ActivityView) -> list[dict[str, Any]]:
        return [FactsOutput({"title": title, "lines": lines}).data for title, lines in row.facts]

    def get_retention(self, row: register.ActivityView) -> dict[str, str]:
        return {rule.record.key: rule.period for rule in row.retention}


class ProcessingNoteInput(serializers.Serializer):
    """The texts of an activity: all of them, as what is left out is emptied."""

    revision = serializers.IntegerField(min_value=0, help_text="The one that you began from; 0 for the first.")
    texts = serializers.DictField(
        child=serializers.CharField(max_length=register.MOST_TEXT, allow_blank=True),
        help_text=f"Of these fields: {', '.join(note_fields())}. Name nobody.",
    )

    def validate_texts(self, texts: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(texts) - set(note_fields())):
            raise serializers.ValidationError(f"Expected some of {', '.join(note_fields())}, got {unknown}.")
        return texts


class BackupOutput(serializers.ModelSerializer):
    """`manifest` is its SHA-256, `size` in bytes, `entries` of the ledger, `rows` of all tables."""

    class Meta:
        model = Backup
        fields = ["id", "name", "taken_at", "created_at", "made_by", "manifest", "size", "entries", "rows", "key",
                  "seconds"]  # fmt: skip


class DrillOutput(serializers.ModelSerializer):
    """A backup that was restored and checked. `seconds` is the recovery time; `lost_*` what would have been lost."""

    problems = serializers.ListField(child=serializers.CharField())
    figures = serializers.DictField(child=serializers.JSONField())

    class Meta:
        model = RestoreDrill
        fields = ["id", "created_at", "backup", "taken_at", "held_by", "outcome", "seconds", "lost_seconds",
                  "lost_entries", "problems", "figures"]  # fmt: skip


class DrillFilter(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=RestoreDrill.Outcome.choices, required=False)
    since = serializers.DateTimeField(source="created_at__gte", required=False, help_text="Held at this time or later.")


class ContinuityOutput(serializers.Serializer):
    """The newest of each; null: there is none."""

    backup = BackupOutput(allow_null=True)
    drill = DrillOutput(allow_null=True)
    passed = DrillOutput(allow_null=True, help_text="The newest drill that passed.")
    backup_overdue = serializers.BooleanField()
    drill_due = serializers.DateTimeField(allow_null=True)
    drill_overdue = serializers.BooleanField()
    last_failed = serializers.BooleanField()


class Overview(APIView):
    action_name = "protection.view"

    @extend_schema(responses=OverviewOutput, operation_id="protection")
    def get(self, request: Request) -> Response:
        """How data protection stands, and what of it waits for you."""
        waits = needs.protection_needs(request.user) if isinstance(request.user, User) else []  # for no machine
        found = {**standing.of(request.user), "needs": waits}
        return Response(OverviewOutput(found).data)


class ProcessingRecord(generics.GenericAPIView):
    action_name = "protection.view"
    may_answer = (404,)
    serializer_class = ActivityOutput

    @extend_schema(responses=ActivityOutput(many=True), operation_id="processing_record", parameters=[_HOUSE])
    def get(self, request: Request) -> Response:
        """The record of processing (GDPR Art. 30) of one institution, or of the platform."""
        page = self.paginate_queryset(register.record_of(request.user, _house(request)))
        return self.get_paginated_response(ActivityOutput(page, many=True).data)


class ProcessingActivity(APIView):
    actions = {"GET": "protection.view", "PUT": "protection.edit"}

    @extend_schema(responses=ActivityOutput, operation_id="processing_activity", parameters=[_HOUSE])
    def get(self, request: Request, key: str) -> Response:
        """One processing activity, as an institution or the platform records it."""
        return self._shown(request, _activity(key))

    @extend_schema(
        request=ProcessingNoteInput, responses=ActivityOutput, operation_id="processing_note_save", parameters=[_HOUSE]
    )
    def put(self, request: Request, key: str) -> Response:
        """Say what the platform cannot know of an activity. Each revision stays on record."""
        activity, told = _activity(key), given(ProcessingNoteInput, request)
        register.note_save(
            activity=activity, institution=_house(request), revision=told["revision"], content=told["texts"],
            actor=person(request),
        )  # fmt: skip
        return self._shown(request, activity)

    def _shown(self, request: Request, activity: Activity) -> Response:
        rows = register.record_of(request.user, _house(request))
        return Response(ActivityOutput(next(row for row in rows if row.activity == activity)).data)


class Continuity(APIView):
    action_name = "protection.view"

    @extend_schema(responses=ContinuityOutput, operation_id="continuity")
    def get(self, request: Request) -> Response:
        """The newest backup and drill, and what is overdue."""
        return Response(ContinuityOutput(standing.continuity()).data)


class Drills(generics.ListAPIView):
    """Restore drills, newest first."""

    action_name = "protection.view"
    queryset = RestoreDrill.objects.all()
    serializer_class = DrillOutput
    filters = DrillFilter


class Backups(generics.ListAPIView):
    """Backups that were made, newest first. The files lie elsewhere."""

    action_name = "protection.view"
    queryset = Backup.objects.all()
    serializer_class = BackupOutput


def _activity(key: str) -> Activity:
    found = next((one for one in activities() if one.key == key), None)
    if found is None:
        raise Http404("There is no such processing activity.")
    return found


def _house(request: Request) -> Institution | None:
    """Whose record: the one that the query names, if it is the caller's; else their first."""
    houses = register.houses_of(request.user)
    wanted = request.query_params.get("institution", "")
    if not wanted:
        return (houses or [None])[0]
    for house in houses:
        if house is not None and house.slug == wanted:
            return house
    raise Http404("There is no such record within your reach.")
