"""Lists of the API come in one envelope: `count`, `next`, `previous`, `results`."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination, LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from core import vault

MOST = 500
_FARTHEST = 10**9


class Pages(LimitOffsetPagination):
    """`limit` and `offset`; a slip in either is told, not silently replaced.

    Where rows hold sealed texts, the view names the columns of who wrote them (`sealed_by`): their keys are fetched in
    one query instead of one a writer.
    """

    default_limit = 50
    max_limit = MOST

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        rows: list[Any] | None = super().paginate_queryset(queryset, request, view)
        written = (getattr(row, name) for row in rows or [] for name in getattr(view, "sealed_by", ()))
        vault.warm(writer for writer in written if writer is not None)
        return rows

    def get_limit(self, request: Request) -> int:
        return whole(request, "limit", least=1, most=MOST, usual=self.default_limit)

    def get_offset(self, request: Request) -> int:
        return whole(request, "offset", least=0, most=_FARTHEST, usual=0)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return envelope(schema, "How many there are.")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            parameter("limit", 1, MOST, self.default_limit, "How many at once."),
            parameter("offset", 0, _FARTHEST, 0, "How many to leave out first."),
        ]


class Following(BasePagination):
    """`after` and `limit`: for lists that grow at their end and are too long to be counted or skipped over.

    The view says which number its rows are followed by (`key`), how many come at once (`usual`), and where the list
    begins (`start`, the number before the first). `next` is null at the end; ask again with the last number seen.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.key, self.request = view.key, request
        limit = whole(request, "limit", least=1, most=MOST, usual=view.usual)
        after = whole(request, "after", least=view.start, most=2**63 - 1, usual=view.start)
        found = list(queryset.filter(**{f"{self.key}__gt": after}).order_by(self.key)[: limit + 1])
        self.last = getattr(found[limit - 1], self.key) if len(found) > limit else None
        return found[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        here = self.request.build_absolute_uri()
        following = None if self.last is None else replace_query_param(here, "after", self.last)
        return Response({"count": None, "next": following, "previous": None, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return envelope(schema, "Always null: this list is too long to be counted.")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            parameter("limit", 1, MOST, view.usual, "How many at once."),
            parameter("after", view.start, 2**63 - 1, view.start, "Only what follows this number."),
        ]


def whole(request: Request, name: str, *, least: int, most: int, usual: int) -> int:
    """A whole number of the query, within bounds.

    Raises
    ------
    ValidationError
        If it is none.
    """
    text = request.query_params.get(name, "")
    if text == "":
        return usual
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 20 and least <= int(text) <= most:
        return int(text)
    raise ValidationError({name: [f"Expected a whole number from {least} to {most}, got {text[:40]!r}."]})


def parameter(name: str, least: int, most: int, usual: int, words: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": usual}
    return {"name": name, "in": "query", "required": False, "description": words, "schema": schema}


def envelope(schema: dict[str, Any], count: str) -> dict[str, Any]:
    address = {"type": ["string", "null"], "format": "uri"}
    return {
        "type": "object",
        "required": ["count", "next", "previous", "results"],
        "properties": {
            "count": {"type": ["integer", "null"], "description": count},
            "next": {**address, "description": "Address of what follows; null: nothing does."},
            "previous": {**address, "description": "Address of what comes before."},
            "results": schema,
        },
    }
