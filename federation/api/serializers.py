"""Input and output of the federation API. Serializers never write."""

from __future__ import annotations

from rest_framework import serializers

from federation.api.serializers_consents import ConsentOutput, ReconsiderationOutput, TermsInput
from federation.api.serializers_models import ModelInput
from federation.consents import waiting_for
from federation.models import Federation, RunEvent, TrainingRun


class FederationOutput(serializers.ModelSerializer):
    class Meta:
        model = Federation
        fields = ["id", "name", "purpose", "data_title", "task", "synthetic", "created_at"]


class FederationFilter(serializers.Serializer):
    task = serializers.CharField(max_length=40, required=False)
    synthetic = serializers.BooleanField(required=False)


class StateFilter(serializers.Serializer):
    state = serializers.ChoiceField(choices=TrainingRun.State.choices, required=False)


class RunFilter(StateFilter):
    federation = serializers.UUIDField(required=False)


class ManifestOutput(serializers.Serializer):
    """What the site last said it holds; `content` has counts and the load report, no record."""

    digest = serializers.CharField()
    stated_at = serializers.DateTimeField(source="created_at")
    content = serializers.JSONField()


class ParticipantOutput(serializers.Serializer):
    site = serializers.CharField(source="participant.site")
    institution = serializers.CharField(source="participant.institution.name")
    is_active = serializers.BooleanField(source="participant.is_active")
    last_seen_at = serializers.DateTimeField(source="participant.last_seen_at", allow_null=True)
    manifest = ManifestOutput(allow_null=True)


class FederationDetailOutput(FederationOutput):
    """A federation with its sites. The view hangs `held` on it."""

    participants = ParticipantOutput(many=True, source="held")

    class Meta(FederationOutput.Meta):
        fields = [*FederationOutput.Meta.fields, "participants"]


class RunInput(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    rounds = serializers.IntegerField(min_value=1, max_value=200)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    local = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="epochs, batch_size, learning_rate, dp; without it the recommended training of the task.",
    )
    epsilon_budget = serializers.FloatField(required=False, allow_null=True, min_value=0.0)
    terms = TermsInput(required=False, help_text="Legal bases and ethics approval are required of patients' data.")
    privacy = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="regime (per_site, distributed or none), epsilon, delta, clip; the noise is solved from them unless "
        "noise_multiplier is given. Instead of epsilon_budget. distributed needs security with masking, makes each "
        "round one step, and takes sample_rate, quorum, colluding and levels too.",
    )
    security = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="masking, threshold, keep, field_bits, clip, error_feedback, min_cell, qkd; what is left out is as "
        "recommended. Without it messages are signed only.",
    )
    strategy = serializers.CharField(required=False, max_length=40, help_text="Name of the aggregation rule.")
    strategy_options = serializers.DictField(required=False, allow_null=True, help_text="Options of that rule.")
    participation = serializers.DictField(
        required=False, allow_null=True, help_text="quorum and deadline_seconds, each a whole number or null."
    )
    fairness = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="attribute (whose groups are weighed against bias before training), and of target (parity or "
        "equal_mass), solver (qaoa, vqe, annealing or exact), bits and min_cell what is not to be as recommended. Not "
        "with differential privacy.",
    )
    scores = serializers.DictField(
        required=False,
        allow_null=True,
        help_text='{"epsilon": 1}: what the noised scores of all rounds may cost a patient who is scored, at most the '
        "run's own ε. Only with differential privacy, where without it no scores leave the sites.",
    )
    start = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="version (the id of a registered version) and encoder: null goes on training with all weights, tuned "
        "or frozen takes its encoder alone and starts the rest anew. The models are then the version's, or classifiers "
        "on its encoders.",
    )
    device = serializers.DictField(
        required=False,
        allow_null=True,
        help_text='{"name": "ibm", "quantum_volume": 64}: the run starts only if that volume of the device was '
        "confirmed in the last 7 days; of a simulator, under the noise model that the circuit is trained under.",
    )
    model = ModelInput(required=False, allow_null=True, help_text="Left out: the task's recommended models.")
    engine = serializers.DictField(
        required=False,
        allow_null=True,
        help_text='{"name": "flare"}: NVIDIA FLARE carries the orders. Left out: the sites\' own workers.',
    )


