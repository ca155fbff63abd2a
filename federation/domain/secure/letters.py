"""Messages between coordinator and site in sealed envelopes: version 2 of `federation.domain.messages`, as text.

The payload is the length of a JSON head, the head, and the attachments one after the other. The step of the envelope's
purpose is the message's key, so that an answer can be put in the place of no other. The envelope's signature proves the
sender to the recipient. What must be provable to others later, when the envelope is gone (an update, to an auditor),
also carries the message's own signature of version 1 in the head.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from federation.domain.messages import Message, canonical, signature_of
from federation.domain.secure import envelope
from federation.domain.secure.envelope import Malformed, Opener, Oversized, Purpose

_PREFIX = "QFE1:"


def is_letter(text: str) -> bool:
    return text.startswith(_PREFIX)


def seal_letter(
    message: Message, purpose: Purpose, *, key: MLDSA65PrivateKey, recipient: bytes, evidence: bool = False
) -> str:
    """A message as text that only the recipient can read; see `envelope.seal`.

    `evidence` adds the signature of version 1, see above.
    """
    if (purpose.step, purpose.sender) != (message.key, message.sender):
        raise ValueError(f"expected the purpose of {message.key} of {message.sender}, got {purpose}")
    head = canonical(
        {
            "kind": message.kind, "recipient": message.recipient, "ok": message.ok, "body": message.body,
            "attachments": [[name, len(data)] for name, data in sorted(message.attachments.items())],
            "signature": signature_of(message, key) if evidence else "",
        }
    )  # fmt: skip
    files = (data for _, data in sorted(message.attachments.items()))
    payload = b"".join((struct.pack(">I", len(head)), head, *files))
    return _PREFIX + base64.b64encode(envelope.seal(payload, purpose, key=key, recipient=recipient)).decode("ascii")


def _raw(text: str, max_bytes: int) -> bytes:
    if len(text) > len(_PREFIX) + 4 * (max_bytes // 3 + 1):
        raise Oversized(f"expected at most {max_bytes} bytes, got {len(text)} characters")
    if not is_letter(text):
        raise Malformed(f"expected a sealed letter, which begins with {_PREFIX}; update the older side")
    try:
        return base64.b64decode(text[len(_PREFIX) :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"not a letter: {error}") from error


def peek(text: str, *, max_bytes: int = envelope.MAX_BYTES) -> Purpose:
    """What a letter says that it is for, unchecked: to find out which letter is awaited. Raises EnvelopeRefused."""
    return envelope.claimed_purpose(_raw(text, max_bytes))


def open_letter(text: str, opener: Opener, expected: Purpose, *, now: datetime) -> tuple[Message, str]:
    """The message, and its own signature in base64 (empty without). Raises EnvelopeRefused.

    The signature is not looked at: the envelope's has been. Whoever keeps it as evidence checks it.
    """
    payload = opener.open(_raw(text, opener.max_bytes), expected, now=now)
    try:
        (length,) = struct.unpack(">I", payload[:4])
        head = json.loads(payload[4 : 4 + length])
        attachments, start = {}, 4 + length
        for name, size in head["attachments"]:
            attachments[str(name)] = payload[start : start + int(size)]
            start += int(size)
        if start != len(payload):
            raise Malformed(f"expected {start} bytes of payload, got {len(payload)}")
        message = Message(
            head["kind"], expected.sender, head["recipient"], expected.step, head["body"], attachments, bool(head["ok"])
        )
    except (ValueError, KeyError, TypeError, struct.error, RecursionError) as error:
        raise Malformed(f"not a message: {type(error).__name__}") from error
    return message, str(head.get("signature", ""))
