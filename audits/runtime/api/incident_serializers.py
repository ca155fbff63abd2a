"""What the API takes and gives of incidents, look-backs and notices."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from audits.runtime import incident_state, incidents, lookback
from audits.runtime.models import (
    Incident,
    IncidentRecord,
    IncidentTask,
    LookBack,
    LookBackCase,
    LookBackMark,
    Notice,
    WebhookSubscription,
)


class IncidentFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=Incident.State.choices, required=False)
    deployment = serializers.UUIDField(required=False)
    responsible = serializers.UUIDField(required=False)


class NoticeFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=Notice.State.choices, required=False)
    event = serializers.CharField(max_length=40, required=False)


class SubscriptionFilter(serializers.Serializer):
    institution = serializers.UUIDField(required=False)
    active = serializers.BooleanField(source="revoked_at__isnull", required=False)


class AssignInput(serializers.Serializer):
    responsible = serializers.UUIDField(help_text="an ethics officer of an institution that takes part")


class FactsInput(serializers.Serializer):
    aware_at = serializers.DateTimeField(help_text="when the organisation became aware; all clocks run from it")
    known = serializers.DictField(
        child=serializers.BooleanField(allow_null=True), help_text="regime or fact to true, false or null (not known)"
    )


class ClockInput(serializers.Serializer):
    clock = serializers.CharField(max_length=30)
    answer = serializers.ChoiceField(IncidentRecord.Answer.choices)
    text = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class NoteInput(serializers.Serializer):
    kind = serializers.ChoiceField([(kind.value, kind.label) for kind in incidents.NOTES])
    action = serializers.ChoiceField(
        IncidentRecord.Action.choices, required=False, allow_blank=True, default="", help_text="of a corrective action"
    )
    text = serializers.CharField(max_length=4000)


class TaskInput(serializers.Serializer):
    title = serializers.CharField(max_length=200)
    owner = serializers.UUIDField()
    due_on = serializers.DateField()


class AdvanceInput(serializers.Serializer):
    text = serializers.CharField(max_length=4000)


class PeriodInput(serializers.Serializer):
    since = serializers.DateTimeField()
    whole = serializers.BooleanField(required=False, default=False, help_text="everyone, not only the harmed group")
    reason = serializers.CharField(max_length=2000)


class MarkInput(serializers.Serializer):
    what = serializers.ChoiceField(LookBackMark.What.choices)
    result = serializers.ChoiceField([*LookBackCase.Reread.choices, *LookBackCase.Disclosed.choices])
    cases = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**63 - 1), required=False, allow_null=True, default=None,
        max_length=lookback.MOST_MARKED,
        help_text="identifiers; left out: all of the site that were not marked so yet",
    )  # fmt: skip
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class MarkedOutput(serializers.Serializer):
    marked = serializers.IntegerField()


class NamesInput(serializers.Serializer):
    event_keys = serializers.ListField(child=serializers.CharField(max_length=200), max_length=lookback.MOST_NAMES)


class SubscriptionInput(serializers.Serializer):
    name = serializers.CharField(max_length=80)
    url = serializers.CharField(max_length=300)
    institution = serializers.UUIDField(required=False, allow_null=True, default=None)


class RecordOutput(serializers.ModelSerializer):
    class Meta:
        model = IncidentRecord
        fields = ["id", "kind", "key", "answer", "data", "text", "author", "created_at"]


class TaskOutput(serializers.ModelSerializer):
    class Meta:
        model = IncidentTask
        fields = ["id", "title", "owner", "due_on", "overdue", "created_by", "created_at", "done_at", "done_by"]


class ClockOutput(serializers.Serializer):
    clock = serializers.CharField(source="clock.key")
    article = serializers.CharField(source="clock.article")
    title = serializers.CharField(source="clock.title")
    state = serializers.CharField(help_text="applies, undetermined, does_not_apply or done")
    due = serializers.DateTimeField()
    overdue = serializers.BooleanField()
    why = serializers.CharField()


class SiteCountOutput(serializers.Serializer):
    site = serializers.CharField()
    cases = serializers.IntegerField()
    reread = serializers.IntegerField()
    disclosed = serializers.IntegerField()
    waiting = serializers.IntegerField()


class LookBackOutput(serializers.ModelSerializer):
    class Meta:
        model = LookBack
        fields = ["id", "since", "until", "attribute", "group", "basis", "estimate", "built_at"]


class IncidentOutput(serializers.ModelSerializer):
    class Meta:
        model = Incident
        fields = ["id", "deployment", "halt", "state", "responsible", "created_at", "closed_at"]


class IncidentDetailOutput(IncidentOutput):
    records = RecordOutput(many=True)
    tasks = TaskOutput(many=True)
    look_back = LookBackOutput()
    clocks = serializers.SerializerMethodField()
    missing = serializers.SerializerMethodField(help_text="what the next state still needs")
    sites = serializers.SerializerMethodField(help_text="how far each site's look-back has come")

    class Meta(IncidentOutput.Meta):
        fields = [*IncidentOutput.Meta.fields, "records", "tasks", "look_back", "clocks", "missing", "sites"]

    def get_clocks(self, incident: Incident) -> list[dict[str, Any]]:
        return list(ClockOutput(incident_state.clocks_of(incident), many=True).data)

    def get_missing(self, incident: Incident) -> list[str]:
        return incident_state.missing(incident)

    def get_sites(self, incident: Incident) -> list[dict[str, Any]]:
        return list(SiteCountOutput(lookback.counts_of(incident), many=True).data)


class CaseOutput(serializers.ModelSerializer):
    class Meta:
        model = LookBackCase
        fields = ["id", "event_key", "subject", "predicted_at", "attributes", "score", "flagged", "reread", "disclosed"]


class NoticeOutput(serializers.ModelSerializer):
    class Meta:
        model = Notice
        fields = [
            "id", "event", "halt", "channel", "recipient", "subscription", "payload", "state", "attempts",
            "last_error", "created_at", "sent_at",
        ]  # fmt: skip


class SubscriptionOutput(serializers.ModelSerializer):
    class Meta:
        model = WebhookSubscription
        fields = ["id", "name", "url", "institution", "created_at", "revoked_at"]


class NewSubscriptionOutput(SubscriptionOutput):
    secret = serializers.SerializerMethodField(help_text="shown this once")

    class Meta(SubscriptionOutput.Meta):
        fields = [*SubscriptionOutput.Meta.fields, "secret"]

    def get_secret(self, subscription: WebhookSubscription) -> str:
        return self.context["secret"]
