"""The door to the broker on a free port, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

from django.conf import settings

from federation import pki
from federation.gate import Gate, server_context
from federation.management.commands.run_gate import against


class RunningGate:
    def __init__(self, folder, host: str = "127.0.0.1") -> None:
        certificate, key = pki.server_certificate(host)
        files = {}
        for what, text in (("certificate", certificate), ("key", key), ("authority", pki.authority_pem())):
            files[what] = folder / f"gate-{what}.pem"
            files[what].write_text(text)
        self.context = server_context(**files)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        gate = Gate(redis_url=settings.REDIS_URL, context=self.context, against=against)
        self.server = asyncio.run_coroutine_threadsafe(gate.listen(host, 0), self.loop).result(10)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"rediss://{host}:{self.port}"

    def stop(self) -> None:
        async def end() -> None:
            self.server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
