"""Proof files: offline, readable, and worthless once touched."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.checkpoint import Checkpoint, sign_checkpoint
from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.merkle import hash_leaf, inclusion_proof, root_of
from provenance.domain.note import Ed25519Signer
from provenance.domain.proof import Proof, format_proof, parse_proof, verify_proof

ORIGIN = "qfl.example/site-03"
ED = Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
ML = CosignatureSigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(b"\1" * 32), lambda: 1_772_000_000)
TRUST = {"origin": ORIGIN, "log_keys": [ED.verifier, ML.verifier]}
LEAVES = [hash_leaf(bytes([i])) for i in range(100)]


def make(index, size, extra=None):
    checkpoint = sign_checkpoint(Checkpoint(ORIGIN, size, root_of(LEAVES[:size])), [ED, ML])
    hashes = inclusion_proof(index, size, lambda level, i, width: b"".join(LEAVES[:width]))
    return Proof(index, tuple(hashes), checkpoint, extra)


PROOF = make(42, 100)
FILE = format_proof(PROOF)


def test_the_file_reads_as_the_specification_says():
    lines = FILE.decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 42"] and lines[2 + len(PROOF.hashes)] == ""
    assert lines[3 + len(PROOF.hashes)] == ORIGIN and parse_proof(FILE) == PROOF


def test_it_verifies_offline():
    assert verify_proof(parse_proof(FILE), entry=bytes([42]), **TRUST).checkpoint.size == 100


def test_extra_data_travels_and_proves_nothing():
    proof = make(42, 100, extra=b"anything")
    assert parse_proof(format_proof(proof)) == proof
    verify_proof(parse_proof(format_proof(proof).replace(b"YW55dGhpbmc=", b"ZWxzZQ==")), entry=bytes([42]), **TRUST)


def test_a_tree_of_one_leaf_has_an_empty_proof():
    proof = make(0, 1)
    assert proof.hashes == () and parse_proof(format_proof(proof)) == proof
    verify_proof(proof, entry=bytes([0]), **TRUST)


def test_another_entry_place_or_key_is_refused():
    with pytest.raises(VerificationError):
        verify_proof(PROOF, entry=bytes([43]), **TRUST)
    for index in (41, 43, 100, 2**62):
        with pytest.raises(VerificationError):
            verify_proof(Proof(index, PROOF.hashes, PROOF.checkpoint), entry=bytes([42]), **TRUST)
    stranger = Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
    with pytest.raises(VerificationError):
        verify_proof(PROOF, entry=bytes([42]), origin=ORIGIN, log_keys=[stranger.verifier])
    with pytest.raises(VerificationError, match="witnesses"):
        verify_proof(PROOF, entry=bytes([42]), **TRUST, quorum=1)


@given(st.integers(0, len(FILE) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_refused(at, bit):
    tampered = bytearray(FILE)
    tampered[at] ^= 1 << bit
    with pytest.raises((FormatError, VerificationError)):
        verify_proof(parse_proof(bytes(tampered)), entry=bytes([42]), **TRUST)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FILE.replace(b"@v1", b"@v2"),
        FILE.replace(b"index 42", b"index 042"),
        FILE.replace(b"index 42", b"index -1"),
        FILE.replace(b"index 42", b"index " + b"9" * 19),
        FILE.replace(b"index 42\n", b""),
        FILE.replace(b"index 42", b"extra !\nindex 42"),
        FILE.replace(b"index 42", b"index 42\nAAAA"),
        FILE.replace(b"index 42\n", b"index 42\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 64),
        FILE.split(b"\n\n")[0] + b"\n\n",
        "é".encode() + FILE,
        b"x" * 500_000,
    ],
)
def test_what_is_no_proof_is_a_format_error(data):
    with pytest.raises(FormatError):
        parse_proof(data)


@given(st.binary(max_size=120))
def test_no_bytes_raise_anything_but_a_format_error(data):
    with pytest.raises(FormatError):
        parse_proof(b"c2sp.org/tlog-proof@v1\n" + data)


def test_a_proof_that_would_not_read_back_is_not_written():
    with pytest.raises(FormatError):
        format_proof(Proof(-1, (), PROOF.checkpoint))
    with pytest.raises(FormatError):
        format_proof(Proof(0, (b"short",), PROOF.checkpoint))
