from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from provenance import decisions, subjects
from provenance.domain.decision import SubjectState, Verdict
from provenance.exploring import Criteria
from provenance.models_decisions import ChainDecision


class EntriesInput(serializers.Serializer):
    """What a list of entries can be narrowed to.

    Actor, action and request stand in the protected bodies: for people of the platform itself, and recorded. A
    pseudonym (`psn:...`) as actor is public.
    """

    table = serializers.CharField(required=False, max_length=128)
    operation = serializers.CharField(required=False, max_length=32)
    object = serializers.CharField(required=False, max_length=1024)
    since = serializers.DateTimeField(required=False, help_text="included; UTC unless it names a zone")
    until = serializers.DateTimeField(required=False, help_text="included; UTC unless it names a zone")
    actor = serializers.CharField(required=False, max_length=60, help_text="pseudonym, UUID, platform or nobody")
    action = serializers.CharField(required=False, max_length=120)
    request = serializers.CharField(required=False, max_length=64)

    def criteria(self) -> Criteria:
        return Criteria(**self.validated_data)


class EntryOutput(serializers.Serializer):
    """An entry as the world sees it: the leaf and its hash."""

    seq = serializers.IntegerField()
    table = serializers.CharField()
    operation = serializers.CharField()
    object = serializers.CharField(source="object_id")
    at = serializers.DateTimeField()
    leaf = serializers.SerializerMethodField()
    leaf_hash = serializers.SerializerMethodField()

    def get_leaf(self, entry: Any) -> str:
        return bytes(entry.leaf).decode()

    def get_leaf_hash(self, entry: Any) -> str:
        return bytes(entry.leaf_hash).hex()


class CheckpointOutput(serializers.Serializer):
    size = serializers.IntegerField(help_text="Entries under it.")
    root = serializers.SerializerMethodField(help_text="Hex.")  # type: ignore[assignment]
    created_at = serializers.DateTimeField()
    note = serializers.CharField(help_text="As it is signed (C2SP tlog-checkpoint).")

    def get_root(self, checkpoint: Any) -> str:
        return bytes(checkpoint.root).hex()


class TableFigureOutput(serializers.Serializer):
    table = serializers.CharField()
    found = serializers.IntegerField()
    expected = serializers.IntegerField()


class CompletenessOutput(serializers.Serializer):
    """Of the rows that the log should give, how many stand in the tables as it gives them."""

    found = serializers.IntegerField()
    expected = serializers.IntegerField()
    at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    tables = TableFigureOutput(many=True)
    differences = serializers.ListField(child=serializers.CharField())


class StartedOutput(serializers.Serializer):
    message = serializers.CharField()


class BodyOutput(serializers.Serializer):
    """What the leaf commits to; with the salt, anyone can compute the commitment again.

    In `text` what people wrote is ciphertext, and stays so; `reason` and `row` show it opened, while its writer's key
    lives.
    """

    text = serializers.CharField()
    reason = serializers.CharField()
    row = serializers.DictField()
    salt = serializers.SerializerMethodField()
    actor_role = serializers.CharField(source="role")
    opens_commitment = serializers.SerializerMethodField()

    def get_salt(self, opened: Any) -> str:
        return bytes(opened.body.salt).hex()

    def get_opens_commitment(self, opened: Any) -> bool:
        return not opened.problem


class AnchorOutput(serializers.Serializer):
    size = serializers.IntegerField(source="checkpoint_id")
    tx_hash = serializers.CharField()
    block_number = serializers.IntegerField(allow_null=True)
    receipt = serializers.JSONField(allow_null=True)


class DetailOutput(EntryOutput):
    state = serializers.CharField()  # verified, sequenced (no checkpoint yet) or mismatch
    problems = serializers.ListField(child=serializers.CharField())
    checkpoint_size = serializers.IntegerField(allow_null=True)
    anchor = AnchorOutput(allow_null=True)
    body = BodyOutput(allow_null=True)  # null: it lies outside your reach


class StatusOutput(serializers.Serializer):
    entries = serializers.IntegerField()
    waiting = serializers.IntegerField()
    last_at = serializers.DateTimeField(allow_null=True)
    origin = serializers.CharField()
    keys = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.JSONField(allow_null=True)
    chain = serializers.JSONField(allow_null=True)
    anchors = serializers.IntegerField()
    anchor_lag = serializers.IntegerField()
    anchor_lag_seconds = serializers.FloatField()


