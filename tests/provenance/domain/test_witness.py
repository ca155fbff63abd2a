"""The witness protocol: its bytes as the specification shows them, its decision row by row, and split views."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.errors import FormatError, LedgerError, VerificationError
from provenance.domain.merkle import EMPTY_ROOT
from provenance.domain.note import Ed25519Signer, parse_note, sign_note, verify_note
from provenance.domain.witness import (
    MAX_REQUEST_BYTES,
    SIZE,
    Answer,
    Request,
    Seen,
    cosign,
    decide,
    find_split_view,
    format_request,
    open_cosignatures,
    parse_request,
    parse_size,
)
from tests.factories.forked_log import KEYS, NOW, ORIGIN, SIGNERS, History, log_signers

STRANGER = log_signers(2)[0]
ED, ML = SIGNERS
WITNESS = (
    CosignatureSigner("hospital.example/w", MLDSA44PrivateKey.from_seed_bytes(b"\3" * 32), lambda: NOW + 5),
    CosignatureSigner("hospital.example/w", Ed25519PrivateKey.from_private_bytes(b"\3" * 32), lambda: NOW + 5),
)

# The example of https://c2sp.org/tlog-witness, character for character.
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa \
opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()


MAIN, FORK = History(), History(fork=10)


# --- the bytes -----------------------------------------------------------------------------------------------------


def test_the_specifications_example_reads_and_writes_back_byte_for_byte():
    request = parse_request(EXAMPLE)
    assert request.old_size == 20852014 and len(request.proof) == 4
    assert request.checkpoint.origin == "example.com/behind-the-sofa" and request.checkpoint.size == 20852163
    assert len(parse_note(request.note).signatures) == 2
    assert format_request(request) == EXAMPLE


def test_a_first_request_has_no_proof_lines():
    data = format_request(MAIN.request(0, 7))
    assert data.startswith(b"old 0\n\nlog.example/ethics\n7\n")
    assert parse_request(data) == MAIN.request(0, 7)


@pytest.mark.parametrize(
    "fault",
    [
        b"", b"old 5", b"old 5\n\n", EXAMPLE.replace(b"old ", b"Old "), EXAMPLE.replace(b"old 2", b"old 02"),
        EXAMPLE.replace(b"old 20852014", b"old -1"), EXAMPLE.replace(b"old 20852014", b"old 1e9"),
        EXAMPLE.replace(b"old 20852014", b"old 99999999999999999999"), EXAMPLE.replace(b"old 20852014", b"old  1"),
        EXAMPLE.replace(b"old 20852014\n", b"old 20852014\r\n"), EXAMPLE.replace(b"old 20852014", b"old 1 "),
        EXAMPLE.replace(b"PlRN", b"PlR!"), EXAMPLE.replace(b"pkaw=", b"pkaw"), EXAMPLE.replace(b"PlRNCrwH", b"PlRN"),
        EXAMPLE.replace(b"\n20852163\n", b"\n020852163\n"), EXAMPLE[:-1], EXAMPLE + b"\n", EXAMPLE + b"junk",
        EXAMPLE.replace(b"\n\nexample", b"\nexample"), b"\n" + EXAMPLE, EXAMPLE.replace(b"\xe2\x80\x94", b"-"),
        b"old 0\n" + (base64.b64encode(b"\0" * 32) + b"\n") * 64 + b"\n" + MAIN.note(5), b"\xff" * 99,
        b"old 0\n\n" + b"x" * MAX_REQUEST_BYTES,
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused(fault):
    with pytest.raises(FormatError):
        parse_request(fault)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_parser(junk):
    for data in (junk, b"old 3\n" + junk, b"old 0\n\n" + junk, EXAMPLE[:60] + junk):
        try:
            parse_request(data)
        except LedgerError:
            continue


def test_63_proof_lines_are_read():
    proof = tuple(hashlib.sha256(b"%d" % n).digest() for n in range(63))
    assert parse_request(format_request(Request(5, proof, MAIN.note(9)))).proof == proof


# --- the decision --------------------------------------------------------------------------------------------------


def status(decision) -> int:
    return 200 if decision.refusal is None else decision.refusal.status


def test_a_first_tree_is_accepted_and_remembered():
    decision = decide(MAIN.request(0, 7), log_keys=KEYS, seen=None)
    assert decision.refusal is None
    assert decision.accepted == MAIN.seen(7)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (7, 8), (8, 256), (255, 257), (100, 300), (300, 300)])
def test_a_tree_that_grows_is_accepted(old, new):
    assert decide(MAIN.request(old, new), log_keys=KEYS, seen=MAIN.seen(old)).accepted == MAIN.seen(new)


def test_an_empty_tree_may_be_cosigned_and_grown_from():
    empty = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), (ED, ML))
    first = decide(Request(0, (), empty), log_keys=KEYS, seen=None)
    assert first.accepted == Seen(0, EMPTY_ROOT, empty)
    assert decide(MAIN.request(0, 5), log_keys=KEYS, seen=first.accepted).accepted is not None
    false = sign_checkpoint(Checkpoint(ORIGIN, 0, b"\1" * 32), (ED, ML))
    assert status(decide(Request(0, (), false), log_keys=KEYS, seen=None)) == 422


def row(name: str, expected: int, request: Request, seen: Seen | None, body: bytes | None = None, keys=KEYS):
    return pytest.param(expected, request, seen, body, keys, id=name)


@pytest.mark.parametrize(
    ("expected", "request_", "seen", "body", "keys"),
    [
        row("unknown log", 404, MAIN.request(0, 7), None, keys=()),
        row("signed by nobody it trusts", 403, Request(0, (), MAIN.note(7, (STRANGER,))), None),
        row("signed by one of two keys", 403, Request(0, (), MAIN.note(7, (ED,))), None),
        row("false signature", 403, Request(0, (), MAIN.note(7).replace(b"\n7\n", b"\n8\n")), None),
        row("403 comes before 400", 403, Request(9, (), MAIN.note(7, (STRANGER,))), None),
        row("old size beyond the tree", 400, Request(9, (), MAIN.note(7)), MAIN.seen(7)),
        row("400 comes before 409", 400, Request(9, (), MAIN.note(7)), MAIN.seen(5)),
        row("old size too small", 409, MAIN.request(5, 20), MAIN.seen(10), b"10\n"),
        row("old size too large", 409, MAIN.request(15, 20), MAIN.seen(10), b"10\n"),
        row("never seen, old size not 0", 409, MAIN.request(5, 20), None, b"0\n"),
        row("smaller tree", 409, MAIN.request(5, 7), MAIN.seen(10), b"10\n"),
        row("same size, other root", 409, FORK.request(20, 20), MAIN.seen(20), b"20\n"),
        row("same size, same root, superfluous proof", 422, Request(7, (b"\0" * 32,), MAIN.note(7)), MAIN.seen(7)),
        row("proof from nothing", 422, Request(0, (b"\0" * 32,), MAIN.note(7)), None),
        row("no proof", 422, Request(10, (), MAIN.note(20)), MAIN.seen(10)),
        row("proof too long", 422, Request(10, (*MAIN.proof(10, 20), b"\0" * 32), MAIN.note(20)), MAIN.seen(10)),
        row("63 hashes", 422, Request(10, (b"\0" * 32,) * 63, MAIN.note(20)), MAIN.seen(10)),
        row("another history", 422, FORK.request(20, 30), MAIN.seen(20)),
    ],
)
def test_each_refusal_has_the_status_of_the_specification(expected, request_, seen, body, keys):
    decision = decide(request_, log_keys=keys, seen=seen)
    assert decision.accepted is None
    assert decision.refusal.status == expected
    if body is not None:
        assert decision.refusal.body == body
        assert decision.refusal.content_type == SIZE == "text/x.tlog.size"
        assert parse_size(decision.refusal) == int(body)


def test_a_conflict_of_roots_is_evidence_and_a_false_proof_is_only_a_suspicion():
    same = decide(FORK.request(20, 20), log_keys=KEYS, seen=MAIN.seen(20)).conflict
    assert same.conclusive and {same.first, same.second} == {MAIN.note(20), FORK.note(20)}
    grown = decide(FORK.request(20, 30), log_keys=KEYS, seen=MAIN.seen(20)).conflict
    assert not grown.conclusive and grown.proof == FORK.proof(20, 30)
    assert decide(MAIN.request(5, 20), log_keys=KEYS, seen=MAIN.seen(10)).conflict is None


def test_lines_of_strangers_are_neither_needed_nor_kept():
    note = (
        MAIN.note(7)
        + STRANGER.sign("x\n").line.encode()
        + WITNESS[0].sign(parse_checkpoint(MAIN.note(7)).text).line.encode()
    )
    assert decide(Request(0, (), note), log_keys=KEYS, seen=None).accepted.note == MAIN.note(7)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(0, 60)), max_size=12))
def test_whatever_is_asked_a_witness_cosigns_one_history(asked):
    """The promise itself: all accepted trees are prefixes of the last one, and they only grow."""
    seen, signed = None, []
    for forked, old, new in asked:
        tree = FORK if forked else MAIN
        request = Request(old, tree.proof(old, new) if old <= new else (), tree.note(new, (ED,)))
        decision = decide(request, log_keys=KEYS[:1], seen=seen)
        if decision.accepted is not None:
            seen = decision.accepted
            signed.append(seen)
    assert [s.size for s in signed] == sorted(s.size for s in signed)
    assert any(all(s.root == tree.root(s.size) for s in signed) for tree in (MAIN, FORK))


# --- the answer ----------------------------------------------------------------------------------------------------


def test_the_answer_is_cosignatures_that_any_note_verifier_accepts():
    note = MAIN.note(20)
    answer = cosign(note, WITNESS)
    assert answer.status == 200 and answer.body.count(b"\n") == 2
    verified = verify_note(parse_note(note + answer.body), [*KEYS, *(w.verifier for w in WITNESS)])
    assert [v.timestamp for v in verified] == [None, NOW, NOW + 5, NOW + 5]
    opened = open_cosignatures(note, answer, [w.verifier for w in WITNESS])
    assert [line.line.encode() for line, _ in opened] == answer.body.splitlines(keepends=True)


def test_lines_of_unknown_keys_are_ignored_and_at_least_one_must_be_known():
    note, body = MAIN.note(20), cosign(MAIN.note(20), WITNESS).body
    assert len(open_cosignatures(note, Answer(200, body), [WITNESS[1].verifier])) == 1
    with pytest.raises(VerificationError, match="no trusted key"):
        open_cosignatures(note, Answer(200, body), [STRANGER.verifier])


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"ok\n", cosign(MAIN.note(21), WITNESS).body, cosign(FORK.note(20), WITNESS).body,
     cosign(MAIN.note(20), WITNESS).body[:-1], b"x\n\n" + cosign(MAIN.note(20), WITNESS).body, b"\xff\n",
     cosign(MAIN.note(20), WITNESS).body * 40],
)  # fmt: skip
def test_an_answer_that_is_no_cosignature_of_this_tree_is_refused(body):
    with pytest.raises((FormatError, VerificationError)):
        open_cosignatures(MAIN.note(20), Answer(200, body), [w.verifier for w in WITNESS])


def test_a_signature_without_a_time_is_no_cosignature():
    plain = Ed25519Signer("hospital.example/w", Ed25519PrivateKey.from_private_bytes(b"\3" * 32))
    body = plain.sign(parse_checkpoint(MAIN.note(20)).text).line.encode()
    with pytest.raises(VerificationError, match="without a time"):
        open_cosignatures(MAIN.note(20), Answer(200, body), [plain.verifier])


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"12", SIZE), (b"012\n", SIZE), (b"-1\n", SIZE), (b"12\n\n", SIZE), (b"12\n", "text/plain"), (b"", SIZE),
     (b"99999999999999999999\n", SIZE)],
)  # fmt: skip
def test_a_conflict_without_a_proper_size_is_refused(body, kind):
    with pytest.raises(FormatError):
        parse_size(Answer(409, body, kind))
    assert parse_size(Answer(409, b"12\n", "Text/X.tlog.size; charset=utf-8")) == 12


# --- split views ---------------------------------------------------------------------------------------------------


def test_one_history_is_no_split_view_however_it_is_shown():
    notes = [MAIN.note(n) for n in (30, 10, 20, 20)]
    proofs = {(10, 20): MAIN.proof(10, 20), (20, 30): MAIN.proof(20, 30)}
    assert find_split_view(notes, log_keys=KEYS, proofs=proofs) is None


def test_two_roots_of_one_size_convict_the_log():
    found = find_split_view([MAIN.note(5), MAIN.note(20), FORK.note(20)], log_keys=KEYS)
    assert found.conclusive and found.origin == ORIGIN
    assert (found.first, found.second) == (MAIN.note(20), FORK.note(20))


def test_trees_that_differ_only_after_the_fork_agree_before_it():
    assert find_split_view([MAIN.note(10), FORK.note(10), FORK.note(20)], log_keys=KEYS) is None


def test_a_proof_of_the_log_that_fails_is_evidence_against_it():
    notes = [MAIN.note(20), FORK.note(30)]
    assert find_split_view(notes, log_keys=KEYS) is None  # different sizes say nothing without a proof
    found = find_split_view(notes, log_keys=KEYS, proofs={(20, 30): FORK.proof(20, 30)})
    assert not found.conclusive
    assert (found.first, found.second, found.proof) == (*notes, FORK.proof(20, 30))


def test_what_the_log_did_not_sign_is_no_evidence_against_it():
    with pytest.raises(VerificationError):
        find_split_view([MAIN.note(20), FORK.note(20, (STRANGER,))], log_keys=KEYS)
    with pytest.raises(VerificationError):
        find_split_view([MAIN.note(20), FORK.note(20).replace(b"\n20\n", b"\n21\n")], log_keys=KEYS)
    other = Ed25519Signer("other.example", Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
    note = sign_note(Checkpoint("other.example", 20, FORK.root(20)).text, [other])
    with pytest.raises(VerificationError, match="one log"):
        find_split_view([MAIN.note(20), note], log_keys=[*KEYS, other.verifier])


def test_one_true_signature_of_the_log_is_enough_to_convict_it():
    assert find_split_view([MAIN.note(20, (ED,)), FORK.note(20, (ML,))], log_keys=KEYS).conclusive
