from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain import messages
from federation.domain.messages import Message, MessageError

KEY, OTHER = messages.new_key(), messages.new_key()
PUBLIC = messages.dump_public(KEY)
MESSAGE = Message("train", "a", "coordinator", "k", {"n": 1}, {"w": b"\x00\x01"})


def test_a_sealed_message_comes_back_as_it_was():
    message, _ = messages.unseal(messages.seal(MESSAGE, KEY), sender="a", public_key=PUBLIC)
    assert message == MESSAGE


@pytest.mark.parametrize("member", ["kind", "sender", "recipient", "key", "body", "attachments", "ok"])
def test_no_member_can_be_changed_under_the_signature(member):
    raw = json.loads(messages.seal(MESSAGE, KEY))
    raw[member] = {"body": {"n": 2}, "attachments": {"w": "AAI="}, "ok": False}.get(member, "other")
    with pytest.raises(MessageError):
        messages.unseal(json.dumps(raw), sender=raw["sender"], public_key=PUBLIC)


def test_another_key_another_sender_and_another_version_are_refused():
    with pytest.raises(MessageError, match="signature"):
        messages.unseal(messages.seal(MESSAGE, OTHER), sender="a", public_key=PUBLIC)
    with pytest.raises(MessageError, match="expected a message of b"):
        messages.unseal(messages.seal(MESSAGE, KEY), sender="b", public_key=PUBLIC)
    raw = {**json.loads(messages.seal(MESSAGE, KEY)), "v": 2}
    with pytest.raises(MessageError, match="version"):
        messages.unseal(json.dumps(raw), sender="a", public_key=PUBLIC)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
)
def test_any_other_text_raises_the_one_typed_error(text):
    with pytest.raises(MessageError):
        messages.unseal(text, sender="a", public_key=PUBLIC)


def test_a_key_survives_being_stored():
    again = messages.load_private(messages.dump_private(KEY))
    assert messages.dump_public(again) == PUBLIC
