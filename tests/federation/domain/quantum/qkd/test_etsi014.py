"""The client against the simulated entity, over TLS with certificates; and against entities that misbehave."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import threading
import uuid
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from federation.domain.quantum.qkd import errors
from federation.domain.quantum.qkd.bb84 import Channel
from federation.domain.quantum.qkd.certificates import make_certificates
from federation.domain.quantum.qkd.entity import MAX_WAITING, Refused, SimulatedEntity
from federation.domain.quantum.qkd.etsi014 import Etsi014Client, KmeAccess
from federation.qkd_kme import KmeServer

SAES = frozenset({"north", "south", "west"})
PULSES = 1 << 16


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kme")
    make_certificates(folder, [*SAES, "stranger"])
    make_certificates(folder / "other", ["north"])
    return folder


def entity(**channel) -> SimulatedEntity:
    return SimulatedEntity(SAES, Channel(**channel), pulses=PULSES, rng=lambda: np.random.default_rng(3))


@contextmanager
def serving(held: SimulatedEntity, folder):
    server = KmeServer(held, folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def kme(certificates):
    with serving(entity(), certificates) as server:
        yield server


def client(url: str, folder, name: str = "north", **changes) -> Etsi014Client:
    paths = {"authority": folder / "ca.pem", "certificate": folder / f"{name}.pem", "key": folder / f"{name}.key"}
    return Etsi014Client(KmeAccess(url, **{**paths, **changes}), timeout_seconds=2)


def raw(kme, folder, method: str, path: str, body: bytes | None = None, name: str = "north"):
    tls = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    tls.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    connection = http.client.HTTPSConnection("127.0.0.1", kme.server_address[1], context=tls, timeout=3)
    connection.request(method, path, body)
    answer = connection.getresponse()
    read = json.loads(answer.read())
    connection.close()
    return answer.status, read


def test_both_ends_get_the_same_keys_once(kme, certificates):
    north, south = client(kme.url, certificates), client(kme.url, certificates, "south")
    keys = north.enc_keys("south", number=3, size=512)
    assert [len(key.value) for key in keys] == [64] * 3 and all(key.simulated for key in keys)
    wanted = [keys[2].id, keys[0].id.upper()]
    assert south.dec_keys("north", wanted) == [keys[2], keys[0]]
    with pytest.raises(errors.QkdBadRequest, match="not found"):
        south.dec_keys("north", [keys[0].id])  # one-time delivery
    assert south.dec_keys("north", [keys[1].id]) == [keys[1]]
    assert "value" not in repr(keys[0])


def test_only_the_other_end_may_fetch_a_key(kme, certificates):
    key = client(kme.url, certificates).enc_keys("south")[0]
    for name, peer in (("west", "north"), ("north", "south"), ("west", "south")):
        with pytest.raises(errors.QkdBadRequest, match="not found"):
            client(kme.url, certificates, name).dec_keys(peer, [key.id])
    assert client(kme.url, certificates, "south").dec_keys("north", [key.id]) == [key]


def test_status_is_that_of_the_standard_and_says_simulated(kme, certificates):
    status, read = raw(kme, certificates, "GET", "/api/v1/keys/south/status")
    assert status == 200 and set(read) == {
        "source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID", "key_size", "stored_key_count",
        "max_key_count", "max_key_per_request", "max_key_size", "min_key_size", "max_SAE_ID_count", "status_extension",
    }  # fmt: skip
    found = client(kme.url, certificates).status("south")
    assert found.simulated and found.stored_keys > 0 and (found.master_sae, found.slave_sae) == ("north", "south")
    assert found.extension["qber"] == pytest.approx(0.015, abs=0.006) and found.extension["secure_bits"] > 0


def test_the_wire_format_of_keys(kme, certificates):
    status, taken = raw(kme, certificates, "GET", "/api/v1/keys/south/enc_keys?number=2&size=128")
    assert status == 200 and len(taken["keys"]) == 2
    entry = taken["keys"][0]
    assert uuid.UUID(entry["key_ID"]) and len(base64.b64decode(entry["key"])) == 16
    assert entry["key_extension"] == {"simulated": True} == taken["key_container_extension"]
    status, got = raw(
        kme, certificates, "GET", f"/api/v1/keys/north/dec_keys?key_ID={entry['key_ID']}", name="south"
    )  # fmt: skip
    assert status == 200 and got["keys"] == [entry]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "south/enc_keys", b'{"number": 99}', 400),
        ("POST", "south/enc_keys", b'{"size": 129}', 400),
        ("POST", "south/enc_keys", b'{"size": 8}', 400),
        ("POST", "south/enc_keys", b'{"number": true}', 400),
        ("POST", "south/enc_keys", b"{", 400),
        ("POST", "south/enc_keys", b"[]", 400),
        ("POST", "south/enc_keys", b"[" * 60_000, 400),
        ("POST", "south/enc_keys", b'{"extension_mandatory": [{"x": 1}]}', 400),
        ("POST", "south/enc_keys", b" " * 70_000, 400),
        ("GET", "south/enc_keys?number=-1", None, 400),
        ("GET", "south/enc_keys?number=" + "9" * 5000, None, 400),
        ("POST", "south/dec_keys", b'{"key_IDs": ["x"]}', 400),
        ("POST", "south/dec_keys", b'{"key_IDs": []}', 400),
        ("GET", "nobody/status", None, 401),
        ("GET", "north/status", None, 401),  # with itself
        ("GET", "south/other", None, 404),
    ],
)
def test_a_bad_request_is_refused_with_a_message(kme, certificates, method, path, body, status):
    answered, read = raw(kme, certificates, method, f"/api/v1/keys/{path}", body)
    assert answered == status and read["message"]


def test_a_wrong_certificate_is_refused(kme, certificates):
    foreign = certificates / "other"
    with pytest.raises(errors.QkdUnreachable):  # of another authority: no TLS
        client(kme.url, certificates, certificate=foreign / "north.pem", key=foreign / "north.key").status("south")
    with pytest.raises(errors.QkdUnreachable, match="certificate verify failed"):  # we do not know the KME's
        client(kme.url, certificates, authority=foreign / "ca.pem").status("south")
    with pytest.raises(errors.QkdUnauthorised, match="stranger"):  # of this authority, but nobody's peer
        client(kme.url, certificates, "stranger").status("south")
    with pytest.raises(errors.QkdUnreachable, match="cannot be read"):
        client(kme.url, certificates, key=certificates / "none.key")
    with pytest.raises(ValueError, match="https"):
        KmeAccess("http://kme", certificates, certificates, certificates)
    plain = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    bare = http.client.HTTPSConnection("127.0.0.1", kme.server_address[1], context=plain, timeout=3)

    def without_certificate():
        bare.request("GET", "/api/v1/keys/south/status")
        return bare.getresponse()  # TLS 1.3: the refusal may come as late as here

    with pytest.raises(OSError):
        without_certificate()


@pytest.mark.parametrize(("strength", "qber"), [(0.3, 0.09), (1.0, 0.258)])
def test_an_eavesdropper_shows_and_no_key_is_handed_out(certificates, strength, qber):
    with serving(entity(intercept=strength), certificates) as server:
        north = client(server.url, certificates)
        found = north.status("south")
        assert found.extension["qber"] == pytest.approx(qber, abs=0.02)
        assert found.stored_keys == 0 and found.extension["refusal"]
        with pytest.raises(errors.QkdUnavailable, match="not enough key"):
            north.enc_keys("south")


def test_limits_are_refused_before_asking(kme, certificates):
    north = client(kme.url, certificates)
    limits = north.status("south")
    for asked in ({"number": 0}, {"size": 100}, {"number": 33}, {"size": 2048}, {"size": 64}):
        with pytest.raises(errors.QkdLimit, match="expected"):
            north.enc_keys("south", limits=limits, **asked)
    for ids in ([], ["not-a-uuid"]):
        with pytest.raises(errors.QkdLimit, match="expected"):
            north.dec_keys("south", ids)


def test_keys_that_nobody_fetches_are_dropped_the_oldest_first():
    held = entity()
    first = held.enc_keys("north", "south", size=128)["keys"][0]["key_ID"]
    for _ in range(MAX_WAITING):
        last = held.enc_keys("north", "south", size=128)["keys"][0]["key_ID"]
    with pytest.raises(Refused, match="not found"):
        held.dec_keys("south", "north", [first])
    assert held.dec_keys("south", "north", [last])


GOOD_ID, GOOD = str(uuid.UUID(int=1)), base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((200, b"<html>"), errors.QkdProtocolError, "expected JSON"),
        ((200, b"[]"), errors.QkdProtocolError, "JSON object"),
        ((200, b'{"keys": 1}'), errors.QkdProtocolError, "list of keys"),
        ((200, {"keys": [{"key_ID": GOOD_ID, "key": "not base64!"}]}), errors.QkdProtocolError, "base64"),
        ((200, {"keys": [{"key_ID": "x", "key": GOOD}]}), errors.QkdProtocolError, "UUID"),
        ((200, {"keys": [{"key_ID": GOOD_ID, "key": "AAAA"}]}), errors.QkdProtocolError, "got 1 of \\[24\\]"),
        ((200, {"keys": []}), errors.QkdProtocolError, "expected 1 keys"),
        ((200, {"keys": [{"key_ID": GOOD_ID, "key": GOOD}] * 2}), errors.QkdProtocolError, "twice"),
        ((200, b" " * ((1 << 20) + 1)), errors.QkdProtocolError, "at most"),
        ((400, {"message": "bad"}), errors.QkdBadRequest, "400: bad"),
        ((401, {"message": "who"}), errors.QkdUnauthorised, "who"),
        ((503, b"down"), errors.QkdUnavailable, "without a reason"),
        ((302, b""), errors.QkdProtocolError, "302"),
    ],
)
def test_an_entity_that_misbehaves_gives_a_typed_error(certificates, monkeypatch, answer, error, says):
    with serving(entity(), certificates) as server:

        def reply(self) -> None:
            status, body = answer
            self.rfile.read(int(self.headers["Content-Length"]))  # what is left unread would reset the connection
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        monkeypatch.setattr("federation.qkd_kme._Handler._reply", reply)
        with pytest.raises(error, match=says):
            client(server.url, certificates).enc_keys("south")


def test_silence_and_absence_are_told_apart_from_refusal(certificates):
    listener = socket.create_server(("127.0.0.1", 0))  # takes the connection and says nothing
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    paths = SimpleNamespace(ca=certificates / "ca.pem", pem=certificates / "north.pem", key=certificates / "north.key")
    hasty = Etsi014Client(KmeAccess(url, paths.ca, paths.pem, paths.key), timeout_seconds=0.05)
    with pytest.raises(errors.QkdUnreachable, match="within 0.05 s"):
        hasty.status("south")
    listener.close()
    with pytest.raises(errors.QkdUnreachable, match="cannot be reached"):
        hasty.status("south")
