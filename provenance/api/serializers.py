from __future__ import annotations

from typing import Any

from rest_framework import serializers


class EntriesInput(serializers.Serializer):
    """What a list of entries can be narrowed to; `after` is the number of the last entry already seen."""

    table = serializers.CharField(required=False, max_length=128)
    operation = serializers.CharField(required=False, max_length=32)
    object = serializers.CharField(required=False, max_length=200)
    after = serializers.IntegerField(required=False, min_value=-1, default=-1)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=500, default=100)

    def chosen(self) -> dict[str, Any]:
        names = {"table": "table", "operation": "operation", "object": "object_id"}
        return {names[key]: value for key, value in self.validated_data.items() if key in names}


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


class EntriesOutput(serializers.Serializer):
    results = EntryOutput(many=True)
    next = serializers.IntegerField(allow_null=True)  # pass it as `after`; null: nothing more yet


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
    problems = serializers.ListField(child=serializers.CharField())
    verified_at = serializers.CharField()
    seconds = serializers.FloatField()
