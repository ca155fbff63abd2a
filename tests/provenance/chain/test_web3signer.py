"""Web3Signer, by its public wire format: the stand-in answers as the program does, and signs with eth-account."""

import contextlib
import datetime
import ipaddress
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import to_checksum_address

from provenance.chain.decisions import Decisions
from provenance.chain.errors import SignerError
from provenance.chain.registry import ZERO_ROOT, wait_for
from provenance.chain.web3signer import Tls, Web3Signer

KEY = Account.from_key(b"\x11" * 32)
OTHER = Account.from_key(b"\x22" * 32)
NO_ACCOUNT = {"code": -32000, "message": "No unlocked account matches the Sender"}
INVALID = {"code": -32602, "message": "Invalid params"}
NOT_FOUND = {"code": -32601, "message": "Method not found"}


class StandIn(BaseHTTPRequestHandler):
    """Web3Signer in eth1 mode: one chain id, given at its start; requests do not name one."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        state = self.server.state
        state.requests.append(request := json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        time.sleep(state.delay)
        if state.answer is not None:
            return self.reply(*state.answer)
        if self.headers["Content-Type"] != "application/json":
            return self.reply(404, b"Resource not found")
        status, outcome = getattr(self, request["method"], self.unknown)(state, request["params"])
        return self.reply(status, json.dumps({"jsonrpc": "2.0", "id": request["id"], **outcome}).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # who waited has left
            self.wfile.write(body)

    def unknown(self, state, params):
        return 200, {"error": NOT_FOUND}

    def eth_accounts(self, state, params):
        return 200, {"result": sorted(state.keys)}

    def eth_signTransaction(self, state, params):
        if len(params) != 1 or "from" not in params[0] or "nonce" not in params[0]:
            return 400, {"error": INVALID}
        asked = dict(params[0])
        key = state.keys.get(asked.pop("from").lower())
        if key is None:
            return 200, {"error": NO_ACCOUNT}
        fields = {name: int(asked[name], 16) for name in ("nonce", "gas", "value")}
        fields |= {name: int(asked[name], 16) for name in ("maxFeePerGas", "maxPriorityFeePerGas")}
        fields |= {"to": to_checksum_address(asked["to"])} if "to" in asked else {}
        fields |= {"data": asked["data"], "chainId": state.chain_id, "type": 2} | state.change
        return 200, {"result": "0x" + (state.signing or key).sign_transaction(fields).raw_transaction.hex()}

    def eth_signTypedData(self, state, params):
        if len(params) != 2 or not isinstance(params[1], str):
            return 400, {"error": INVALID}
        key = state.keys.get(params[0].lower())
        if key is None:
            return 200, {"error": NO_ACCOUNT}
        signed = (state.signing or key).sign_message(encode_typed_data(full_message=json.loads(params[1])))
        return 200, {"result": "0x" + signed.signature.hex()}

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Start a stand-in; its state may be bent."""
    running = []

    def start(*keys, chain_id=31337, tls=None):
        server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.state = SimpleNamespace(
            keys={key.address.lower(): key for key in keys}, chain_id=chain_id, delay=0, answer=None, change={},
            signing=None, requests=[], url=f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}",
        )  # fmt: skip
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(server)
        return server.state

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def transaction(**changes):
    return {
        "to": OTHER.address, "data": "0x1234", "value": 0, "gas": 50_000, "nonce": 7, "maxFeePerGas": 2 * 10**9,
        "maxPriorityFeePerGas": 10**9, "chainId": 31337, **changes,
    }  # fmt: skip


def test_it_signs_as_the_key_itself_would(serve):
    state = serve(KEY)
    signer = Web3Signer(state.url)
    assert signer.address == KEY.address
    for asked in (transaction(), transaction(to=None)):
        expected = {name: value for name, value in asked.items() if value is not None}
        assert signer.sign_transaction(asked) == bytes(KEY.sign_transaction(expected).raw_transaction)
    wire = state.requests[1]["params"][0]
    assert wire["from"] == KEY.address and wire["nonce"] == "0x7" and "chainId" not in wire and "gasPrice" not in wire


def test_it_anchors_on_a_real_chain_and_signs_decisions_by_eip_712(serve, anvil):
    signer = Web3Signer(serve(KEY).url)
    anvil.rpc("anvil_setBalance", signer.address, hex(10**18))
    log_id = anvil.registry.create_log(signer, bytes(32))
    anvil.registry.set_anchorer(signer, log_id, signer.address)
    signed = anvil.registry.sign_anchor(signer=signer, log_id=log_id, root=b"\1" * 32, tree_size=1, prev_root=ZERO_ROOT)
    anvil.node.send_raw(signed.raw)
    assert wait_for(anvil.node, signed).succeeded and anvil.registry.head(log_id).tree_size == 1
    message = {
        "types": {
            "EIP712Domain": [{"name": "chainId", "type": "uint256"}],
            "Note": [{"name": "id", "type": "bytes32"}],
        },
        "primaryType": "Note",
        "domain": {"chainId": 31337},
        "message": {"id": b"\7" * 32},
    }
    signature = signer.sign_typed_data(message)
    assert Account.recover_message(encode_typed_data(full_message=message), signature=signature) == KEY.address
    assert Decisions(anvil.registry).is_officer(log_id, signer.address) is False


