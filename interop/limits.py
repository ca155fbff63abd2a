"""How often one address may ask for public pages. Counted in Redis for a minute, under a blind name of the address."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from functools import lru_cache, wraps

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 60
TIMEOUT_SECONDS = 0.25


def limited(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 429 to an address that asks more than `PUBLIC_REQUESTS_PER_MINUTE` times."""

    @wraps(view)
    def checked(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if _count(request) > settings.PUBLIC_REQUESTS_PER_MINUTE:
            return HttpResponse(
                f"More than {settings.PUBLIC_REQUESTS_PER_MINUTE} requests in a minute. Wait a minute and try again.\n",
                status=429, content_type="text/plain; charset=utf-8", headers={"Retry-After": str(WINDOW_SECONDS)},
            )  # fmt: skip
        return view(request, *args, **kwargs)

    return checked


class PublicThrottle(BaseThrottle):
    """The same count for the public part of the API."""

    def allow_request(self, request: Request, view: object) -> bool:
        reads = request.method in {"GET", "HEAD"}  # nothing else is answered here, so nothing else is counted
        return not reads or _count(request._request) <= settings.PUBLIC_REQUESTS_PER_MINUTE

    def wait(self) -> float:
        return WINDOW_SECONDS


def _count(request: HttpRequest) -> int:
    """How often this address has asked in this minute; 0 while the broker is away, for reading harms nobody."""
    minute = int(time.time()) // WINDOW_SECONDS
    name = hmac.new(settings.SECRET_KEY.encode(), _address(request).encode(), hashlib.sha256).hexdigest()[:32]
    key = f"coordinator.public.{minute}.{name}"
    try:
        pipe = _client(settings.REDIS_URL).pipeline()
        pipe.incr(key)
        pipe.expire(key, 2 * WINDOW_SECONDS)
        return int(pipe.execute()[0])
    except (redis.RedisError, OSError) as error:
        logger.warning("requests for public pages are not counted, the broker is away: %s", error)
        return 0


def _address(request: HttpRequest) -> str:
    header = settings.CLIENT_ADDRESS_HEADER
    return (request.headers.get(header) if header else None) or request.META.get("REMOTE_ADDR", "")


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=None
    )  # fmt: skip
