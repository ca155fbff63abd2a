"""In FLARE's server: takes the sealed orders of the platform to the clients, and their sealed answers back.

It can read what it carries and change nothing: both ends check signatures. One standing job a site serves all runs, so
a hospital's process stays up and its data stay loaded. Runs under `.venv-flare`; REDIS_URL names the platform's broker.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from queue import Empty

import kombu
import redis
from kombu.simple import SimpleQueue
from nvflare.apis.controller_spec import ClientTask, SendOrder, Task
from nvflare.apis.fl_constant import ReturnCode
from nvflare.apis.fl_context import FLContext
from nvflare.apis.impl.controller import Controller
from nvflare.apis.shareable import Shareable, make_reply
from nvflare.apis.signal import Signal

from federation.domain.secure import letters
from federation.site.wire import broker, transport_options

ORDER, PROGRESS = "order", "progress"
LOOK_SECONDS = 0.02
AWAY = (OSError, redis.RedisError, kombu.exceptions.OperationalError)  # what is said of a broker that is not there


class Relay(Controller):
    """Carries for one site until it is stopped. What is in hand is not taken a second time."""

    def __init__(self, client: str, channel: str) -> None:
        super().__init__(task_check_period=LOOK_SECONDS)
        self._client, self._channel = client, channel
        self._in_hand: set[str] = set()
        self._lock = threading.Lock()

    def start_controller(self, fl_ctx: FLContext) -> None:
        self._url = broker(os.environ["REDIS_URL"])
        self._engine.register_aux_message_handler(PROGRESS, self._progress)

    def stop_controller(self, fl_ctx: FLContext) -> None:
        pass

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        queue: SimpleQueue | None = None
        while not abort_signal.triggered:
            try:
                queue = queue or self._connection().SimpleQueue("flare")
                while (text := _taken(queue)) is not None:
                    self._pass_on(text, fl_ctx)
            except AWAY as error:
                self.log_warning(fl_ctx, f"broker away: {error}")
                queue = None
                time.sleep(0.5)
            time.sleep(LOOK_SECONDS)

    def _connection(self) -> kombu.Connection:
        return kombu.Connection(self._url, transport_options=transport_options(self._channel))

    def _pass_on(self, text: str, fl_ctx: FLContext) -> None:
        name = named(text)
        with self._lock:
            if name in self._in_hand:
                return
            self._in_hand.add(name)

        def answered(client_task: ClientTask, fl_ctx: FLContext) -> None:
            for answer in (client_task.result or {}).get("answers", []):
                self._put(answer)

        def done(task: Task, fl_ctx: FLContext) -> None:
            with self._lock:
                self._in_hand.discard(name)

        task = Task(ORDER, Shareable({"text": text}), result_received_cb=answered, task_done_cb=done)
        self.send(task, fl_ctx, targets=[self._client], send_order=SendOrder.SEQUENTIAL)

    def _progress(self, topic: str, request: Shareable, fl_ctx: FLContext) -> Shareable:
        """What a site says beside its answers; it hears whether the broker took it."""
        peer = fl_ctx.get_peer_context()
        if peer is not None and peer.get_identity_name() == self._client:
            try:
                self._put(str(request["text"]))
            except AWAY:
                return make_reply(ReturnCode.SERVICE_UNAVAILABLE)
        return make_reply(ReturnCode.OK)

    def _put(self, answer: str) -> None:
        with self._connection() as connection, connection.SimpleQueue("results") as queue:
            queue.put(answer, serializer="json", retry=False)


def named(text: str) -> str:
    """The key of an order, which a sealed letter shows as its step."""
    return letters.peek(text).step if letters.is_letter(text) else str(json.loads(text)["key"])


def _taken(queue: SimpleQueue) -> str | None:
    """The next text. It is acknowledged at once: an order that is lost here is asked again."""
    with contextlib.suppress(Empty):
        message = queue.get(block=False)
        message.ack()
        return str(message.payload)
    return None