def test_the_key_is_chosen_by_its_address(serve):
    state = serve(KEY, OTHER)
    assert Web3Signer(state.url, address=OTHER.address.lower()).address == OTHER.address
    with pytest.raises(SignerError, match="name one by its address"):
        Web3Signer(state.url)
    with pytest.raises(SignerError, match="load it there"):
        Web3Signer(state.url, address="0x" + "33" * 20)
    with pytest.raises(SignerError, match="20 bytes"):
        Web3Signer(state.url, address="0x1234")
    with pytest.raises(SignerError, match="got none; name one"):
        Web3Signer(serve().url)


def test_a_signer_of_another_chain_is_found_out(serve):
    signer = Web3Signer(serve(KEY, chain_id=1).url)
    with pytest.raises(SignerError, match="for chain 31337, the signer signed for 1"):
        signer.sign_transaction(transaction())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"to": KEY.address}, "to"), ({"value": 1}, "value"), ({"nonce": 8}, "nonce"), ({"data": "0x"}, "data"),
        ({"gas": 60_000}, "gas"), ({"maxFeePerGas": 3 * 10**9}, "maxFeePerGas"),
        ({"maxPriorityFeePerGas": 1}, "maxPriorityFeePerGas"),
    ],
)  # fmt: skip
def test_a_transaction_that_the_signer_changed_is_refused(serve, change, named):
    state = serve(KEY)
    signer, state.change = Web3Signer(state.url), change
    with pytest.raises(SignerError, match=f"the signer changed {named}$"):
        signer.sign_transaction(transaction())


def test_another_key_than_the_one_named_is_refused(serve):
    state = serve(KEY)
    signer, state.signing = Web3Signer(state.url), OTHER
    with pytest.raises(SignerError, match=OTHER.address):
        signer.sign_transaction(transaction())
    with pytest.raises(SignerError, match=OTHER.address):
        signer.sign_typed_data(
            {"types": {"EIP712Domain": [], "A": []}, "primaryType": "A", "domain": {}, "message": {}}
        )


def test_what_the_signer_refuses_is_told_in_its_words(serve):
    state = serve(KEY)
    signer = Web3Signer(state.url)
    state.keys.clear()
    with pytest.raises(SignerError, match="eth_signTransaction: No unlocked account matches the Sender"):
        signer.sign_transaction(transaction())


@pytest.mark.parametrize(
    "answer",
    [(502, b"<html>"), (200, b"[]"), (200, b"{}"), (200, b'{"result": 7}'), (200, b'{"result": "0xzz"}'),
     (200, b'{"result": "0x02c0"}'), (400, b'{"error": {"code": -32602, "message": "Invalid params"}}'), (302, b"{}"),
     (200, b'{"error": "odd"}'), (200, b'{"result": null}')],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_refused_without_a_traceback(serve, answer):
    state = serve(KEY)
    signer, state.answer = Web3Signer(state.url), answer
    with pytest.raises(SignerError):
        signer.sign_transaction(transaction())
    with pytest.raises(SignerError):
        signer.sign_typed_data(
            {"types": {"EIP712Domain": [], "A": []}, "primaryType": "A", "domain": {}, "message": {}}
        )
    with pytest.raises(SignerError):
        Web3Signer(state.url)


def test_a_signer_that_is_slow_or_away_is_named_without_its_url(serve):
    state = serve(KEY)
    signer = Web3Signer(state.url, timeout_seconds=0.2)
    state.delay = 1
    with pytest.raises(SignerError, match="ReadTimeout"):
        signer.sign_transaction(transaction())
    with pytest.raises(SignerError) as away:
        Web3Signer("http://user:secret@127.0.0.1:9")
    assert "secret" not in str(away.value)
    with pytest.raises(SignerError, match="signer's URL"):
        Web3Signer("ftp://signer")


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """Certificates: an authority of our own, the signer's and the client's, and a stranger's."""
    folder = tmp_path_factory.mktemp("tls")

    def issue(name, issuer=None):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer[0].subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if issuer:
            addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[1].public_key())
            builder = builder.add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            builder = builder.add_extension(authority, critical=False)
        else:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        certificate = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.key").write_bytes(private)
        return certificate, key

    authority = issue("authority")
    issue("signer", authority)
    issue("client", authority)
    issue("stranger")
    return folder


def test_both_sides_show_their_certificates(serve, papers):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers / "signer.pem", papers / "signer.key")
    context.load_verify_locations(papers / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    url, path = serve(KEY, tls=context).url, lambda name: str(papers / name)
    ours = Tls(path("authority.pem"), path("client.pem"), path("client.key"))
    signer = Web3Signer(url, tls=ours)
    assert signer.sign_transaction(transaction()) == bytes(KEY.sign_transaction(transaction()).raw_transaction)
    (papers / "both.pem").write_bytes((papers / "client.pem").read_bytes() + (papers / "client.key").read_bytes())
    assert Web3Signer(url, tls=Tls(path("authority.pem"), path("both.pem"))).address == KEY.address
    for wrong in (
        Tls(),  # the signer is unknown to the system's authorities
        Tls(path("authority.pem")),  # we show nothing
        Tls(path("stranger.pem"), path("client.pem"), path("client.key")),
        Tls(path("authority.pem"), path("stranger.pem"), path("stranger.key")),
        Tls(path("authority.pem"), path("absent.pem")),
        Tls(path("absent.pem")),
    ):
        with pytest.raises(SignerError, match="expected an answer of the signer"):
            Web3Signer(url, tls=wrong, timeout_seconds=2)
