"""In FLARE's client at a hospital: the site's own code behind FLARE's door. SITE_HOME names the site's folder."""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nvflare.apis.event_type import EventType
from nvflare.apis.executor import Executor
from nvflare.apis.fl_constant import ReturnCode
from nvflare.apis.fl_context import FLContext
from nvflare.apis.shareable import Shareable, make_reply
from nvflare.apis.signal import Signal

from federation.domain.messages import Message, seal
from federation.engines.flare_server import ORDER, PROGRESS
from federation.site import outbox
from federation.site.handlers import Site
from federation.site.home import SiteHome
from federation.site.worker import HEARTBEAT_SECONDS, PROGRESS_SECONDS, alive, carry_out_order, hello, read_order

ASIDE_SECONDS = 10.0
OUTBOX_SECONDS = 1.0


class SiteExecutor(Executor):
    """Reads and carries out a sealed order exactly as the site's worker does, and hands its sealed answer back."""

    def __init__(self) -> None:
        super().__init__()
        self._site: Site | None = None
        self._opening = threading.Lock()

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Where no worker stands beside this client, say what that would say."""
        if event_type == EventType.START_RUN and not SiteHome(Path(os.environ["SITE_HOME"])).config.redis_url:
            given = (self._opened, fl_ctx.get_engine())
            threading.Thread(target=_speak, args=given, name="speak", daemon=True).start()

    def execute(self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal) -> Shareable:
        if task_name != ORDER:
            return make_reply(ReturnCode.TASK_UNKNOWN)
        site = self._opened()
        answers = Answers(site.home, lambda text: _aside(text, fl_ctx))
        order = read_order(site.home, str(shareable["text"]))
        if order is not None:
            carry_out_order(site, answers, order)  # type: ignore[arg-type]
        reply = make_reply(ReturnCode.OK)
        reply["answers"] = answers.sealed
        return reply

    def _opened(self) -> Site:
        with self._opening:
            self._site = self._site or _open()
            return self._site


def _open() -> Site:
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for name in os.environ.get("SITE_HANDLERS", "audits.predeployment.site").split(","):
        importlib.import_module(name.strip())
    return Site(SiteHome(Path(os.environ["SITE_HOME"])), engine="flare")


def _aside(text: str, fl_ctx: FLContext) -> None:
    """To the server, beside the task that is in hand."""
    fl_ctx.get_engine().fire_and_forget_aux_request(PROGRESS, Shareable({"text": text}), fl_ctx, optional=True)


def _speak(opened: Callable[[], Site], engine: Any) -> None:
    """Say hello and once a minute that the site lives, and bring what waits in the outbox."""
    home = opened().home

    def deliver(text: str) -> None:
        with engine.new_context() as fl_ctx:
            replies = engine.send_aux_request(None, PROGRESS, Shareable({"text": text}), ASIDE_SECONDS, fl_ctx)
        if not replies or any(reply.get_return_code() != ReturnCode.OK for reply in replies.values()):
            raise OSError("FLARE's server did not take it")

    greeted, last = False, time.monotonic()
    while True:
        with contextlib.suppress(OSError):  # what was not taken is said again
            if not greeted:
                deliver(seal(hello(home, "flare"), home.key))
                greeted = True
            outbox.send(home, deliver)
            if time.monotonic() - last >= HEARTBEAT_SECONDS:
                deliver(seal(alive(home.config.site), home.key))
                last = time.monotonic()
        time.sleep(OUTBOX_SECONDS)


class Answers:
    """Stands where the worker has its postbox."""

    def __init__(self, home: SiteHome, aside: Callable[[str], None]) -> None:
        self.sealed: list[str] = []
        self._home, self._aside, self._last = home, aside, 0.0

    def deliver(self, text: str) -> None:
        self.sealed.append(text)

    def progress(self, message: Message) -> None:
        """At most two a second, as the worker does; a lost one does not matter."""
        if time.monotonic() - self._last < PROGRESS_SECONDS:
            return
        self._last = time.monotonic()
        self._aside(seal(message, self._home.key))
