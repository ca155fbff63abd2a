"""Three questions to a chain's node that the auditor trusts, over JSON-RPC."""

from __future__ import annotations

import json
import re
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from provenance.domain.canonical import MAX_DEPTH
from provenance.domain.errors import VerificationError
from provenance.verifier.findings import Unreadable

TIMEOUT_SECONDS = 20
MAX_ANSWER_BYTES = 8 << 20


_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class Rpc:
    """A node's JSON-RPC address."""

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise Unreadable(f"expected --rpc http://... or https://..., got {url[:80]!r}")
        self._url = url

    def chain_id(self) -> int:
        return self._number(self._ask("eth_chainId"))

    def block(self, number: int) -> tuple[bytes, bytes] | None:
        """Hash and receipts root of the canonical block of this number; None if the chain is not that long."""
        found = self._ask("eth_getBlockByNumber", hex(number), False)
        if found is None:
            return None
        if not isinstance(found, dict):
            raise self._odd(found)
        return self._word(found.get("hash")), self._word(found.get("receiptsRoot"))

    def place(self, tx_hash: bytes) -> tuple[bytes, int] | None:
        """Block hash and index of a transaction; None if the chain does not hold it."""
        found = self._ask("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        if found is None:
            return None
        if not isinstance(found, dict):
            raise self._odd(found)
        return self._word(found.get("blockHash")), self._number(found.get("transactionIndex"))

    def call(self, contract: bytes, data: bytes) -> bytes:
        """Call a view of a contract that returns one word."""
        asked = {"to": "0x" + contract.hex(), "data": "0x" + data.hex()}
        answer = self._ask("eth_call", asked, "latest")
        if answer == "0x":
            raise VerificationError(f"the chain has no such contract at 0x{contract.hex()}")
        return self._word(answer)

    def _ask(self, method: str, *parameters: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(  # noqa: S310 (the scheme was checked)
            self._url, data=body, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:  # noqa: S310 (as above)
                answer = _parse(reply.read(MAX_ANSWER_BYTES))
        except (OSError, ValueError, HTTPException) as error:
            raise Unreadable(f"the node at {self._url} did not answer {method}: {error}") from None
        if not isinstance(answer, dict) or "error" in answer or "result" not in answer:
            raise Unreadable(f"the node at {self._url} refused {method}: {str(answer)[:200]}")
        return answer["result"]

    def _word(self, value: Any) -> bytes:
        try:
            raw = bytes.fromhex(value.removeprefix("0x"))
        except (AttributeError, ValueError):
            raw = b""
        if len(raw) != 32:
            raise self._odd(value)
        return raw

    def _number(self, value: Any) -> int:
        try:
            return int(value, 16)
        except (TypeError, ValueError):
            raise self._odd(value) from None

    def _odd(self, value: Any) -> Unreadable:
        return Unreadable(f"the node at {self._url} answered something unexpected: {str(value)[:120]}")


def _parse(data: bytes) -> Any:
    """Parse JSON whose nesting was looked at first: Python's parser recurses, and deep nesting can crash it."""
    depth = 0
    for token in _TOKENS.finditer(data):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise ValueError(f"expected at most {MAX_DEPTH} levels of nesting")
    return json.loads(data)
