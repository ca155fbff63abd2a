"""Anchors, with the word of a node: a real HTTP server that answers as a chain's JSON-RPC does."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from provenance.domain.evm import parse_header


class Node:
    """What the chain holds; tests change it."""

    def __init__(self, log) -> None:
        self.bundle = log.bundle()
        self.answers: dict[str, object] = {"eth_chainId": "0x539"}
        self.anchors = {evidence["block_number"]: evidence for evidence in self.bundle.anchors.values()}
        self.roots = {size: "0x" + log.root(size).hex() for size in self.bundle.anchors}
        self.raw: bytes | None = None

    def answer(self, method: str, parameters: list) -> object:
        if method in self.answers:
            return self.answers[method]
        if method == "eth_getBlockByNumber":
            evidence = self.anchors.get(int(parameters[0], 16))
            header = parse_header(bytes.fromhex(evidence["header"][2:])) if evidence else None
            return header and {"hash": evidence["block_hash"], "receiptsRoot": "0x" + header.receipts_root.hex()}
        if method == "eth_getTransactionReceipt":
            found = [e for e in self.anchors.values() if e["tx_hash"] == parameters[0]]
            if not found:
                return None
            return {"blockHash": found[0]["block_hash"], "transactionIndex": hex(found[0]["receipt_index"])}
        return self.roots[int(parameters[0]["data"][-64:], 16)]


@pytest.fixture
def node(log):
    state = Node(log)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"jsonrpc": "2.0", "id": asked["id"], "result": state.answer(asked["method"], asked["params"])}
            body = state.raw if state.raw is not None else json.dumps(answer).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()


def test_an_anchor_that_the_node_confirms_is_verified(node, verify, made):
    verdict = verify(node.bundle, "--rpc", node.url, "--contract", "0x" + made.CONTRACT.hex(), "--chain-id", "1337")
    assert verdict.exit_code == 0, made.words_of(verdict)
    assert sum("your node confirms" in finding.text for finding in verdict.of("verified")) == 2
    assert all(anchor["on_chain"] for anchor in verdict.facts["anchors"])


FALSE = {
    "another chain": {"eth_chainId": "0x1"},
    "another block": {"eth_getBlockByNumber": {"hash": "0x" + "00" * 32, "receiptsRoot": "0x" + "00" * 32}},
    "no such block": {"eth_getBlockByNumber": None},
    "no such transaction": {"eth_getTransactionReceipt": None},
    "another root": {"eth_call": "0x" + "00" * 32},
    "no contract": {"eth_call": "0x"},
}


@pytest.mark.parametrize("what", FALSE, ids=lambda what: what.replace(" ", "-"))
def test_an_anchor_that_the_node_denies_is_false(node, verify, what):
    node.answers |= FALSE[what]
    assert verify(node.bundle, "--rpc", node.url).exit_code == 1


UNREADABLE = [b"", b"no JSON", b"[]", b'{"id":1}', b'{"error":{"code":1}}', b'{"result":7}', b"[" * 100_000]


@pytest.mark.parametrize("raw", UNREADABLE, ids=lambda raw: raw[:12].decode() or "nothing")
def test_a_node_that_talks_nonsense_leaves_it_unchecked(node, verify, raw):
    node.raw = raw
    assert verify(node.bundle, "--rpc", node.url).exit_code == 2


def test_a_node_that_is_away_leaves_it_unchecked(log, verify):
    assert verify(log.bundle(), "--rpc", "http://127.0.0.1:9").exit_code == 2


def test_evidence_without_a_header_is_left_open_offline_and_checked_with_a_node(node, verify):
    bare = {size: {**evidence, "header": None, "reason": "seals"} for size, evidence in node.bundle.anchors.items()}
    bundle = replace(node.bundle, anchors=bare)
    offline = verify(bundle)
    assert offline.exit_code == 0
    assert sum("was not checked" in f.text for f in offline.of("open") if f.check == "anchor") == 2
    assert verify(bundle, "--rpc", node.url).exit_code == 0
    empty = {size: {**evidence, "receipt": "0x", "receipt_proof": []} for size, evidence in bare.items()}
    assert verify(replace(node.bundle, anchors=empty), "--rpc", node.url).exit_code == 0
    node.answers["eth_call"] = "0x" + "00" * 32
    assert verify(replace(node.bundle, anchors=empty), "--rpc", node.url).exit_code == 1


def test_asking_a_node_about_a_bundle_without_anchors_checks_nothing(node, verify):
    assert verify(replace(node.bundle, anchors={}), "--rpc", node.url).exit_code == 2
    assert verify(replace(node.bundle, anchors={})).exit_code == 0


@pytest.mark.parametrize(
    "pin", [("--contract", "0x" + "00" * 20), ("--log-id", "0x" + "00" * 32), ("--chain-id", "1")], ids=lambda p: p[0]
)
def test_an_anchor_elsewhere_than_pinned_is_false(log, verify, pin):
    assert verify(log.bundle(), *pin).exit_code == 1
