"""Rows made into entries without a database: what is kept from row to row must never show in another row."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.said import Said
from provenance import copying, entering
from provenance.domain.canonical import canonical
from provenance.domain.commit import LeafFrame, leaf_bytes, parse_leaf
from provenance.domain.errors import FormatError
from provenance.domain.merkle import hash_leaf, root_of
from provenance.domain.tiles import Frontier

CONTEXT = {"action": "model.release", "actor": None, "reason": 'said "so"', "request": "r-1"}
SAID = Said(None, "model.release", "r-1", 'said "so"').text()
VALUES = st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30))
NAMES = st.sampled_from(["id", "name", "a", "Z", "created_at", "of", "class", "no identifier", 'quo"ted'])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def body_of(text: str, *, operation: str = "UPDATE", context: str = SAID) -> bytes:
    return entering._body(entering._context(context), "models_registry_version", operation, text)


@given(st.lists(st.dictionaries(NAMES, VALUES), min_size=1, max_size=4))
def test_a_captured_row_is_canonical_whatever_columns_its_table_had_before(rows):
    for row in rows:
        text = canonical(dict(reversed(row.items()))).decode()
        assert body_of(text) == canonical({**CONTEXT, "row": row})


@pytest.mark.parametrize("text", ['{"id":1}', '{"id":{"n":"x"}}', '{"id":"x","n":true}', "[1,2]", '"text"'])
def test_what_is_no_row_of_text_is_written_in_full_after_one_that_was(text):
    body_of('{"id":"x"}')
    assert body_of(text) == canonical({**CONTEXT, "row": json.loads(text)})


def test_what_was_recorded_by_hand_is_never_taken_for_a_row():
    body_of('{"id":"x"}')
    assert body_of('{"id":"x","n":2}', operation="BATCH") == canonical({**CONTEXT, "row": {"id": "x", "n": 2}})


@given(
    st.datetimes(timezones=st.just(UTC)), st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=40)), st.integers(0, 2**53 - 1),
)  # fmt: skip
def test_a_filled_frame_is_the_leaf_in_its_only_form(at, object_id, actor, seq):
    microseconds = (at - EPOCH) // timedelta(microseconds=1)
    leaf = LeafFrame(table="t", op="insert", actor=actor).fill(object_id, seq, microseconds, bytes(32))
    assert leaf == leaf_bytes(
        table="t", op="insert", object_id=object_id, seq=seq, at=at, actor=actor, commitment=bytes(32)
    )
    read = parse_leaf(leaf)
    assert (read.at, read.object_id, read.actor, read.seq) == (at, object_id, actor, seq)
    members = {"actor": actor, "at": f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z", "table": "t",
               "commitment": "00" * 32, "object": object_id, "op": "insert", "seq": seq, "v": 1}  # fmt: skip
    assert leaf == canonical(members)


@pytest.mark.parametrize("at", [-(10**18), 10**18, 10**30])
def test_a_time_outside_the_calendar_is_refused(at):
    with pytest.raises(FormatError, match="years 1 to 9999"):
        LeafFrame(table="t", op="insert", actor=None).fill("x", 0, at, bytes(32))


def test_each_row_gets_its_own_salt_place_and_context():
    one, two = uuid.UUID(int=1), uuid.UUID(int=2)
    of_one, of_two = (Said(who, "a", "r", "why").text() for who in (one, two))
    waiting = [
        (10, 5, "t", "INSERT", "x", '{"id":"x"}', of_one),
        (11, 6, "u", "DELETE", "y", '{"id":"y"}', of_two),
        (12, 7, "t", "INSERT", "x", '{"id":"x"}', None),
        (13, 8, "t", "INSERT", "x", '{"id":"x"}', of_one),
    ]
    frontier = Frontier()
    rows = entering.make(frontier, waiting, {one: "psn:1", two: "psn:2"})
    leaves = [parse_leaf(part) for part in rows._entries if part.startswith(b"{")]
    said = [(leaf.table, leaf.op, leaf.object_id, leaf.seq, leaf.actor) for leaf in leaves]
    assert said == [("t", "insert", "x", 0, "psn:1"), ("u", "delete", "y", 1, "psn:2"), ("t", "insert", "x", 2, None),
                    ("t", "insert", "x", 3, "psn:1")]  # fmt: skip
    assert len({leaf.commitment for leaf in leaves}) == 4
    assert frontier.size == 4
    assert frontier.root() == root_of([hash_leaf(part) for part in rows._entries if part.startswith(b"{")])
    statements = [statement for statement, _ in rows.copies()]
    assert statements == [copying._ENTRY, copying._BODY]  # no tile is full, so none is written


@pytest.mark.parametrize("sizes", [(0,), (255, 1), (256,), (300, 300), (65_535, 2), (65_536 + 256,)])
def test_hashes_appended_together_give_the_tiles_of_hashes_appended_singly(sizes):
    together, singly = Frontier(), Frontier()
    start = 0
    for size in sizes:
        hashes = [number.to_bytes(32, "big") for number in range(start, start + size)]
        tiles = [tile for value in hashes for tile in singly.push(value)]
        assert together.extend(hashes) == tiles
        assert (together.size, together.root()) == (singly.size, singly.root())
        start += size


def test_a_short_hash_among_many_appends_none():
    frontier = Frontier()
    with pytest.raises(FormatError, match="32 bytes"):
        frontier.extend([bytes(32), b"short"])
    assert frontier.size == 0
