"""The Celery worker of one site: one queue, one key prefix, one Redis user; messages are all that goes in or out.

Training takes hours, and the site witnesses the log all the while: long orders wait for a thread of their own.
"""

from __future__ import annotations

import importlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kombu
from celery import Celery
from celery.signals import worker_ready, worker_shutdown

from federation.domain.data.dataset import DataError, ReaderUnavailable
from federation.domain.messages import Message, MessageError, dump_public, seal
from federation.site import (  # noqa: F401 - some register their orders
    contributions,
    devices,
    outbox,
    overlays,
    qkd,
    sealing,
    secure,
    summaries,
    training,
    witness,
)
from federation.site.handlers import Site, handle, is_quick, known_kinds
from federation.site.home import SiteHome
from federation.site.wire import broker, tls_options, transport_options
from federation.version import VERSION

logger = logging.getLogger("federation.site")
PROGRESS_SECONDS = 0.5
HEARTBEAT_SECONDS = 60.0
STOP_SECONDS = 5.0  # a long order gets this much to finish; it is asked again


def make_app(home: SiteHome, *, prepare: Callable[[], None] = lambda: None) -> Celery:
    """Build the site's Celery application with its one task, ``site.order``.

    `prepare` is run in the thread of the long orders before the first of them.
    """
    config = home.config
    app = Celery(f"site-{config.site}", set_as_current=True)
    app.conf.update(
        broker_url=broker(config.redis_url),
        broker_transport_options=transport_options(config.queue),
        broker_use_ssl=tls_options(config.redis_url, home.folder / "tls"),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a hospital's line may be down for hours
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue="work",
        task_acks_late=False,  # the coordinator asks again; the site answers again from its folder
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
    )
    postbox = Postbox(home)
    site = Site(home)
    desk = Desk(site, Postbox(home), prepare)  # each thread has a connection of its own

    @app.task(name="site.order")
    def order(text: str) -> None:
        message = read_order(home, text)
        if message is None:
            return
        outbox.send(home, postbox.deliver)
        if is_quick(message.kind):
            carry_out_order(site, postbox, message)
        else:
            desk.put(message)

    @worker_shutdown.connect(weak=False)
    def leave(**kwargs) -> None:
        desk.stop()

    @worker_ready.connect(weak=False)
    def say_hello(**kwargs) -> None:
        postbox.send(hello(home))
        outbox.send(home, postbox.deliver)
        threading.Thread(target=keep_alive, args=(Postbox(home), config.site), name="alive", daemon=True).start()

    return app


def software(engine: str = "celery") -> dict[str, Any]:
    """What this worker runs, for the federation's pages."""
    return {"version": VERSION, "engine": engine, "handlers": known_kinds()}


def hello(home: SiteHome, engine: str = "celery") -> Message:
    """What a worker says when it starts: its keys, and what it runs."""
    said = {"public_key": dump_public(home.key), "sealing_key": home.sealing_key, "software": software(engine)}
    return Message("hello", home.config.site, "coordinator", "hello", said)


def alive(site: str) -> Message:
    """A light sign of life once a minute, so that an idle site and a dead one can be told apart."""
    return Message("alive", site, "coordinator", "alive", {})


def keep_alive(postbox: Postbox, site: str, *, wait: Callable[[float], None] = time.sleep) -> None:
    while True:
        wait(HEARTBEAT_SECONDS)
        postbox.progress(alive(site))


class Desk:
    """Long orders, one after the other in one thread, so that short ones need not wait."""

    def __init__(self, site: Site, postbox: Postbox, prepare: Callable[[], None]) -> None:
        self._site, self._postbox, self._prepare = site, postbox, prepare
        self._waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._held: set[str] = set()  # keys of what waits or is in hand
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, order: Message) -> None:
        """Do it when its turn comes. One that is asked again before then is done once."""
        with self._lock:
            if order.key in self._held:
                return
            self._held.add(order.key)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="desk", daemon=True)
                self._thread.start()
        self._waiting.put(order)

    def stop(self) -> None:
        """Leave at once if nothing is in hand, else within seconds: what is cut off here is asked again."""
        deadline = time.monotonic() + STOP_SECONDS
        while self._held and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._held:
            logger.warning("stopping in the middle of %s; it will be asked again", sorted(self._held))
            logging.shutdown()
            os._exit(0)  # PyTorch in a second thread does not survive the interpreter's orderly end

    def _work(self) -> None:
        self._prepare()
        while True:
            order = self._waiting.get()
            try:
                carry_out_order(self._site, self._postbox, order)
            except Exception:
                logger.exception("%s was not answered; it will be asked again", order.key)
            finally:
                with self._lock:
                    self._held.discard(order.key)


