"""Bulk batches: thousands of rows under one ledger entry, each of which can still be proved alone.

The entry carries the Merkle root over the batch's rows. Each row is hashed with its own salt, drawn from the batch's
secret salt, because a proof of one row shows its neighbour's hash, and an unsalted hash of a prediction can be
guessed. Disclosing a row discloses its salt and nothing about the others.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from provenance.domain.canonical import canonical
from provenance.domain.commit import SALT_BYTES, commitment
from provenance.domain.errors import FormatError
from provenance.domain.merkle import hash_leaf, root_of, split_point, verify_inclusion

_ROW_SALT_DOMAIN = b"qfl-ethics/batch-row/v1\n"


@dataclass(frozen=True)
class RowProof:
    """What the holder of one row needs to prove it."""

    index: int  # of the row in the batch, from 0
    size: int  # rows in the batch
    salt: bytes  # of this row, 32 bytes
    hashes: tuple[bytes, ...]  # from the row's sibling up to the root's child


def row_salt(batch_salt: bytes, index: int) -> bytes:
    """Salt of one row: HMAC-SHA256 of its index under the batch's salt, so that it tells nothing about the others."""
    if len(batch_salt) != SALT_BYTES:
        raise FormatError(f"expected a batch salt of {SALT_BYTES} bytes, got {len(batch_salt)}")
    return hmac.digest(batch_salt, _ROW_SALT_DOMAIN + index.to_bytes(8, "big"), "sha256")


def row_hashes(rows: Sequence[Any], batch_salt: bytes) -> list[bytes]:
    """Leaf hashes of a batch, in its order.

    Parameters
    ----------
    rows : sequence of JSON values
        As `canonical` takes them.
    batch_salt : bytes, 32
        Random, secret, one for each batch.
    """
    return hash_rows([canonical(row) for row in rows], batch_salt)


def hash_rows(rows: Sequence[bytes], batch_salt: bytes) -> list[bytes]:
    """`row_hashes` of rows that are canonical bytes already: the caller vouches for the form."""
    return [hash_leaf(commitment(row_salt(batch_salt, i), row)) for i, row in enumerate(rows)]


def batch_root(rows: Sequence[Any], batch_salt: bytes) -> bytes:
    """Merkle root over a batch: what its ledger entry commits to. An empty batch is refused: it says nothing."""
    if not rows:
        raise FormatError("expected at least one row in a batch, got none")
    return root_of(row_hashes(rows, batch_salt))


def prove_row(hashes: Sequence[bytes], index: int, batch_salt: bytes) -> RowProof:
    """Prove row `index` of a batch with these `row_hashes`."""
    if not 0 <= index < len(hashes):
        raise FormatError(f"expected an index from 0 to {len(hashes) - 1}, got {index}")
    low, high, proof = 0, len(hashes), []
    while high - low > 1:
        middle = low + split_point(high - low)
        if index < middle:
            proof.append(root_of(hashes[middle:high]))
            high = middle
        else:
            proof.append(root_of(hashes[low:middle]))
            low = middle
    return RowProof(index, len(hashes), row_salt(batch_salt, index), tuple(reversed(proof)))


def verify_row(row: Any, proof: RowProof, root: bytes) -> None:
    """Check that a disclosed row is row `proof.index` of the batch with this root.

    The number of rows belongs in the ledger entry beside the root: compare `proof.size` with it.

    Raises
    ------
    FormatError
        If a number, salt or hash is out of range.
    VerificationError
        If the row is another one.
    """
    verify_inclusion(
        leaf_hash=_row_hash(row, proof.salt), index=proof.index, size=proof.size, proof=proof.hashes, root=root
    )


def _row_hash(row: Any, salt: bytes) -> bytes:
    return hash_leaf(commitment(salt, canonical(row)))
