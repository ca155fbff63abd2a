"""NVIDIA FLARE: the order is laid out for the relay that runs in FLARE's server, which takes it to the hospital.

FLARE lives in an environment of its own (`make flare`); this module needs nothing of it.
"""

from __future__ import annotations

import kombu
from django.conf import settings

from federation.site.wire import broker, transport_options

name = "flare"
QUEUE = "flare"


def send(channel: str, text: str) -> None:
    with (
        kombu.Connection(broker(settings.REDIS_URL), transport_options=transport_options(channel)) as connection,
        connection.SimpleQueue(QUEUE) as queue,
    ):
        queue.put(text, serializer="json", retry=False)
