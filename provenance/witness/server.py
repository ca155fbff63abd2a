"""The witness over HTTP: C2SP tlog-witness `add-checkpoint`, and what a monitor wants to read.

    POST /add-checkpoint          cosign, or refuse with the status that the protocol prescribes
    GET  /keys                    the witness's verifier keys, one a line
    GET  /checkpoint?origin=...   the last checkpoint cosigned of a log, as the log signed it, with fresh cosignatures

Anybody may ask: what is answered follows from the log's signatures alone. TLS is the affair of a proxy in front.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from provenance.domain.witness import MAX_REQUEST_BYTES, Answer
from provenance.witness.state import WitnessError, WitnessHome

logger = logging.getLogger(__name__)

READ_SECONDS = 10.0  # without a byte
CONNECTION_SECONDS = 60.0  # whatever a client does: slow senders do not add up
MAX_CONNECTIONS = 64


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness. Requests are put in a row by the state's lock; connections are few and short."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], witness: WitnessHome) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, WitnessHandler)
        self.witness = witness
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take the connection, or drop it if there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, within its time."""
        end = threading.Timer(CONNECTION_SECONDS, _hang_up, [request])
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""
        logger.info("connection of %s ended", client_address[0], exc_info=True)


def _hang_up(request: socket.socket) -> None:
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class WitnessHandler(BaseHTTPRequestHandler):
    """Reads one request, calls the witness, writes its answer."""

    protocol_version = "HTTP/1.1"  # keep-alive
    server_version = "qfl-witness"
    sys_version = ""
    timeout = READ_SECONDS
    wbufsize = -1  # head and body leave together, or each answer would wait for an acknowledgement
    disable_nagle_algorithm = True
    server: WitnessServer

    def do_POST(self) -> None:  # noqa: N802 - the name is the standard library's
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._refuse(411, "give the length of the body in Content-Length")
        elif len(length) > 9 or int(length) > MAX_REQUEST_BYTES:
            self._refuse(413, f"expected at most {MAX_REQUEST_BYTES} bytes, got {length[:20]}")
        elif urlsplit(self.path).path != "/add-checkpoint":
            self._refuse(404, "POST goes to /add-checkpoint")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._answer(self._add(body))

    def do_GET(self) -> None:  # noqa: N802 - as above
        url = urlsplit(self.path)
        if url.path == "/keys":
            self._answer(Answer(200, "".join(f"{vkey}\n" for vkey in self.server.witness.vkeys).encode()))
        elif url.path == "/checkpoint":
            self._checkpoint(parse_qs(url.query).get("origin", [""])[0])
        else:
            self._refuse(404, "GET /keys, GET /checkpoint?origin=<log> and POST /add-checkpoint are served here")

    def _add(self, body: bytes) -> Answer:
        try:
            answer = self.server.witness.add_checkpoint(body)
        except (WitnessError, OSError) as error:  # a full disk, a damaged file: nothing was cosigned
            logger.error("%s", error)
            return Answer(500, b"the witness cannot answer; its operator finds the reason in its log\n")
        if answer.status not in (200, 409):
            logger.warning("refused with %s: %s", answer.status, answer.body.decode()[:300].strip())
        return answer

    def _checkpoint(self, origin: str) -> None:
        try:
            note = self.server.witness.cosigned(origin)
        except WitnessError as error:
            logger.error("%s", error)
            self._refuse(500, "the witness cannot answer; its operator finds the reason in its log")
            return
        if note is None:
            self._refuse(404, "nothing of this log has been cosigned here; name it as ?origin=<log>")
        else:
            self._answer(Answer(200, note))

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True  # an unread body would be taken for the next request
        self._answer(Answer(status, f"{why}\n".encode()))

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as above
        logger.info("%s %s", self.client_address[0], format % args)