class VerificationOutput(serializers.Serializer):
    ok = serializers.BooleanField()
    entries = serializers.IntegerField()
    tiles = serializers.IntegerField()
    checkpoints = serializers.IntegerField()
    anchors = serializers.IntegerField()
    anchored_size = serializers.IntegerField()
    root_sha256 = serializers.CharField(source="root", allow_blank=True)  # empty: the check stopped before it
    cosignatures = serializers.IntegerField(required=False)
    rows_expected = serializers.IntegerField(required=False, help_text="rows that the log should give, or gives")
    rows_found = serializers.IntegerField(required=False, help_text="of these, how many stand as the log gives them")
    tables = serializers.DictField(required=False, help_text="table to [found, expected]")
    problems = serializers.ListField(child=serializers.CharField())
    verified_at = serializers.CharField()
    seconds = serializers.FloatField()


class WitnessOutput(serializers.Serializer):
    """A witness and how far it has seen the log."""

    name = serializers.CharField()
    institution = serializers.CharField()
    is_active = serializers.BooleanField()
    size = serializers.IntegerField(help_text="entries under its last cosignature; 0: it never cosigned")
    lag_entries = serializers.IntegerField()
    cosigned_at = serializers.DateTimeField(allow_null=True)
    asked_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField(help_text="empty, away, refused, false, clock, forgot, ahead or split")
    problem_text = serializers.CharField()
    vkeys = serializers.ListField(child=serializers.CharField())


# --- decisions on the chain ----------------------------------------------------------------------------------------


class DecisionsInput(serializers.Serializer):
    object = serializers.CharField(required=False, max_length=200)


class SubjectInput(serializers.Serializer):
    object = serializers.CharField(max_length=200, help_text="A deployment or version.")


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())


class ProposeInput(serializers.Serializer):
    object = serializers.CharField(max_length=200)
    content_digest = serializers.RegexField(
        r"^[0-9a-f]{64}\Z", required=False, help_text="of what you reviewed; refused if other content was approved"
    )
    verdict = serializers.ChoiceField(sorted(verdict.name.lower() for verdict in Verdict))
    rationale = serializers.CharField(max_length=decisions.MOST_RATIONALE)
    expires_in_s = serializers.IntegerField(
        required=False, min_value=_seconds(decisions.SHORTEST), max_value=_seconds(decisions.LONGEST)
    )


class SignatureInput(serializers.Serializer):
    signature = serializers.CharField(max_length=140)


class AddressInput(serializers.Serializer):
    address = serializers.CharField(max_length=42)


class KeyInput(serializers.Serializer):
    challenge = serializers.CharField(max_length=2000, trim_whitespace=False)
    signature = serializers.CharField(max_length=140)


class RevokeInput(serializers.Serializer):
    reason = serializers.CharField(max_length=1000)


class ChainDecisionOutput(serializers.Serializer):
    """A decision; what it is on and why stands for those who decide in its download."""

    id = serializers.UUIDField()
    object = serializers.CharField(source="object_id")
    verdict = serializers.CharField(source="get_verdict_display")
    state = serializers.CharField()
    subject = serializers.CharField()
    commitment = serializers.CharField()
    proposer = serializers.CharField()
    nonce = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    needed = serializers.IntegerField()
    signed_by = serializers.SerializerMethodField()
    tx_hash = serializers.CharField()
    block_number = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()

    def get_signed_by(self, decision: ChainDecision) -> list[str]:
        return [signature.address for signature in decision.signatures.all()]


class SubjectOutput(serializers.Serializer):
    """The object's standing on the chain, as the mirror has it."""

    state = serializers.SerializerMethodField()
    read_at = serializers.DateTimeField(allow_null=True)
    nonce = serializers.IntegerField()
    proposer = serializers.CharField()
    content_digest = serializers.CharField()

    def get_state(self, view: subjects.SubjectView) -> str:
        return SubjectState(view.state).name.lower()


class KeyOutput(serializers.Serializer):
    id = serializers.UUIDField()
    user = serializers.UUIDField(source="user_id")
    address = serializers.CharField()
    registered_at = serializers.DateTimeField(source="created_at")
    revoked_at = serializers.DateTimeField(allow_null=True)
