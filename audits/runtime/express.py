"""The short way in for clinical systems: a batch sent with a key, and in order, meets nothing that is made for people.

Sessions, forms, cross-site checks, languages and content negotiation cost a single event as much as storing it. What is
not plain sailing is left to the usual way, from the start: until the batch is stored, nothing is.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from rest_framework.renderers import JSONRenderer

from audits.runtime import external, ingest
from audits.runtime.admission import admit_key
from audits.runtime.api.bodies import batch_body
from audits.runtime.latency import TIMES
from core import context
from core.errors import ApplicationError
from core.middleware import request_id

_PATH = re.compile(r"/api/v1/deployments/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/(events|outcomes)")
_WAYS: dict[str, tuple[str, Callable[..., dict]]] = {
    "events": ("event.record", external.events_create),
    "outcomes": ("outcome.record", ingest.outcomes_create),
}
_HEADERS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Vary": "Accept"}


class ExpressMiddleware:
    """Answers a batch that a valid key may send; passes everything else on.

    It stands behind SecurityMiddleware, and before all that needs a session.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._express(request) or self.get_response(request)

    def _express(self, request: HttpRequest) -> HttpResponse | None:
        found = _PATH.fullmatch(request.path_info) if request.method == "POST" else None
        if found is None or "json" not in request.headers.get("Accept", "json").replace("*/*", "json"):
            return None
        begun, (deployment, way) = time.perf_counter(), found.groups()
        action, create = _WAYS[way]
        try:
            request.get_host()
            sender = admit_key(uuid.UUID(deployment), request.headers.get("Authorization", ""))
            if sender is None or not sender.caller.may(action):
                return None
            request.id = request_id(request)  # type: ignore[attr-defined]
            context.set_request(request_id=request.id)  # type: ignore[attr-defined]
            context.set_actor(sender.caller.pk)
            answer = create(
                sender=sender, body=batch_body(request), idempotency_key=request.headers.get("Idempotency-Key")
            )
        except (ApplicationError, DisallowedHost, SuspiciousOperation):
            return None  # nothing is stored; the usual way finds the same and says so
        content = JSONRenderer().render(answer)
        headers = _HEADERS | {"X-Request-Id": request.id, "Content-Length": str(len(content))}  # type: ignore[attr-defined]
        response = HttpResponse(content, content_type="application/json", headers=headers)
        TIMES.add(way, response.status_code, time.perf_counter() - begun)
        return response
