"""In FLARE's server: takes the sealed orders of the platform to the clients, and their sealed answers back.

It can read what it carries and change nothing: both ends check signatures. One standing job serves all runs, so a
hospital's process stays up and its data stay loaded. Runs under `.venv-flare`; REDIS_URL names the platform's broker.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from queue import Empty

import kombu
from kombu.simple import SimpleQueue
from nvflare.apis.controller_spec import ClientTask, SendOrder, Task
from nvflare.apis.fl_context import FLContext
from nvflare.apis.impl.controller import Controller
from nvflare.apis.shareable import Shareable
from nvflare.apis.signal import Signal

from federation.site.wire import broker, transport_options

ORDER = "order"
LOOK_SECONDS = 0.02


class Relay(Controller):
    """Carries until it is stopped. What is in hand is not taken a second time."""

    def __init__(self) -> None:
        super().__init__(task_check_period=LOOK_SECONDS)
        self._in_hand: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def start_controller(self, fl_ctx: FLContext) -> None:
        self._url = broker(os.environ["REDIS_URL"])

    def stop_controller(self, fl_ctx: FLContext) -> None:
        pass

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        queues: dict[str, SimpleQueue] = {}
        while not abort_signal.triggered:
            for client in self._engine.get_clients():
                try:
                    if client.name not in queues:
                        queues[client.name] = self._connection(client.name).SimpleQueue("flare")
                    while (text := _taken(queues[client.name])) is not None:
                        self._pass_on(client.name, text, fl_ctx)
                except (OSError, kombu.exceptions.OperationalError) as error:
                    self.log_warning(fl_ctx, f"broker away for {client.name}: {error}")
                    queues.pop(client.name, None)
                    time.sleep(0.5)
            time.sleep(LOOK_SECONDS)

    def _connection(self, site: str) -> kombu.Connection:
        return kombu.Connection(self._url, transport_options=transport_options(site))

    def _pass_on(self, site: str, text: str, fl_ctx: FLContext) -> None:
        name = (site, str(json.loads(text).get("key")))
        with self._lock:
            if name in self._in_hand:
                return
            self._in_hand.add(name)

        def answered(client_task: ClientTask, fl_ctx: FLContext) -> None:
            for answer in (client_task.result or {}).get("answers", []):
                self._put(site, answer)

        def done(task: Task, fl_ctx: FLContext) -> None:
            with self._lock:
                self._in_hand.discard(name)

        task = Task(ORDER, Shareable({"text": text}), result_received_cb=answered, task_done_cb=done)
        self.send(task, fl_ctx, targets=[site], send_order=SendOrder.SEQUENTIAL)

    def _put(self, site: str, answer: str) -> None:
        with self._connection(site) as connection, connection.SimpleQueue("results") as queue:
            queue.put(answer, serializer="json", retry=False)


def _taken(queue: SimpleQueue) -> str | None:
    """The next text. It is acknowledged at once: an order that is lost here is asked again."""
    with contextlib.suppress(Empty):
        message = queue.get(block=False)
        message.ack()
        return str(message.payload)
    return None
