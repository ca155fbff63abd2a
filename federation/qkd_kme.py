"""A simulated key-management entity on a port: ``python -m federation.qkd_kme FOLDER --sae north --sae south``.

It speaks ETSI GS QKD 014 over TLS and takes only certificates of its own authority; the caller's identity is the common
name. FOLDER holds the authority and the certificates, made on the first start: ``ca.pem``, ``kme.pem`` and, for each
application, ``<name>.pem`` with ``<name>.key``. It is for trials and tests: its keys protect nothing.
"""

from __future__ import annotations

import argparse
import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from federation.domain.quantum.qkd.bb84 import Channel
from federation.domain.quantum.qkd.certificates import make_certificates
from federation.domain.quantum.qkd.entity import KEY_SIZE, Refused, SimulatedEntity

MAX_BODY_BYTES = 64 * 1024
TIMEOUT_SECONDS = 10


class KmeServer(ThreadingHTTPServer):
    """Takes connections; each does its TLS handshake in its own thread, so that a slow one stops nobody."""

    daemon_threads = True

    def __init__(self, entity: SimulatedEntity, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.entity = entity
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self.tls.load_cert_chain(folder / "kme.pem", folder / "kme.key")
        self.tls.load_verify_locations(folder / "ca.pem")
        self.tls.verify_mode = ssl.CERT_REQUIRED
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        return f"https://{self.server_address[0]!s}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A refused certificate or a broken connection is the caller's matter."""


class _Handler(BaseHTTPRequestHandler):
    server: KmeServer
    timeout = TIMEOUT_SECONDS

    def setup(self) -> None:
        self.request.settimeout(TIMEOUT_SECONDS)
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
        """Nothing: the ids of keys stand in addresses."""

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        self._reply()

    def do_POST(self) -> None:  # noqa: N802
        self._reply()

    def _reply(self) -> None:
        try:
            status, answer = 200, self._answer()
        except Refused as refused:
            status, answer = refused.status, {"message": str(refused)}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self) -> dict[str, Any]:
        address = urlsplit(self.path)
        parts = [unquote(part) for part in address.path.split("/")]
        if len(parts) != 6 or parts[:4] != ["", "api", "v1", "keys"]:
            raise Refused(404, "expected /api/v1/keys/{SAE_ID}/{status|enc_keys|dec_keys}")
        caller, peer, what = self._caller(), parts[4], parts[5]
        asked = self._asked(parse_qs(address.query))
        entity = self.server.entity
        if what == "status" and self.command == "GET":
            return entity.status(caller, peer)
        if what == "enc_keys":
            return entity.enc_keys(
                caller, peer, number=_whole(asked, "number", 1), size=_whole(asked, "size", KEY_SIZE)
            )  # fmt: skip
        if what == "dec_keys":
            return entity.dec_keys(caller, peer, _ids(asked))
        raise Refused(404, f"no such request: {self.command} {what}")

    def _caller(self) -> str:
        subject = self.request.getpeercert().get("subject", ())
        return next((value for ((name, value),) in subject if name == "commonName"), "")

    def _asked(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """The request's fields: from the address for GET, from the body for POST."""
        if self.command == "GET":
            fields: dict[str, Any] = {
                name: int(v[0]) if v[0].isdecimal() and len(v[0]) < 10 else v[0] for name, v in query.items()
            }
            if "key_ID" in fields:
                fields["key_IDs"] = [{"key_ID": str(fields["key_ID"])}]
            return fields
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.rfile.read(int(length) if length.isdecimal() and int(length) < 16 * MAX_BODY_BYTES else 0)
            raise Refused(400, f"expected a body of at most {MAX_BODY_BYTES} bytes with its length")
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError) as error:
            raise Refused(400, "expected a body in JSON") from error
        if not isinstance(body, dict):
            raise Refused(400, "expected a JSON object")
        if body.get("extension_mandatory"):
            raise Refused(400, "not all extension_mandatory parameters are supported")
        return body


def _whole(asked: dict[str, Any], name: str, default: int) -> int:
    value = asked.get(name, default)
    if type(value) is not int:
        raise Refused(400, f"{name} shall be a whole number")
    return value


def _ids(asked: dict[str, Any]) -> list[str]:
    entries = asked.get("key_IDs")
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("key_ID"), str) for entry in entries
    ):
        raise Refused(400, "key_IDs shall be a list of objects with key_ID")
    return [entry["key_ID"] for entry in entries]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sae", action="append", required=True, help="an application that may ask; at least two")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--loss", type=float, default=Channel.loss)
    parser.add_argument("--error", type=float, default=Channel.error)
    parser.add_argument("--intercept", type=float, default=0.0, help="share of photons that an eavesdropper measures")
    given = parser.parse_args()
    channel = Channel(loss=given.loss, error=given.error, intercept=given.intercept)
    make_certificates(given.folder, given.sae, host=given.host)
    server = KmeServer(
        SimulatedEntity(frozenset(given.sae), channel), given.folder, host=given.host, port=given.port
    )  # fmt: skip
    print(f"Simulated KME on {server.url}; its keys protect nothing. Certificates: {given.folder}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
