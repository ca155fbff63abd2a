"""How a list is narrowed: the view names a serializer (`filters`), whose fields are read from the query."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request


class Filters(BaseFilterBackend):
    """Each field narrows by its own name, or by the lookup in its `source`; what is not given narrows nothing."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        kind = getattr(view, "filters", None)
        if kind is None:
            return queryset
        asked = kind(data={name: value for name, value in request.query_params.items() if value != ""})
        asked.is_valid(raise_exception=True)
        return queryset.filter(**asked.validated_data)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        kind = getattr(view, "filters", None)
        fields = kind().fields if kind is not None else {}
        return [
            {
                "name": name, "in": "query", "required": False, "schema": _schema(field),
                "description": str(field.help_text or f"Only those of this {name.replace('_', ' ')}."),
            }
            for name, field in fields.items()
        ]  # fmt: skip


def _schema(field: serializers.Field) -> dict[str, Any]:
    if isinstance(field, serializers.ChoiceField):
        return {"type": "string", "enum": list(field.choices)}
    for kind, schema in (
        (serializers.UUIDField, {"type": "string", "format": "uuid"}),
        (serializers.DateTimeField, {"type": "string", "format": "date-time"}),
        (serializers.DateField, {"type": "string", "format": "date"}),
        (serializers.BooleanField, {"type": "boolean"}),
        (serializers.IntegerField, {"type": "integer"}),
    ):
        if isinstance(field, kind):
            return dict(schema)
    most = getattr(field, "max_length", None)
    return {"type": "string", "maxLength": most} if most else {"type": "string"}
