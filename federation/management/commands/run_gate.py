from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections, connection

from federation import door, pki
from federation.gate import Gate, server_context
from provenance.witness.state import write_whole

FRESH_SECONDS = 30 * 86_400  # a standing process takes a new certificate long before the old one ends


class Command(BaseCommand):
    help = "The door to the broker for hospitals on other hosts, at the address in QFL_GATE_URL (rediss://host:port)."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--listen", default=os.environ.get("QFL_GATE_LISTEN", ""), help="another local address")

    def handle(self, *args, **options) -> None:
        parts = urlsplit(settings.GATE_URL)
        if parts.scheme != "rediss" or not parts.hostname or not parts.port:
            raise CommandError(f"expected QFL_GATE_URL as rediss://host:port, got {settings.GATE_URL!r}")
        asyncio.run(_serve(parts.hostname, options["listen"] or parts.hostname, parts.port))


def against(shown: bytes) -> str:
    """Asked in a thread that may be kept for hours: its connection to the database is not."""
    close_old_connections()
    try:
        return door.reason_against(shown)
    finally:
        connection.close()


async def _serve(name: str, address: str, port: int) -> None:
    folder = Path(settings.VAR) / "gate"
    files = _write_certificates(folder, name)
    context = server_context(**files)
    server = await Gate(redis_url=settings.REDIS_URL, context=context, against=against).listen(address, port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), FRESH_SECONDS)
            except TimeoutError:
                files = _write_certificates(folder, name)
                context.load_cert_chain(files["certificate"], files["key"])


def _write_certificates(folder: Path, name: str) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate, key = pki.server_certificate(name)
    files = {what: folder / f"{what}.pem" for what in ("certificate", "key", "authority")}
    for what, text in (("certificate", certificate), ("key", key), ("authority", pki.authority_pem())):
        write_whole(files[what], text.encode())
    return files
