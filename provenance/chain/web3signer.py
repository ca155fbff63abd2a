"""The anchoring key in Web3Signer (or behind it in an HSM or a vault): it signs over JSON-RPC, we never see the key.

Trust: Web3Signer is trusted with the key, and with nothing else. What it returns is checked to be exactly the
transaction that was asked for, signed by the address that was named, for our chain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import requests
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.typed_transactions import TypedTransaction
from eth_utils import is_address, to_checksum_address
from hexbytes import HexBytes

from provenance.chain.errors import SignerError

_NUMBERS = ("nonce", "gas", "value", "maxFeePerGas", "maxPriorityFeePerGas")


@dataclass(frozen=True)
class Tls:
    """How to know the signer, and how it knows us. Paths of PEM files."""

    ca_file: str = ""  # whose certificates to accept; empty: the system's
    certificate_file: str = ""  # ours, for mutual TLS
    key_file: str = ""  # its key; empty: in the same file


class Web3Signer:
    """A key in Web3Signer, chosen by its address."""

    def __init__(self, url: str, *, address: str = "", tls: Tls | None = None, timeout_seconds: float = 10.0) -> None:
        """Connect, and make sure that the signer has the key.

        Parameters
        ----------
        url : str
            ``https://host:port``; ``http://`` for a signer on this machine.
        address : str, optional
            Which of its keys; needed where it has more than one.

        Raises
        ------
        SignerError
            If it does not answer, or has no such key, or several and none was named.
        """
        if not url.startswith(("http://", "https://")):
            raise SignerError(f"expected a signer's URL http://... or https://..., got {url.partition(':')[0]!r}")
        if address and not is_address(address):
            raise SignerError(f"expected an address of 20 bytes, got {address!r}")
        tls = tls or Tls()
        self._url, self._timeout = url, timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a ~/.netrc comes between us and the signer
        self._session.verify = tls.ca_file or True
        if tls.certificate_file:
            self._session.cert = (tls.certificate_file, tls.key_file) if tls.key_file else tls.certificate_file
        self._address = self._choose(address)

    @property
    def address(self) -> str:
        return self._address

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Have a transaction signed.

        Raises
        ------
        SignerError
            If the signer refuses or does not answer, or if what it returns is not this transaction signed by this
            address: another chain id is the usual slip, since Web3Signer is started with one and is not asked for it.
        """
        wire: dict[str, Any] = {"from": self._address, "data": _hex_data(transaction["data"])}
        wire |= {name: hex(transaction[name]) for name in _NUMBERS}
        if transaction.get("to"):
            wire["to"] = transaction["to"]
        raw = self._bytes_of(self._ask("eth_signTransaction", [wire]))
        self._check(raw, transaction)
        return raw

    def sign_typed_data(self, message: dict[str, Any]) -> bytes:
        """Have EIP-712 typed data signed; return 65 bytes: r, s, v (27 or 28).

        Raises
        ------
        SignerError
            If the signer refuses or does not answer, or another key signed.
        """
        text = json.dumps(message, default=lambda value: "0x" + bytes(value).hex())
        signature = self._bytes_of(self._ask("eth_signTypedData", [self._address, text]))
        if len(signature) != 65:
            raise SignerError(f"expected a signature of 65 bytes, got {len(signature)}")
        if signature[64] < 27:
            signature = signature[:64] + bytes([signature[64] + 27])
        try:
            found = Account.recover_message(encode_typed_data(full_message=message), signature=signature)
        except Exception as error:  # noqa: BLE001 - eth-keys and eth-account have no common error
            raise SignerError(f"expected a signature by {self._address}, got none that recovers: {error}") from None
        if found != self._address:
            raise SignerError(f"expected a signature by {self._address}, got one by {found}")
        return signature

    def _choose(self, wanted: str) -> str:
        accounts = self._ask("eth_accounts", [])
        if not isinstance(accounts, list) or not all(isinstance(a, str) and is_address(a) for a in accounts):
            raise SignerError("expected a list of addresses of the signer, got something else")
        known = sorted(to_checksum_address(account) for account in accounts)
        if wanted and to_checksum_address(wanted) in known:
            return to_checksum_address(wanted)
        if wanted:
            raise SignerError(f"expected the signer to have the key of {wanted}, got {known or 'none'}; load it there")
        if len(known) != 1:
            raise SignerError(f"expected the signer to have one key, got {known or 'none'}; name one by its address")
        return known[0]

    def _check(self, raw: bytes, asked: dict[str, Any]) -> None:
        try:
            signed = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
            sender = Account.recover_transaction(raw)
        except Exception as error:  # noqa: BLE001 - rlp, eth-keys and eth-account have no common error
            raise SignerError(f"expected a signed EIP-1559 transaction, got something else: {error}") from None
        if int(signed["chainId"]) != asked["chainId"]:
            raise SignerError(
                f"expected a transaction for chain {asked['chainId']}, the signer signed for {signed['chainId']}; "
                "start it with our chain's id"
            )
        wanted: dict[str, Any] = {name: asked[name] for name in _NUMBERS}
        wanted |= {"to": _address_bytes(asked.get("to")), "data": bytes.fromhex(_hex_data(asked["data"])[2:])}
        found: dict[str, Any] = {name: int(signed[name]) for name in _NUMBERS}
        found |= {"to": _address_bytes(signed.get("to")), "data": bytes(signed["data"])}
        if different := sorted(name for name in wanted if wanted[name] != found[name]):
            raise SignerError(f"expected the transaction that was asked for, the signer changed {', '.join(different)}")
        if sender != self._address:
            raise SignerError(f"expected a transaction signed by {self._address}, got one by {sender}")

    def _ask(self, method: str, parameters: list[Any]) -> Any:
        request: Any = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            response = self._session.post(self._url, json=request, timeout=self._timeout, allow_redirects=False)
        except (requests.RequestException, OSError) as error:  # OSError: a PEM file is missing
            # The URL may hold a password: name the kind of failure only.
            raise SignerError(f"expected an answer of the signer, got {type(error).__name__}; try again") from None
        try:
            answer = response.json()
        except ValueError:
            raise SignerError(f"expected JSON of the signer, got HTTP {response.status_code}") from None
        if not isinstance(answer, dict) or answer.get("error") is not None or "result" not in answer:
            body = answer.get("error") if isinstance(answer, dict) else None
            said = body.get("message") if isinstance(body, dict) else f"HTTP {response.status_code}"
            raise SignerError(f"the signer refused {method}: {said}")
        return answer["result"]

    def _bytes_of(self, result: Any) -> bytes:
        try:
            return bytes.fromhex(result.removeprefix("0x"))
        except (AttributeError, ValueError):
            raise SignerError("expected hexadecimal bytes of the signer, got something else") from None


def _hex_data(data: Any) -> str:
    return data if isinstance(data, str) else "0x" + bytes(data).hex()


def _address_bytes(address: Any) -> bytes:
    """Address as bytes; empty for the creation of a contract."""
    if not address:
        return b""
    return bytes.fromhex(address.removeprefix("0x")) if isinstance(address, str) else bytes(address)
