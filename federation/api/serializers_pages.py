"""Output of what stands on a federation's own pages. Serializers never write."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from federation import contributions
from federation.models import InfluenceStudy, QkdCheck, QkdRehearsal, SiteInvitation, SiteOrder
from federation.presentation.federation_map import Place
from federation.presentation.unlike import Compared


class PlaceOutput(serializers.Serializer):
    """A site on the map: how healthy its worker is, and what it runs."""

    site = serializers.CharField(source="participant.site")
    institution = serializers.CharField(source="participant.institution.name")
    health = serializers.SerializerMethodField(help_text="healthy, stale, unknown or inactive")
    last_seen_at = serializers.DateTimeField(source="participant.last_seen_at", allow_null=True)
    version = serializers.CharField(source="software.version", default=None, allow_null=True)
    carried_by = serializers.CharField(source="software.engine", default=None, allow_null=True)
    outdated = serializers.BooleanField(help_text="Another version than the coordinator's.")

    def get_health(self, place: Place) -> str:
        return place.health[0]


class VisitOutput(serializers.Serializer):
    """One site in one round. What was not measured is null, never 0."""

    round = serializers.IntegerField(source="number")
    site = serializers.CharField(source="participant.site")
    state = serializers.CharField()
    sent_bytes = serializers.IntegerField(source="sent", allow_null=True)
    received_bytes = serializers.IntegerField(source="received", allow_null=True)
    train_seconds = serializers.FloatField(allow_null=True)
    score_seconds = serializers.FloatField(allow_null=True)


class UnlikeOutput(serializers.Serializer):
    """One site against all others together; null where a cell is too small to speak of."""

    site = serializers.CharField()
    n = serializers.IntegerField()
    jensen_shannon = serializers.FloatField(allow_null=True)
    hellinger = serializers.FloatField(allow_null=True)


class ComparedOutput(serializers.Serializer):
    title = serializers.CharField()
    origin = serializers.SerializerMethodField(help_text="Where the counts come from.")
    sites = UnlikeOutput(many=True, source="rows")

    def get_origin(self, compared: Compared) -> str:
        return compared.source


class StudyOutput(serializers.ModelSerializer):
    """`result` holds the caller's own sites alone unless each site's noise is in its updates."""

    run = serializers.UUIDField(source="run_id")
    result = serializers.SerializerMethodField()

    class Meta:
        model = InfluenceStudy
        fields = ["id", "created_at", "run", "rounds", "rounds_done", "result", "error", "finished_at"]

    @extend_schema_field(serializers.JSONField(allow_null=True))
    def get_result(self, row: InfluenceStudy) -> dict | None:
        return contributions.shown_to(row.result, contributions.visible_sites(row.run, self.context["request"].user))


class LinkOutput(serializers.ModelSerializer):
    """One end of a link, as its site last told. No key and no credential is in it."""

    site = serializers.CharField(source="participant.site")
    peer = serializers.CharField(source="peer.site")

    class Meta:
        model = QkdCheck
        fields = ["id", "created_at", "site", "peer", "state", "simulated", "qber", "qber_upper", "secure_bits", "rate",
                  "stored_keys", "max_keys", "key_size", "reason"]  # fmt: skip


class AskedOutput(serializers.Serializer):
    asked = serializers.IntegerField(help_text="How many sites were asked.")


class RehearsalInput(serializers.Serializer):
    loss = serializers.FloatField(min_value=0, max_value=0.99, help_text="Share of photons that never arrive.")
    error = serializers.FloatField(min_value=0, max_value=0.2, help_text="Share of bits wrong with nobody listening.")


class RehearsalOutput(serializers.ModelSerializer):
    class Meta:
        model = QkdRehearsal
        fields = ["id", "created_at", "loss", "error", "steps", "finished_at"]


class InvitationInput(serializers.Serializer):
    institution = serializers.UUIDField()
    site = serializers.RegexField(r"^[a-z0-9][a-z0-9_-]{0,39}$", help_text="Its code; it never changes.")
    days = serializers.IntegerField(min_value=1, max_value=14, default=3)


class InvitationOutput(serializers.ModelSerializer):
    institution = serializers.CharField(source="institution.name")

    class Meta:
        model = SiteInvitation
        fields = ["id", "created_at", "institution", "site", "state", "expires_at", "ended_at"]


class NewInvitationOutput(InvitationOutput):
    invitation = serializers.SerializerMethodField(help_text="The file itself, shown this once: it opens the door.")

    class Meta(InvitationOutput.Meta):
        fields = [*InvitationOutput.Meta.fields, "invitation"]

    def get_invitation(self, row: SiteInvitation) -> str:
        return self.context["invitation"]


class TermsOutput(serializers.Serializer):
    """All that a signature covers; `config_hash` is what is signed."""

    run = serializers.UUIDField()
    config_hash = serializers.CharField()
    terms = serializers.JSONField(help_text="Purpose, data, legal bases, ethics approval and end, as they were frozen.")
    data_digests = serializers.DictField(child=serializers.CharField(), help_text="By site.")
    consented = serializers.JSONField(help_text="What is consented to, in words.")


class OverlayOutput(serializers.Serializer):
    """A held-out patient of your own site, by the site's pseudonym, with the outlines of truth and prediction."""

    name = serializers.CharField()
    where = serializers.CharField()
    primary = serializers.FloatField(allow_null=True, help_text="Dice of the whole volume.")
    baseline = serializers.FloatField(allow_null=True)
    words = serializers.CharField(help_text="What the drawing shows.")
    svg = serializers.CharField()


class OverlayOrderOutput(serializers.ModelSerializer):
    class Meta:
        model = SiteOrder
        fields = ["id", "created_at", "state"]


class LimitInput(serializers.Serializer):
    institution = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="Null: the platform.")
    shots_per_month = serializers.IntegerField(min_value=0, max_value=10**12)
    cost_per_month = serializers.DecimalField(min_value=0, max_digits=12, decimal_places=2)


class UseOutput(serializers.Serializer):
    """Use and limits of this month, on cloud devices."""

    whose = serializers.CharField()
    shots = serializers.IntegerField()
    cost = serializers.FloatField()
    shots_limit = serializers.IntegerField()
    cost_limit = serializers.FloatField()
