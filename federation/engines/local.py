"""Persistent Celery workers: one queue a site on the platform's own broker, over a socket or through its door."""

from __future__ import annotations

from functools import cache

from celery import Celery
from django.conf import settings

from federation.site.wire import broker, transport_options

name = "local"


def send(channel: str, text: str) -> None:
    _app(channel).send_task("site.order", args=[text], queue="work", retry=False)


@cache
def _app(channel: str) -> Celery:
    app = Celery(f"to-{channel}", broker=broker(settings.REDIS_URL), set_as_current=False)
    app.conf.update(
        broker_transport_options=transport_options(channel), task_serializer="json", task_ignore_result=True,
        task_publish_retry=False,
    )  # fmt: skip
    return app
