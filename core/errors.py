"""One tree of errors that a user can cause, and the one place where they become answers."""

from __future__ import annotations

import logging

from django.core.exceptions import ValidationError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

logger = logging.getLogger(__name__)


class ApplicationError(Exception):
    """A request that cannot be done. The message says what was expected, what came and what to do."""

    status = 400
    code = "invalid"

    def __init__(self, message: str, **extra: object) -> None:
        super().__init__(message)
        self.message, self.extra = message, extra


class Conflict(ApplicationError):
    """The state of the thing does not allow this now."""

    status = 409
    code = "conflict"


class Forbidden(ApplicationError):
    """Whatever the state, not for this person."""

    status = 403
    code = "forbidden"


class NotFound(ApplicationError):
    """There is no such thing, or none within the person's reach: which of the two is not told."""

    status = 404
    code = "not_found"


class Locked(ApplicationError):
    """The deployment is halted: nothing is served."""

    status = 423
    code = "halted"


def api_exception_handler(error: Exception, context: dict) -> Response | None:
    """Every API error has the same shape: code, message, and what helps to mend it."""
    if isinstance(error, ApplicationError):
        return Response({"code": error.code, "message": error.message, **error.extra}, status=error.status)
    if isinstance(error, ValidationError):
        error = exceptions.ValidationError(error.messages)
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = response.data
    if isinstance(error, exceptions.ValidationError):
        response.data = {"code": "invalid", "message": "The request has invalid fields.", "fields": detail}
    else:
        code = getattr(error, "default_code", "error")
        message = detail.get("detail", str(error)) if isinstance(detail, dict) else str(error)
        response.data = {"code": str(code), "message": str(message)}
    return response
