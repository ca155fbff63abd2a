from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

from federation.domain import messages
from federation.domain.messages import Message
from federation.domain.secure import certificates, envelope, letters
from federation.domain.secure.envelope import Opener, Purpose

NOW = datetime(2026, 11, 28, tzinfo=UTC)
KEY, SEED = messages.load_private(bytes(32)), bytes(range(64))
PUBLIC = MLKEM768PrivateKey.from_seed_bytes(SEED).public_key().public_bytes_raw()
CERTIFICATE = certificates.issue("north", KEY.public_key().public_bytes_raw(), PUBLIC, now=NOW)
PURPOSE = Purpose("run", 1, "run:1:train", "north", envelope.TO_COORDINATOR, "c" * 64)
MESSAGE = Message("train", "north", "coordinator", "run:1:train", {"n": 3}, {"b": b"second", "a": b""}, ok=True)


def opener(**changed) -> Opener:
    return Opener(**{"seed": SEED, "certificates": {"north": CERTIFICATE}.get, "seen": set(), **changed})


def letter(message: Message = MESSAGE, purpose: Purpose = PURPOSE) -> str:
    return letters.seal_letter(message, purpose, key=KEY, recipient=PUBLIC)


@pytest.mark.parametrize("message", [MESSAGE, replace(MESSAGE, ok=False, body={"error": "no"}, attachments={})])
def test_a_message_comes_back_whole(message):
    text = letter(message)
    assert letters.peek(text) == PURPOSE
    assert letters.open_letter(text, opener(), PURPOSE, now=NOW) == (message, "")


def test_evidence_carries_the_signature_of_the_message_itself():
    text = letters.seal_letter(MESSAGE, PURPOSE, key=KEY, recipient=PUBLIC, evidence=True)
    message, signature = letters.open_letter(text, opener(), PURPOSE, now=NOW)
    messages.check_signature(message, signature, public_key=messages.dump_public(KEY))
    for wrong in (replace(message, body={}), replace(message, key="run:2:train")):
        with pytest.raises(messages.MessageError):
            messages.check_signature(wrong, signature, public_key=messages.dump_public(KEY))
    with pytest.raises(messages.MessageError):
        messages.check_signature(message, "", public_key=messages.dump_public(KEY))


def test_nothing_of_the_message_can_be_read_on_the_way():
    sealed = base64.b64decode(letter().removeprefix("QFE1:"))
    assert b"second" not in sealed
    assert b'"n":3' not in sealed


def test_a_letter_is_sealed_for_its_own_message_only():
    with pytest.raises(ValueError, match="purpose"):
        letter(purpose=replace(PURPOSE, step="run:2:train"))


@pytest.mark.parametrize(
    "text", ["", "{}", "QFE1:", "QFE1:!", "QFE1:" + "A" * 8000, letter()[:-8], messages.seal(MESSAGE, KEY)]
)
def test_what_is_no_letter_is_refused(text):
    with pytest.raises(envelope.EnvelopeRefused):
        letters.peek(text) and letters.open_letter(text, opener(), PURPOSE, now=NOW)


def test_an_oversized_letter_is_refused_before_it_is_decoded():
    with pytest.raises(envelope.Oversized):
        letters.open_letter("QFE1:" + "é" * 9000, opener(max_bytes=1000), PURPOSE, now=NOW)


@pytest.mark.parametrize("payload", [b"", b"\0\0\0\2{}", b"\0\0\0\2[]x", b"\xff\xff\xff\xff", b"\0\0\0\x01["])
def test_a_signed_payload_that_is_no_message_is_refused(payload):
    sealed = envelope.seal(payload, PURPOSE, key=KEY, recipient=PUBLIC)
    with pytest.raises(envelope.Malformed):
        letters.open_letter("QFE1:" + base64.b64encode(sealed).decode(), opener(), PURPOSE, now=NOW)