def read_order(home: SiteHome, text: str) -> Message | None:
    """The order, if it is the coordinator's and for this site; otherwise it is logged and forgotten."""
    site = home.config.site
    try:
        order = sealing.open_order(home, text)
        if order.recipient != site:
            raise MessageError(f"expected an order for {site}, got one for {order.recipient}")
    except MessageError as error:
        logger.warning("refused a message: %s", error)
        return None
    return order


def carry_out_order(site: Site, postbox: Postbox, order: Message) -> None:
    """Do what an order asks, once, and send the answer; one that was answered is answered the same again."""
    config = site.home.config
    if (known := site.home.answer(order.key)) is not None:
        postbox.deliver(known)
        return

    def tell(progress: dict[str, Any]) -> None:
        if sealing.is_secured(order):
            progress = {**progress, "loss": None}  # one site's loss would be a release that nobody accounts for
        postbox.progress(Message("progress", config.site, "coordinator", order.key, progress))

    started = time.perf_counter()
    try:
        body, attachments = handle(site, order, tell)
        body = {**body, "seconds": round(time.perf_counter() - started, 3)}
        answer = Message(order.kind, config.site, "coordinator", order.key, body, attachments)
        sealed = sealing.write_answer(site.home, order, answer)
        if not is_quick(order.kind):
            site.home.keep_answer(order.key, sealed)
    except Exception as error:
        # A failure is not kept: the next asking tries again. Its message names files of the site, so only our own
        # errors (whose texts are made to be read) are sent, and of data those words that name no file and no patient;
        # the rest stays in the site's log.
        logger.exception("%s failed", order.key)
        failure = Message(order.kind, config.site, "coordinator", order.key, {"error": _public(error)}, ok=False)
        sealed = sealing.write_answer(site.home, order, failure)
    postbox.deliver(sealed)


def _public(error: Exception) -> str:
    if isinstance(error, DataError | ReaderUnavailable):
        return f"{type(error).__name__}: {error.public} (details in the site's log)"
    own = type(error).__module__.startswith(("federation.", "audits."))
    if own:
        return f"{type(error).__name__}: {error}".replace(str(Path.home()), "~")
    return f"{type(error).__name__} (details in the site's log)"


class Postbox:
    """Sends to the coordinator over the queue ``results`` under the site's own prefix."""

    def __init__(self, home: SiteHome) -> None:
        config = home.config
        self.home = home
        self.connection = kombu.Connection(
            broker(config.redis_url), transport_options=transport_options(config.queue),
            ssl=tls_options(config.redis_url, home.folder / "tls"),
        )  # fmt: skip
        self._last_progress = 0.0

    def send(self, message: Message) -> None:
        self.deliver(seal(message, self.home.key))

    def progress(self, message: Message) -> None:
        """At most two a second, and never in the way of the work: a lost one does not matter."""
        if time.monotonic() - self._last_progress < PROGRESS_SECONDS:
            return
        self._last_progress = time.monotonic()
        try:
            self._put(seal(message, self.home.key))
        except (OSError, kombu.exceptions.OperationalError) as error:
            logger.warning("progress not sent: %s", error)

    def deliver(self, text: str) -> None:
        """Until the broker takes it. If the process dies first, the coordinator asks again."""
        delay = 0.5
        while True:
            try:
                self._put(text)
                return
            except (OSError, kombu.exceptions.OperationalError) as error:
                logger.warning("broker away, trying again in %.0f s: %s", delay, error)
                time.sleep(delay)
                delay = min(5.0, delay * 2)
                self.connection.close()

    def deliver_once(self, text: str) -> None:
        """Now or not at all: OSError if the broker is away."""
        try:
            self._put(text)
        except kombu.exceptions.OperationalError as error:
            raise OSError(str(error)) from error

    def _put(self, text: str) -> None:
        try:
            with self.connection.SimpleQueue("results") as queue:
                queue.put(text, serializer="json", retry=False)
        except self.connection.connection_errors as error:
            raise OSError(str(error)) from error


def main() -> None:
    home = SiteHome(Path(os.environ["SITE_HOME"]))
    if not home.config.redis_url:
        sys.exit("This site joined over NVIDIA FLARE alone: start it with `python -m federation.site flare`.")
    import torch

    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(message)s")

    def prepare() -> None:
        torch.set_num_threads(1)  # several sites share a machine; two threads each would be ten times slower
        torch.set_flush_denormal(True)  # holds for the thread that asks for it

    prepare()
    for name in os.environ.get("SITE_HANDLERS", "audits.predeployment.site").split(","):
        importlib.import_module(name.strip())
    app = make_app(home, prepare=prepare)
    site = home.config.site
    app.worker_main(
        ["worker", "--pool=solo", "--queues=work", f"--hostname={site}@site", "--without-gossip", "--without-mingle",
         "--without-heartbeat", "--loglevel=WARNING"]
    )  # fmt: skip