class RunOutput(serializers.ModelSerializer):
    federation = serializers.UUIDField(source="federation_id")
    rounds_planned = serializers.IntegerField()
    health_check = serializers.UUIDField(
        source="health_check_id", allow_null=True,
        help_text="The measured quantum volume that met what the run requires of a device, when it started.",
    )  # fmt: skip

    class Meta:
        model = TrainingRun
        fields = [
            "id", "federation", "name", "state", "rounds_planned", "config_hash", "created_at", "started_at",
            "health_check", "finished_at", "stop_reason",
        ]  # fmt: skip


class AbortInput(serializers.Serializer):
    reason = serializers.CharField(max_length=2000)


class ExclusionOutput(serializers.Serializer):
    """A site's answer that did not count, and why."""

    site = serializers.CharField(source="participant.site")
    phase = serializers.CharField()
    kind = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField(source="created_at")


class RoundOutput(serializers.Serializer):
    number = serializers.IntegerField()
    state = serializers.CharField()
    started_at = serializers.DateTimeField(source="created_at")
    finished_at = serializers.DateTimeField(allow_null=True)
    start_weights = serializers.JSONField()
    weights = serializers.JSONField()
    metrics = serializers.JSONField()
    took_part = serializers.SerializerMethodField(help_text="Sites whose updates counted.")
    exclusions = ExclusionOutput(many=True)

    def get_took_part(self, round_) -> list[str]:
        return sorted(update.participant.site for update in round_.updates.all())


class SiteProgressOutput(serializers.Serializer):
    site = serializers.CharField()
    doing = serializers.CharField(allow_blank=True)
    model = serializers.CharField(allow_blank=True)
    step = serializers.IntegerField(allow_null=True)
    steps = serializers.IntegerField(allow_null=True)
    loss = serializers.FloatField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    silent_since = serializers.DateTimeField(allow_null=True)


class ProgressOutput(serializers.Serializer):
    """`eta_seconds` is the mean of the finished rounds times what is left; null before the first has finished."""

    rounds = serializers.IntegerField()
    done = serializers.IntegerField()
    round_in_hand = serializers.IntegerField(source="number", allow_null=True)
    mean_round_seconds = serializers.FloatField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)
    sites = SiteProgressOutput(many=True)


class RunDetailOutput(RunOutput):
    """A run with all that its page shows. The view hangs `answers`, `history` and `progress` on the run."""

    config = serializers.JSONField()
    epsilon_budget = serializers.FloatField(source="config.epsilon_budget", allow_null=True)
    epsilon = serializers.SerializerMethodField()
    consents = serializers.SerializerMethodField(help_text="Site to its latest decision; null: not answered.")
    answers = ConsentOutput(many=True)
    waiting_for = serializers.SerializerMethodField(help_text="Site to those whose consent is missing, in words.")
    reconsiderations = ReconsiderationOutput(many=True)
    rounds = RoundOutput(many=True, source="history")
    progress = ProgressOutput()

    class Meta(RunOutput.Meta):
        fields = [
            *RunOutput.Meta.fields, "config", "epsilon_budget", "epsilon", "consents", "answers", "waiting_for",
            "reconsiderations", "rounds", "progress",
        ]  # fmt: skip

    def get_consents(self, run) -> dict[str, str | None]:
        return {a.participant.site: a.decision for a in run.answers}

    def get_waiting_for(self, run) -> dict[str, list[str]]:
        return waiting_for(run) if run.state in {"proposed", "approved"} else {}

    def get_epsilon(self, run) -> dict[str, float | None]:
        """By site, after the last finished round; null where nothing bounds the loss of privacy."""
        done = [r for r in run.history if r.metrics]
        return done[-1].metrics.get("epsilon", {}) if done else {}


class EventOutput(serializers.ModelSerializer):
    class Meta:
        model = RunEvent
        fields = ["id", "at", "kind", "site", "text", "data"]
