"""Signed messages between the coordinator and a site. Version 1: one JSON text, attachments in base64.

The signature (ML-DSA-65, FIPS 204) covers the header, the body and the SHA-256 of each attachment. A message is named
by its `key`, so asking twice or answering twice is the same message. Weights travel as safetensors; nothing is pickled.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

VERSION = 1
_CONTEXT = b"qfl-ethics/site-message/v1"
MAX_BYTES = 256 * 2**20


class MessageError(Exception):
    """A text that is no message of ours: malformed, of another version, or not signed by whom it should be."""


@dataclass(frozen=True)
class Message:
    kind: str  # what is asked: manifest train evaluate audit; or hello progress
    sender: str  # "coordinator" or the site's code
    recipient: str
    key: str  # idempotency key, e.g. "<run>:<round>:train"
    body: Mapping[str, Any]
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    ok: bool = True  # an answer with ok = False carries body["error"]


def canonical(value: Any) -> bytes:
    """One spelling of a JSON value: sorted keys, no spaces, ASCII. NaN and infinities are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, hex: how a configuration is frozen and consented to."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _signed_part(message: Message) -> bytes:
    return canonical(
        {
            "v": VERSION,
            "kind": message.kind,
            "sender": message.sender,
            "recipient": message.recipient,
            "key": message.key,
            "ok": message.ok,
            "body": message.body,
            "attachments": {name: hashlib.sha256(data).hexdigest() for name, data in message.attachments.items()},
        }
    )


def message_digest(message: Message) -> str:
    """SHA-256 of the signed part, hex."""
    return hashlib.sha256(_signed_part(message)).hexdigest()


def seal(message: Message, key: MLDSA65PrivateKey) -> str:
    """Sign a message and write it as text."""
    return json.dumps(
        {
            "v": VERSION,
            "kind": message.kind,
            "sender": message.sender,
            "recipient": message.recipient,
            "key": message.key,
            "ok": message.ok,
            "body": message.body,
            "attachments": {name: base64.b64encode(data).decode() for name, data in message.attachments.items()},
            "signature": signature_of(message, key),
        }
    )


def signature_of(message: Message, key: MLDSA65PrivateKey) -> str:
    """The sender's signature of a message, base64."""
    return base64.b64encode(key.sign(_signed_part(message), _CONTEXT)).decode()


def check_signature(message: Message, signature: str, *, public_key: str) -> None:
    """Raise MessageError unless the owner of the key signed the message."""
    try:
        load_public(public_key).verify(base64.b64decode(signature, validate=True), _signed_part(message), _CONTEXT)
    except (InvalidSignature, ValueError):
        raise MessageError(f"the signature is not that of {message.sender}") from None


def unseal(text: str, *, sender: str, public_key: str) -> tuple[Message, str]:
    """Read a message and check who signed it.

    Parameters
    ----------
    sender : str
        Whose message it must be.
    public_key : str
        The sender's ML-DSA-65 public key, base64.

    Returns
    -------
    message, signature : Message and the base64 signature

    Raises
    ------
    MessageError
        For anything else than a well-formed message of that sender.
    """
    if len(text) > MAX_BYTES:
        raise MessageError(f"expected at most {MAX_BYTES} characters, got {len(text)}")
    try:
        raw = json.loads(text)
        if raw["v"] != VERSION:
            raise MessageError(f"expected message version {VERSION}, got {raw['v']!r}; update the older side")
        attachments = {name: base64.b64decode(data, validate=True) for name, data in raw["attachments"].items()}
        message = Message(
            raw["kind"], raw["sender"], raw["recipient"], raw["key"], raw["body"], attachments, bool(raw["ok"])
        )
        signature = base64.b64decode(raw["signature"], validate=True)
        load_public(public_key).verify(signature, _signed_part(message), _CONTEXT)
    except InvalidSignature:
        raise MessageError(f"the signature is not that of {sender}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MessageError(f"not a message: {type(error).__name__}: {error}") from error
    if message.sender != sender:
        raise MessageError(f"expected a message of {sender}, got one of {message.sender}")
    return message, raw["signature"]


def new_key() -> MLDSA65PrivateKey:
    return MLDSA65PrivateKey.generate()


def dump_private(key: MLDSA65PrivateKey) -> bytes:
    """The 32-byte seed."""
    return key.private_bytes_raw()


def load_private(seed: bytes) -> MLDSA65PrivateKey:
    return MLDSA65PrivateKey.from_seed_bytes(seed)


def dump_public(key: MLDSA65PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def load_public(text: str) -> MLDSA65PublicKey:
    return MLDSA65PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
