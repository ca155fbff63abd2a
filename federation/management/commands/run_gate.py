from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from urllib.parse import SplitResult

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections, connection

from core.process import beat
from federation import door, gate_files
from federation.gate import Gate, server_context

LOOK_SECONDS = 20


class Command(BaseCommand):
    help = "The door to the broker for hospitals on other hosts, at the address in QFL_GATE_URL (rediss://host:port)."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--listen", default=os.environ.get("QFL_GATE_LISTEN", ""), help="another local address")

    def handle(self, *args, **options) -> None:
        try:
            parts = gate_files.address()
        except ValueError as error:
            raise CommandError(str(error)) from error
        if parts is None:
            raise CommandError("expected QFL_GATE_URL as rediss://host:port, got none")
        asyncio.run(_serve(parts, options["listen"] or str(parts.hostname)))


def against(shown: bytes) -> str:
    """Asked in a thread that may be kept for hours: its connection to the database is not."""
    close_old_connections()
    try:
        return door.reason_against(shown)
    finally:
        connection.close()


async def _serve(parts: SplitResult, listen: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    files = gate_files.paths()
    while not _there(str(parts.hostname)):  # the inbox makes them, where this process may not read the keys
        if await _told(stop, 1):
            return
    context, made = server_context(**files), files["certificate"].stat().st_mtime
    gate = Gate(redis_url=settings.REDIS_URL, context=context, against=against)
    async with await gate.listen(listen, parts.port or 0):
        while True:
            beat("gate")
            if await _told(stop, LOOK_SECONDS):
                return
            _there(str(parts.hostname))
            if made != (made := files["certificate"].stat().st_mtime):
                context.load_cert_chain(files["certificate"], files["key"])


def _there(host: str) -> bool:
    with contextlib.suppress(OSError):
        gate_files.renew(host)
    return all(path.exists() for path in gate_files.paths().values())


async def _told(stop: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
