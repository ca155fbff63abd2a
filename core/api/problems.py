"""Errors of the API as RFC 9457 has them: one document, whatever went wrong, that says what to do about it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from core.errors import ApplicationError

MEDIA_TYPE = "application/problem+json"
API_ROOT = "/api/"
_PAGE = "/api/v1/docs#problem-"  # where each code is explained
# What the codes mean, in the words of the page that explains them.
TITLES = {
    "invalid": "The request cannot be done as it was sent",
    "parse_error": "The body cannot be read",
    "not_authenticated": "Nobody is signed in and no key was sent",
    "authentication_failed": "The key or the session is not valid",
    "permission_denied": "Your role or your key does not allow this",
    "forbidden": "Whatever the state, not for this caller",
    "second_factor_required": "Your role demands a second factor",
    "wrong_password": "The password asked for once more is not yours",
    "not_found": "There is no such thing within your reach",
    "method_not_allowed": "This address does not answer this method",
    "conflict": "The state of the thing does not allow this now",
    "precondition_failed": "It has changed since you read it",
    "too_large": "The request is larger than is read at once",
    "too_many": "The answer is larger than a request can wait for",
    "unsupported_media_type": "The body is of a type that is not read here",
    "bad_records": "Some records of the batch cannot be taken",
    "halted": "The deployment is halted",
    "throttled": "Too many requests; wait",
    "locked_out": "Too many wrong passwords; wait",
    "error": "The platform failed",
}


def problem(request: HttpRequest | None, status: int, code: str, detail: str, **extra: object) -> dict[str, Any]:
    """The document. `message` repeats `detail` for clients that were written before there were problems."""
    found = {
        "type": _PAGE + code,
        "title": TITLES.get(code, HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "code": code,
        "message": detail,
        **extra,
    }
    if request is not None:
        found |= {"instance": request.path, "request_id": getattr(request, "id", "")}
    return found


def problem_response(request: HttpRequest, status: int, code: str, detail: str, **extra: object) -> HttpResponse:
    """The document, where no view of the API answers."""
    found = problem(request, status, code, detail, **extra)
    return HttpResponse(json.dumps(found, default=str), status=status, content_type=MEDIA_TYPE)


def of_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(API_ROOT)


def exception_answered(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error that a view of the API raises; None for a bug, which is answered as one."""
    request = context["request"]
    if isinstance(error, ApplicationError):
        told = problem(request._request, error.status, error.code, error.message, **error.extra)
        return Response(told, status=error.status, content_type=MEDIA_TYPE)
    if isinstance(error, ValidationError):
        error = exceptions.ValidationError(error.messages)
    if isinstance(error, DataError):
        error = exceptions.ParseError("A number, a time or a text is larger than can be kept")
    response = exception_handler(error, context)
    if response is None:
        return None
    code, detail, extra = _told(error, response.data, context)
    response.data = problem(request._request, response.status_code, code, detail, **extra)
    response.content_type = MEDIA_TYPE
    return response


def _told(error: Exception, data: Any, context: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Code, words and what helps to mend it, of one of the framework's own errors."""
    request = context["request"]
    if isinstance(error, exceptions.ValidationError):
        told = "; ".join(_sentences(data))
        return "invalid", f"The request has invalid fields: {told} Mend them and send it again.", {"fields": data}
    if isinstance(error, Http404):
        return "not_found", _absent(error), {}
    said = str(data.get("detail", error)) if isinstance(data, dict) else str(error)
    code = str(getattr(error, "default_code", "error"))
    if isinstance(error, exceptions.MethodNotAllowed):
        allowed = context["view"].allowed_methods
        return code, f"Expected {' or '.join(allowed)} at this address, got {request.method}.", {"allowed": allowed}
    if isinstance(error, exceptions.UnsupportedMediaType):
        expected = sorted(parser.media_type for parser in context["view"].parser_classes)
        got = request.content_type or "none"
        return "unsupported_media_type", f"Expected Content-Type {' or '.join(expected)}, got {got[:80]}.", {}
    if isinstance(error, exceptions.NotAuthenticated):
        expected_key = "Expected a signed-in session or `Authorization: Api-Key qfl_…`, got neither."
        return code, f"{expected_key} Sign in, or ask an administrator for a key.", {}
    if isinstance(error, exceptions.ParseError):
        return code, f"{said.removesuffix('.')}. Nothing was changed; mend the body and send it again.", {}
    return code, said, {}


def _absent(error: Http404) -> str:
    own = str(error.args[0]) if error.args else ""
    if not own or "matches the given query" in own:
        own = "There is no such thing, or none within your reach."
    return f"{own.removesuffix('.')}. Check the address; the list above it shows what you may see."


def _sentences(data: Any, path: str = "") -> list[str]:
    """`records.0.score: Expected …`, of however deep a field."""
    if isinstance(data, dict):
        return [
            told for name, found in data.items() for told in _sentences(found, f"{path}.{name}" if path else str(name))
        ]
    if isinstance(data, list) and any(isinstance(one, dict | list) for one in data):
        return [told for index, found in enumerate(data) for told in _sentences(found, f"{path}.{index}")]
    words = " ".join(str(one) for one in data) if isinstance(data, list) else str(data)
    return [f"{path}: {words}" if path and path != "non_field_errors" else words]
