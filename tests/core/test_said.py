from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.said import SEPARATOR, Said, read

ONE = uuid.UUID(int=1)
TEXTS = st.text(max_size=20)


@given(st.one_of(st.none(), st.uuids()), TEXTS, TEXTS, TEXTS)
def test_what_is_said_is_read(actor, action, request_id, reason):
    clean = [text.replace(SEPARATOR, " ") for text in (action, request_id)]
    assert read(Said(actor, action, request_id, reason).text()) == (actor, *clean, reason)


@pytest.mark.parametrize("context", [None, ""])
def test_who_says_nothing_is_nobody(context):
    assert read(context) == Said(None, "", "", "")


@pytest.mark.parametrize(
    "context", ["x", f"{ONE}", f"{ONE}{SEPARATOR}a{SEPARATOR}b", f"root{SEPARATOR}a{SEPARATOR}b{SEPARATOR}c"]
)
def test_what_has_no_form_is_kept_as_the_reason_of_nobody(context):
    assert read(context) == Said(reason=context)


def test_a_reason_may_hold_the_separator():
    assert read(Said(ONE, "a", "r", f"x{SEPARATOR}y").text()).reason == f"x{SEPARATOR}y"
