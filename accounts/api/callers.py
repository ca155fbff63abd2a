"""Who asks, and what was sent: the two questions that each view of the API begins with."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from accounts.models import User
from core.errors import Forbidden


def person(request: Request) -> User:
    """Who acts. What somebody answers for is a named person's, never a machine's key."""
    if not isinstance(request.user, User):
        raise Forbidden("This is done by a named person who is signed in, not with an API key.")
    return request.user


def given(shape: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """What was sent, if it has the shape."""
    told = shape(data=request.data)
    told.is_valid(raise_exception=True)
    return told.validated_data


def asked(shape: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """What the query says, if it has the shape."""
    told = shape(data=request.query_params)
    told.is_valid(raise_exception=True)
    return told.validated_data
