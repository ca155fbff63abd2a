"""Commitments, pseudonyms, and the leaf's one and only form."""

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.commit import commitment, leaf_bytes, open_commitment, parse_leaf, pseudonym
from provenance.domain.errors import FormatError, VerificationError

SALT = bytes(range(32))
LEAF = {
    "table": "models_registry_version",
    "op": "insert",
    "object_id": "0b6c",
    "seq": 7,
    "at": datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC),
    "actor": None,
    "commitment": bytes(32),
}


def test_a_leaf_holds_exactly_these_members():
    assert leaf_bytes(**LEAF) == (
        b'{"actor":null,"at":"2026-03-01T12:00:00.000005Z","commitment":"' + b"0" * 64 + b'","object":"0b6c",'
        b'"op":"insert","seq":7,"table":"models_registry_version","v":1}'
    )


def test_the_time_is_utc_whatever_the_zone():
    local = LEAF["at"].astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert leaf_bytes(**LEAF | {"at": local}) == leaf_bytes(**LEAF)


def test_a_leaf_reads_back():
    leaf = parse_leaf(leaf_bytes(**LEAF | {"actor": "psn:1"}))
    assert (leaf.table, leaf.op, leaf.object_id, leaf.seq, leaf.actor) == (
        "models_registry_version",
        "insert",
        "0b6c",
        7,
        "psn:1",
    )
    assert leaf.at == LEAF["at"] and leaf.commitment == bytes(32)


@pytest.mark.parametrize(
    "change",
    [
        {"at": datetime(2026, 1, 1)},
        {"seq": -1},
        {"commitment": b"short"},
        {"table": "a b"},
        {"op": ""},
        {"object_id": "x" * 65_535},
    ],  # noqa: DTZ001
)
def test_a_leaf_out_of_form_is_refused(change):
    with pytest.raises(FormatError):
        leaf_bytes(**LEAF | change)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"seq": "7"},
        {"seq": True},
        {"at": "2026-03-01T12:00:00Z"},
        {"at": "2026-13-01T12:00:00.000005Z"},
        {"commitment": "00" * 31},
        {"commitment": "AB" * 32},
        {"actor": 1},
        {"table": None},
        {"more": 1},
    ],
)
def test_a_forged_leaf_is_refused(change):
    forged = json.loads(leaf_bytes(**LEAF)) | change
    with pytest.raises(FormatError):
        parse_leaf(json.dumps(forged, sort_keys=True, separators=(",", ":")).encode())


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_format_error(data):
    with pytest.raises(FormatError):
        parse_leaf(data)


def test_a_commitment_is_domain_separated_and_opens_only_with_its_salt_and_body():
    digest = commitment(SALT, b"body")
    assert digest == hashlib.sha256(b"qfl-ethics/commitment/v1\n" + SALT + b"body").digest()
    open_commitment(digest, SALT, b"body")
    for salt, body in ((SALT, b"bod"), (bytes(32), b"body")):
        with pytest.raises(VerificationError):
            open_commitment(digest, salt, body)
    with pytest.raises(FormatError, match="32 bytes"):
        commitment(b"salt", b"body")


def test_a_pseudonym_is_stable_under_a_key_and_unlinkable_across_keys():
    who, one, two = uuid.UUID(int=5), bytes(32), b"\1" * 32
    assert pseudonym(one, who) == pseudonym(one, who)
    assert len({pseudonym(one, who), pseudonym(two, who), pseudonym(one, uuid.UUID(int=6))}) == 3
    assert pseudonym(one, who).startswith("psn:") and len(pseudonym(one, who)) == 36
    with pytest.raises(FormatError):
        pseudonym(b"short", who)
