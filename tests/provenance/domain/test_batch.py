"""One prediction out of a batch, proved alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.batch import RowProof, batch_root, prove_row, row_hashes, row_salt, verify_row
from provenance.domain.errors import CanonicalError, FormatError, VerificationError

SALT = bytes(range(32))


def rows_of(n):
    return [{"event": i, "score": f"0.{i}"} for i in range(n)]


@given(st.data(), st.integers(1, 300))
def test_every_row_proves_and_no_other_row_does(data, n):
    rows, index = rows_of(n), data.draw(st.integers(0, n - 1))
    root, proof = batch_root(rows, SALT), prove_row(row_hashes(rows, SALT), index, SALT)
    verify_row(rows[index], proof, root)
    with pytest.raises(VerificationError):
        verify_row(rows[index] | {"score": "changed"}, proof, root)
    if n > 1:
        with pytest.raises(VerificationError):
            verify_row(rows[index - 1], proof, root)


def test_a_disclosed_row_keeps_its_neighbours_hidden():
    rows = [{"sick": True}, {"sick": False}]
    proof = prove_row(row_hashes(rows, SALT), 0, SALT)
    guesses = [row_hashes([guess], salt)[0] for guess in rows for salt in (proof.salt, bytes(32))]
    assert proof.hashes[0] not in guesses  # the neighbour's hash cannot be matched without its own salt
    assert proof.salt == row_salt(SALT, 0) != row_salt(SALT, 1)


def test_a_wrong_salt_index_or_size_is_refused():
    rows = rows_of(5)
    root, good = batch_root(rows, SALT), prove_row(row_hashes(rows, SALT), 2, SALT)
    for bad in (
        RowProof(2, 5, bytes(32), good.hashes),
        RowProof(3, 5, good.salt, good.hashes),
        RowProof(2, 5, good.salt, good.hashes[:-1]),
    ):
        with pytest.raises(VerificationError):
            verify_row(rows[2], bad, root)
    with pytest.raises(FormatError):
        verify_row(rows[2], RowProof(5, 5, good.salt, good.hashes), root)


def test_the_order_of_rows_is_part_of_the_root():
    rows = rows_of(3)
    assert batch_root(rows, SALT) != batch_root(rows[::-1], SALT) != batch_root(rows, bytes(32))


def test_what_is_no_batch_is_refused():
    with pytest.raises(FormatError, match="at least one row"):
        batch_root([], SALT)
    with pytest.raises(FormatError, match="batch salt"):
        batch_root(rows_of(1), b"short")
    with pytest.raises(FormatError):
        prove_row([], 0, SALT)
    with pytest.raises(CanonicalError):
        batch_root([{"score": 0.5}], SALT)
