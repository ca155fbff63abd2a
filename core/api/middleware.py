"""Validators of the API (RFC 9110, 13): a tag for whatever is read, and no change of what the caller has not seen.

The tag is the digest of the representation that the caller gets, so it needs no column and cannot be forgotten in one.
`If-Match` is held against the nearest address upward that can be read: of `/incidents/ID/facts` that is
`/incidents/ID`. Whoever sends it is answered 412 if that has changed, with the present state to put the own change on
top of. Two who send it at once go one after the other; the second is refused.
"""

from __future__ import annotations

import copy
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import resolve
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

from core.api.problems import of_api, problem_response

_LOCKS = 0x0E7A6  # the class of advisory locks, beside the one number that processes hold (core.process)
_READS = {"GET", "HEAD"}
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_VALIDATORS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")


class ApiMiddleware:
    """Stands last, so that what it reads for a comparison passes every other one only once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not of_api(request):
            return self.get_response(request)
        if (
            "\0" in request.path_info
            or "\0" in request.META.get("QUERY_STRING", "")
            or "%00" in request.get_full_path()
        ):
            return problem_response(request, 400, "invalid", "An address cannot hold the character U+0000.")
        if request.method in _READS:
            return validated(request, self.get_response(request))
        expected = request.META.get("HTTP_IF_MATCH")
        if expected is None or request.method not in _WRITES:
            return self.get_response(request)
        return self._if_match(request, parse_etags(expected))

    def _if_match(self, request: HttpRequest, expected: list[str]) -> HttpResponse:
        where = _readable(request.path_info)
        if where is None:
            return self.get_response(request)
        with _one_after_another(where):
            found = self.get_response(_as_read(request, where))
            if found.status_code != 200 or "*" in expected or tag_of(found) in expected:
                return self.get_response(request)
            return _changed(request, where, found)


def validated(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The answer with its tag, or 304 to whoever has it already."""
    if response.status_code != 200 or response.streaming:
        return response
    response.headers.setdefault("ETag", tag_of(response))
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ["Authorization", "Cookie"])
    known = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    tag = response.headers["ETag"]
    if tag.removeprefix("W/") not in {one.removeprefix("W/") for one in known} and "*" not in known:
        return response
    kept = {name: response.headers[name] for name in ("ETag", "Cache-Control", "Vary")}
    return HttpResponse(status=304, headers=kept)


def tag_of(response: HttpResponse) -> str:
    return f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'


def _readable(path: str) -> str | None:
    """The nearest address upward that answers GET."""
    parts = path.strip("/").split("/")
    for length in range(len(parts), 2, -1):  # /api/v1/ itself is none
        candidate = "/" + "/".join(parts[:length])
        try:
            view = getattr(resolve(candidate).func, "view_class", None) or getattr(resolve(candidate).func, "cls", None)
        except Http404:
            continue
        if view is not None and hasattr(view, "get"):
            return candidate
    return None


def _as_read(request: HttpRequest, path: str) -> HttpRequest:
    """The same caller, reading that address."""
    reading = copy.copy(request)
    reading.method, reading.path, reading.path_info = "GET", path, path
    reading.GET = QueryDict("")
    left_out = {*_VALIDATORS, "CONTENT_LENGTH", "CONTENT_TYPE"}
    reading.META = {name: value for name, value in request.META.items() if name not in left_out}
    reading.META |= {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": ""}
    return reading


def _changed(request: HttpRequest, where: str, found: HttpResponse) -> HttpResponse:
    present: Any = json.loads(found.content) if "json" in found.headers.get("Content-Type", "") else None
    told = (
        f"{where} has changed since you read it, so nothing was done. `current` is how it stands now: put your change "
        "on top of that, and send it again with the tag in `etag` as If-Match."
    )
    answer = problem_response(request, 412, "precondition_failed", told, etag=tag_of(found), current=present)
    answer.headers["ETag"] = tag_of(found)
    return answer


@contextmanager
def _one_after_another(name: str) -> Iterator[None]:
    """Held by the connection: services begin and end their own transactions meanwhile."""
    key = [_LOCKS, zlib.crc32(name.encode()) - 2**31]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", key)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
