"""What the API takes and gives. Prediction and outcome batches are read by `audits.runtime.records`, not by these."""

from __future__ import annotations

from rest_framework import serializers

from audits.runtime.models import Halt, Reinstatement
from audits.runtime.row_proofs import ProvedPrediction


class ReasonInput(serializers.Serializer):
    reason = serializers.CharField(max_length=2000)


class HaltFilter(serializers.Serializer):
    open = serializers.BooleanField(source="closed_at__isnull", required=False)
    automatic = serializers.BooleanField(required=False)


class HaltInput(ReasonInput):
    site = serializers.CharField(
        max_length=40, required=False, allow_blank=True, default="", help_text="only there; empty: everywhere"
    )


class DocumentInput(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    data = serializers.CharField(help_text="base64; at most 20 MiB")  # type: ignore[assignment]


class VoteInput(ReasonInput):
    """The first vote names an audit or brings a document; the next ones give the digest of what they vote on."""

    halt = serializers.UUIDField(required=False, help_text="the halt voted on; by default the open one")
    audit = serializers.UUIDField(required=False, help_text="finished after the halt")
    document = DocumentInput(required=False)
    digest = serializers.RegexField(r"^[0-9a-f]{64}$", required=False, help_text="of the first vote's evidence")


class ImageInput(serializers.Serializer):
    shape = serializers.ListField(
        child=serializers.IntegerField(), help_text="[channels, height, width], or slices first"
    )
    dtype = serializers.ChoiceField(["uint8", "float32"])
    data = serializers.CharField(help_text="base64, row-major, little-endian; uint8 is divided by 255")  # type: ignore[assignment]


class PredictionInput(serializers.Serializer):
    event_key = serializers.CharField(max_length=200, help_text="your name of the case, once a deployment")
    patient = serializers.CharField(max_length=200, help_text="stored as a pseudonym")
    attributes = serializers.DictField(child=serializers.CharField(), required=False)
    features = serializers.ListField(child=serializers.FloatField(), required=False)
    image = ImageInput(required=False)
    age = serializers.FloatField(required=False, help_text="years; these three where the deployment's policy asks")
    device = serializers.CharField(required=False)
    use = serializers.ChoiceField(["care", "study", "research"], required=False)


class PredictionsInput(serializers.Serializer):
    records = PredictionInput(many=True, help_text="1 to 256")


class PredictionsOutput(serializers.Serializer):
    deployment = serializers.UUIDField()
    kind = serializers.CharField()
    acted_on = serializers.BooleanField(allow_null=True)
    batch = serializers.UUIDField()
    at = serializers.DateTimeField()
    model = serializers.DictField()
    regulatory = serializers.CharField(help_text="the status of the device, as approved")
    operating_range = serializers.DictField(help_text="whether the approved card has one, and of how many inputs")
    predictions = serializers.ListField(child=serializers.DictField())
    notice = serializers.CharField()
    warnings = serializers.ListField(child=serializers.CharField(), required=False, help_text="of the chain's word")


class PredictionProofOutput(serializers.Serializer):
    """A row and what proves it: SHA-256 leaves as in RFC 9162, see `provenance.domain.batch`."""

    batch = serializers.UUIDField(source="evidence.batch.id")
    entry = serializers.IntegerField(
        source="entry.seq", default=None, allow_null=True, help_text="of the ledger; null: on its way there"
    )
    root = serializers.CharField(  # type: ignore[assignment]
        source="evidence.batch.root", help_text="of the batch, as the ledger has it; hex"
    )
    index = serializers.IntegerField(source="evidence.proof.index")
    size = serializers.IntegerField(source="evidence.proof.size")
    row = serializers.DictField(source="evidence.row")
    salt = serializers.SerializerMethodField(help_text="of this row; hex")
    path = serializers.SerializerMethodField(help_text="sibling hashes from the row up; hex")
    proves = serializers.SerializerMethodField(help_text="whether the stored row is the one that was committed to")
    problem = serializers.CharField()

    def get_salt(self, proved: ProvedPrediction) -> str:
        return proved.evidence.proof.salt.hex()

    def get_path(self, proved: ProvedPrediction) -> list[str]:
        return [value.hex() for value in proved.evidence.proof.hashes]

    def get_proves(self, proved: ProvedPrediction) -> bool:
        return not proved.problem


class VoteOutput(serializers.ModelSerializer):
    class Meta:
        model = Reinstatement
        fields = [
            "id", "halt", "officer", "institution", "reason", "evidence_kind", "evidence_digest", "evidence_source",
            "evidence_name", "created_at", "withdrawn_at", "withdrawn_by", "withdrawn_why",
        ]  # fmt: skip


class HaltOutput(serializers.ModelSerializer):
    reinstatements = VoteOutput(many=True)

    class Meta:
        model = Halt
        fields = [
            "id", "deployment", "automatic", "halted_by", "reason", "alarm", "position", "site", "source", "created_at",
            "closed_at", "reinstatements",
        ]  # fmt: skip


class MonitorOutput(serializers.Serializer):
    deployment = serializers.UUIDField()
    state = serializers.CharField()
    position = serializers.IntegerField(help_text="outcomes folded")
    outcomes = serializers.IntegerField(help_text="outcomes told")
    predictions = serializers.IntegerField()
    amber = serializers.BooleanField()
    updated_at = serializers.DateTimeField(allow_null=True)
    summary = serializers.DictField()
