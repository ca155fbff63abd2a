"""Live streams (server-sent events). They say that something changed, never what: the page fetches its part again."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from qflethics.live.topics import Topic
from qflethics.live.watch import watching

HEARTBEAT_SECONDS = 15
STREAM_SECONDS = 600  # then it ends; the browser comes back by itself, and is authenticated anew
_REFUSALS = {401: "Sign in to watch this.", 403: "Your role does not permit this.", 404: "There is no such thing here."}


@login_not_required  # checked in `_stream`: a stream answers in plain text, it does not redirect to the sign-in page
@require_GET
async def run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponseBase:
    return await _stream(request, Topic("run", run_id))


@login_not_required
@require_GET
async def deployment(request: HttpRequest, deployment_id: uuid.UUID) -> HttpResponseBase:
    return await _stream(request, Topic("deployment", deployment_id))


@login_not_required
@require_GET
async def home(request: HttpRequest) -> HttpResponseBase:
    return await _stream(request, Topic("home"))


async def _stream(request: HttpRequest, topic: Topic) -> HttpResponseBase:
    status = await sync_to_async(_admit)(request, topic)
    response: HttpResponseBase
    if status == 200:
        seen = request.GET.get("last_event_id") or request.headers.get("Last-Event-ID") or ""
        response = StreamingHttpResponse(_events(topic, seen), content_type="text/event-stream")
        response["X-Accel-Buffering"] = "no"  # nginx must not collect the events
    else:
        response = HttpResponse(_REFUSALS[status], status=403 if status == 401 else status, content_type="text/plain")
    response["Cache-Control"] = "no-store"
    return _allow_same_host(request, response)


def _admit(request: HttpRequest, topic: Topic) -> int:
    """Session, role and institution; then the connection is given back, for the stream may last."""
    try:
        user = request.user
        return topic.admits(user) if user.is_authenticated else 401
    finally:
        if not connection.in_atomic_block:
            connection.close()


async def _events(topic: Topic, seen: str) -> AsyncIterator[str]:
    """`changed` at once if the page has not seen the present state, then on each change; a comment keeps it open."""
    yield "retry: 1000\n\n"
    until = time.monotonic() + STREAM_SECONDS
    async with watching(topic) as watch:
        while time.monotonic() < until:
            try:
                seen = await asyncio.wait_for(watch.changed(seen), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield ": still here\n\n"
            else:
                yield f"id: {seen}\nevent: changed\ndata: {topic.kind}\n\n"


def _allow_same_host(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Pages and streams may be on two ports of one host; a page of another host gets no answer it could read."""
    origin = request.headers.get("Origin", "")
    response["Vary"] = "Origin, Cookie"
    if not origin:
        return response
    try:
        asking = urlsplit(origin)
        same = asking.scheme in {"http", "https"} and asking.hostname == urlsplit(f"//{request.get_host()}").hostname
    except ValueError:
        same = False
    if same:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Credentials"] = "true"
    return response
