"""Checkpoints with both signatures, downgrades, witnesses."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    parse_checkpoint_text,
    sign_checkpoint,
)
from provenance.domain.cosignature import CosignatureSigner, CosignatureVerifier, signed_message, verifier_from_vkey
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.note import Ed25519Signer, format_note, parse_note, sign_note

ORIGIN = "qfl.example/site-03"
NOW = 1_772_000_000
ED = Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
ML = CosignatureSigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(b"\1" * 32), lambda: NOW)
W1 = CosignatureSigner("hospital-a.example", MLDSA44PrivateKey.from_seed_bytes(b"\2" * 32), lambda: NOW + 1)
W1_OLD = CosignatureSigner("hospital-a.example", Ed25519PrivateKey.from_private_bytes(b"\3" * 32), lambda: NOW + 2)
W2 = CosignatureSigner("hospital-b.example", Ed25519PrivateKey.from_private_bytes(b"\4" * 32), lambda: NOW + 3)
CHECKPOINT = Checkpoint(ORIGIN, 70_000, bytes(range(32)))
KEYS = [ED.verifier, ML.verifier]
SIGNED = sign_checkpoint(CHECKPOINT, [ED, ML])


def test_the_text_is_origin_size_and_root():
    assert CHECKPOINT.text == "qfl.example/site-03\n70000\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert parse_checkpoint_text(CHECKPOINT.text) == CHECKPOINT == parse_checkpoint(SIGNED)


def test_both_signatures_of_the_log_verify_and_the_size_is_as_measured():
    opened = open_checkpoint(SIGNED, origin=ORIGIN, log_keys=KEYS)
    assert opened.checkpoint == CHECKPOINT and [v.timestamp for v in opened.log_signatures] == [None, NOW]
    assert len(SIGNED) == 3458


def test_a_witness_cannot_take_the_place_of_a_key_of_the_log():
    class Colliding:
        name, key_id, vkey = ED.name, ED.verifier.key_id, "another key with the same id"

        def verify(self, text: str, signature: bytes) -> int | None:
            return NOW

    with pytest.raises(VerificationError, match="two keys"):
        open_checkpoint(SIGNED, origin=ORIGIN, log_keys=KEYS, witnesses=[Colliding()])


@pytest.mark.parametrize("signers", [[ED], [ML]])
def test_dropping_one_of_the_logs_signatures_is_refused(signers):
    with pytest.raises(VerificationError, match="every key of the log"):
        open_checkpoint(sign_checkpoint(CHECKPOINT, signers), origin=ORIGIN, log_keys=KEYS)


def test_another_logs_checkpoint_is_refused():
    with pytest.raises(VerificationError, match="expected a checkpoint of"):
        open_checkpoint(SIGNED, origin="qfl.example/site-04", log_keys=KEYS)
    with pytest.raises(VerificationError, match="at least one key"):
        open_checkpoint(SIGNED, origin=ORIGIN, log_keys=[])


@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_refused(at, bit):
    tampered = bytearray(SIGNED)
    tampered[at] ^= 1 << bit
    with pytest.raises((FormatError, VerificationError)):
        open_checkpoint(bytes(tampered), origin=ORIGIN, log_keys=KEYS)


def test_a_witness_adds_its_line_and_counts_once_whatever_keys_it_has():
    note = parse_note(SIGNED)
    lines = [*note.signatures, W1.sign(note.text), W1_OLD.sign(note.text)]
    known = [W1.verifier, W1_OLD.verifier, W2.verifier, W1.verifier]
    arguments = {"origin": ORIGIN, "log_keys": KEYS, "witnesses": known}
    opened = open_checkpoint(format_note(note.text, lines), **arguments, quorum=1)
    assert [v.timestamp for v in opened.cosignatures] == [NOW + 1, NOW + 2]
    with pytest.raises(VerificationError, match="2 known witnesses"):
        open_checkpoint(format_note(note.text, lines), **arguments, quorum=2)
    opened = open_checkpoint(format_note(note.text, [*lines, W2.sign(note.text)]), **arguments, quorum=2)
    assert len(opened.cosignatures) == 3


def test_the_log_is_no_witness_of_itself():
    with pytest.raises(VerificationError, match="known witnesses"):
        open_checkpoint(SIGNED, origin=ORIGIN, log_keys=[ED.verifier], witnesses=[ML.verifier], quorum=1)


def test_a_cosignature_binds_time_name_origin_size_and_root():
    text, signature = CHECKPOINT.text, ML.sign(CHECKPOINT.text).signature
    assert ML.verifier.verify(text, signature) == NOW
    later = (NOW + 1).to_bytes(8, "big") + signature[8:]
    renamed = CosignatureVerifier("else.example", 6, verifier_bytes(ML))
    others = [
        Checkpoint("else.example", 70_000, CHECKPOINT.root),
        Checkpoint(ORIGIN, 70_001, CHECKPOINT.root),
        Checkpoint(ORIGIN, 70_000, bytes(32)),
    ]
    for verifier, message, attempt in [
        (ML.verifier, text, later),
        (renamed, text, signature),
        (ML.verifier, text, signature[:-1]),
        *[(ML.verifier, other.text, signature) for other in others],
    ]:
        with pytest.raises(VerificationError):
            verifier.verify(message, attempt)


def test_the_signed_messages_are_the_specifications():
    name, origin = b"w.example", ORIGIN.encode()
    assert signed_message(6, "w.example", 5, CHECKPOINT.text) == (
        b"subtree/v1\n\0" + bytes([9]) + name + bytes(7) + b"\5" + bytes([19]) + origin + bytes(8)
        + (70_000).to_bytes(8, "big") + CHECKPOINT.root
    )  # fmt: skip
    assert signed_message(4, "w.example", 5, CHECKPOINT.text) == b"cosignature/v1\ntime 5\n" + CHECKPOINT.text.encode()


def test_the_specifications_ed25519_checkpoint_parses():
    # c2sp.org/tlog-cosignature, first example
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert parse_checkpoint_text(text).size == 20_852_163


def test_vkeys_of_every_type_read_back():
    for signer in (ED, ML, W2):
        assert verifier_from_vkey(signer.verifier.vkey).key_id == signer.verifier.key_id
    assert len({ED.verifier.key_id, ML.verifier.key_id}) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n",
        "o\n1\n",
        "o\n01\nAAAA\n",
        "o\n-1\n" + CHECKPOINT.text.split("\n")[2] + "\n",
        "o\n1\nAAAA\n",
        "\n" + CHECKPOINT.text,
        CHECKPOINT.text[:-1],
        CHECKPOINT.text + "\n",
        CHECKPOINT.text.replace("70000", "9" * 19),
        CHECKPOINT.text.replace("70000", "٣"),
    ],
)
def test_what_is_no_checkpoint_is_a_format_error(text):
    with pytest.raises(FormatError):
        parse_checkpoint_text(text)


def test_extension_lines_are_read_but_never_signed():
    extended = Checkpoint(ORIGIN, 1, bytes(32), ("extra line",))
    assert parse_checkpoint_text(extended.text) == extended
    with pytest.raises(FormatError, match="extension"):
        sign_checkpoint(extended, [ED])


@pytest.mark.parametrize(
    "broken",
    [Checkpoint("two\nlines", 1, bytes(32)), Checkpoint(ORIGIN, -1, bytes(32)), Checkpoint(ORIGIN, 1, b"short")],
)
def test_a_checkpoint_that_would_not_parse_is_not_signed(broken):
    with pytest.raises(FormatError):
        sign_checkpoint(broken, [ED])


def test_a_cosigner_signs_nothing_but_checkpoints():
    with pytest.raises(FormatError):
        sign_note("hello\n", [ML])
    with pytest.raises(FormatError, match="POSIX"):
        signed_message(6, "w.example", -1, CHECKPOINT.text)
    with pytest.raises(FormatError):
        CosignatureVerifier("w.example", 9, bytes(32))
    with pytest.raises(FormatError):
        CosignatureVerifier("w.example", 6, bytes(32))


def verifier_bytes(signer):
    import base64

    return base64.b64decode(signer.verifier.vkey.split("+", 2)[2])[1:]
