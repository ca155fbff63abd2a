"""Signed notes: the specification's own examples, tampering, and lines of strangers."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.cosignature import verifier_from_vkey
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.note import (
    Ed25519Signer,
    Signature,
    decode_vkey,
    format_note,
    parse_note,
    sign_note,
    verify_note,
)

# c2sp.org/signed-note, "Verifier keys", example
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
ALICE = Ed25519Signer("example.org/alice", Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
BOB = Ed25519Signer("example.org/bob", Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
TEXT = "first\n\nthird line — with a dash\n"


def test_the_specifications_example_verifies():
    verifier = verifier_from_vkey(VKEY)
    assert verifier.vkey == VKEY
    (signature,) = verify_note(parse_note(NOTE), [verifier])
    assert (signature.name, signature.key_id.hex(), signature.timestamp) == ("example.com/foo", "530d903a", None)


def test_a_text_may_hold_empty_lines_and_reads_back():
    data = sign_note(TEXT, [ALICE, BOB])
    note = parse_note(data)
    assert note.text == TEXT and format_note(note.text, note.signatures) == data
    assert [v.name for v in verify_note(note, [ALICE.verifier, BOB.verifier])] == [ALICE.name, BOB.name]


@given(st.integers(0, len(NOTE) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_refused(at, bit):
    tampered = bytearray(NOTE)
    tampered[at] ^= 1 << bit
    with pytest.raises((FormatError, VerificationError)):
        verify_note(parse_note(bytes(tampered)), [verifier_from_vkey(VKEY)])


class Colliding:
    """Another's key under ALICE's name and key id: four bytes are soon found again."""

    name, key_id, vkey = ALICE.name, ALICE.verifier.key_id, "example.org/alice+another"

    def verify(self, text: str, signature: bytes) -> int | None:
        return 1


@pytest.mark.parametrize("known", [[ALICE.verifier, Colliding()], [Colliding(), ALICE.verifier]])
def test_two_keys_of_one_name_and_key_id_are_refused(known):
    forged = format_note(TEXT, [Signature(ALICE.name, ALICE.verifier.key_id, bytes(64))])
    for data in (forged, sign_note(TEXT, [ALICE])):
        with pytest.raises(VerificationError, match="two keys"):
            verify_note(parse_note(data), known)


def test_one_key_given_twice_is_one_key():
    again = Ed25519Signer(ALICE.name, Ed25519PrivateKey.from_private_bytes(b"\1" * 32)).verifier
    assert len(verify_note(parse_note(sign_note(TEXT, [ALICE])), [ALICE.verifier, again])) == 1


def test_unknown_lines_are_ignored():
    strangers = [Signature("example.org/carol", b"abcd", bytes(64)), Signature(ALICE.name, b"abcd", bytes(900))]
    note = parse_note(format_note(TEXT, [*strangers, ALICE.sign(TEXT)]))
    assert [v.name for v in verify_note(note, [ALICE.verifier])] == [ALICE.name]


def test_a_note_signed_by_strangers_only_is_refused():
    with pytest.raises(VerificationError, match="no trusted key"):
        verify_note(parse_note(sign_note(TEXT, [BOB])), [ALICE.verifier])
    with pytest.raises(VerificationError, match="no trusted key"):
        verify_note(parse_note(sign_note(TEXT, [BOB])), [])


def test_one_false_signature_of_a_known_key_condemns_the_note():
    false = Signature(BOB.name, BOB.verifier.key_id, bytes(64))
    note = parse_note(format_note(TEXT, [ALICE.sign(TEXT), false]))
    with pytest.raises(VerificationError, match="bob"):
        verify_note(note, [ALICE.verifier, BOB.verifier])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\n",
        NOTE[:-1],
        NOTE + b"\n",
        NOTE.replace(b"message", b"mess\tage"),
        NOTE.replace(b"message", b"mess\xffage"),
        NOTE.replace("— ".encode(), b"- "),
        NOTE.replace(b"com/foo ", b"com/foo  "),
        NOTE.replace(b"com/foo", b"com+foo"),
        NOTE.replace(b"aQM=", b"aQM"),
        NOTE.replace(b"aQM=", b"aQN="),
        b"text\n\n" + "— n ".encode() + base64.b64encode(b"abcd") + b"\n",
        NOTE + NOTE.split(b"\n\n")[1] * 64,
        b"x" * 300_000,
    ],
)
def test_what_is_no_note_is_a_format_error(data):
    with pytest.raises(FormatError):
        parse_note(data)


@given(st.binary(max_size=120))
def test_no_bytes_raise_anything_but_a_format_error(data):
    with pytest.raises(FormatError):
        parse_note(data)


@pytest.mark.parametrize("text", ["", "\n", "no newline", "tab\t\n"])
def test_texts_that_could_not_be_read_back_are_not_signed(text):
    with pytest.raises(FormatError):
        sign_note(text, [ALICE])


def test_a_note_without_signers_is_not_written():
    with pytest.raises(FormatError, match="unsigned"):
        sign_note(TEXT, [])


@pytest.mark.parametrize(
    "vkey", ["", "a+b", VKEY.replace("530d903a", "530d903b"), VKEY[:-4], "a b" + VKEY[15:], VKEY.replace("+Ae", "+Be")]
)
def test_damaged_verifier_keys_are_refused(vkey):
    with pytest.raises(FormatError):
        verifier_from_vkey(vkey)


def test_a_vkey_is_name_key_id_type_and_key():
    name, kind, public = decode_vkey(ALICE.verifier.vkey)
    assert (name, kind, len(public)) == (ALICE.name, 1, 32)
