from __future__ import annotations

from rest_framework import serializers

from models_registry.models import CardPublication


class PublicCardFilter(serializers.Serializer):
    model = serializers.UUIDField(source="version__model", required=False)
    version = serializers.UUIDField(required=False)


class PublicCardOutput(serializers.ModelSerializer):
    model = serializers.CharField(source="version.model.name")
    edition = serializers.IntegerField(source="card.edition")

    class Meta:
        model = CardPublication
        fields = ["id", "created_at", "model", "version", "edition", "card_digest"]


class PublicCardDetailOutput(PublicCardOutput):
    content = serializers.JSONField(source="card.content")

    class Meta(PublicCardOutput.Meta):
        fields = [*PublicCardOutput.Meta.fields, "content"]
