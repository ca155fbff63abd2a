"""Asking the platform something and waiting for its answer: how a site joins, and comes by its client of FLARE.

Everything else at a site only answers orders.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import kombu
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from federation.domain import messages
from federation.domain.messages import Message, MessageError
from federation.site.home import SiteHome
from federation.site.wire import broker, tls_options, transport_options

ANSWER_SECONDS = 60.0


class NoAnswer(Exception):
    """The platform did not answer in time."""


class Refused(Exception):
    """The platform answered that it will not, and why."""


@dataclass(frozen=True)
class Line:
    """A site's way to its queues on the platform's broker."""

    url: str
    channel: str
    site: str
    key: MLDSA65PrivateKey = field(repr=False)
    coordinator_public_key: str
    tls: dict[str, Any] | None = None

    @classmethod
    def of(cls, home: SiteHome) -> Line:
        """That of the site's own worker."""
        config = home.config
        tls = tls_options(config.redis_url, home.folder / "tls")
        return cls(config.redis_url, config.queue, config.site, home.key, config.coordinator_public_key, tls)

    def tell(self, kind: str, body: dict[str, Any]) -> None:
        with self._open() as connection:
            self._put(connection, self._message(kind, body))

    def ask(self, kind: str, body: dict[str, Any], *, seconds: float = ANSWER_SECONDS) -> Message:
        """The platform's answer.

        Raises
        ------
        NoAnswer, Refused, or what kombu raises of a broker that lets nobody in
        """
        message = self._message(kind, body)
        with self._open() as connection:
            try:
                self._put(connection, message)
                answer = self._awaited(connection, message.key, seconds)
            except connection.connection_errors as error:
                raise OSError(str(error)) from error
        if answer is None:
            raise NoAnswer(f"the platform did not answer within {seconds:.0f} s; run the same command again later")
        if not answer.ok:
            raise Refused(str(answer.body["error"]))
        return answer

    def _awaited(self, connection: kombu.Connection, key: str, seconds: float) -> Message | None:
        deadline = time.monotonic() + seconds
        with connection.SimpleQueue("welcome") as welcome:
            while (left := deadline - time.monotonic()) > 0:
                try:
                    found = welcome.get(timeout=left)
                except Empty:
                    break
                found.ack()
                answer = self._unsealed(found.payload)
                if answer is not None and answer.key == key:
                    return answer
        return None

    def _message(self, kind: str, body: dict[str, Any]) -> Message:
        return Message(kind, self.site, "coordinator", f"{kind}:{time.time_ns()}", body)

    def _open(self) -> kombu.Connection:
        options = transport_options(self.channel)
        connection = kombu.Connection(broker(self.url), ssl=self.tls, transport_options=options)
        connection.ensure_connection(max_retries=1, interval_start=0.2, reraise_as_library_errors=True)
        return connection

    def _put(self, connection: kombu.Connection, message: Message) -> None:
        with connection.SimpleQueue("results") as results:
            results.put(messages.seal(message, self.key), serializer="json", retry=False)

    def _unsealed(self, payload: Any) -> Message | None:
        try:
            found, _ = messages.unseal(str(payload), sender="coordinator", public_key=self.coordinator_public_key)
        except MessageError:
            return None
        return found if found.recipient == self.site else None
