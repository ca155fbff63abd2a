"""Merkle trees as RFC 6962 hashes them: roots, inclusion proofs, consistency proofs, and their verification.

An inclusion proof shows that one leaf stands at one place in the tree with a given root. A consistency proof shows that
the tree with the newer root begins with exactly the leaves of the older one, that is, that nothing was rewritten.

References
----------
.. [1] RFC 6962, Certificate Transparency, section 2.1.
.. [2] RFC 9162, Certificate Transparency 2.0, sections 2.1.3.2 and 2.1.4.2 (the verification algorithms).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

from provenance.domain.errors import FormatError, VerificationError

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_PROOF_HASHES = 64  # a tree of 2^63 leaves needs no more: longer input is refused before it is hashed

_sha256 = hashlib.sha256

TileReader = Callable[[int, int, int], bytes]
"""``reader(level, index, width)`` returns the first `width` hashes of a tile, ``32 * width`` bytes (see tiles.py)."""


def hash_leaf(entry: bytes) -> bytes:
    """Hash a leaf: SHA-256 of 0x00 and the entry. The prefix keeps a node from being passed off as a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Hash an inner node: SHA-256 of 0x01, left, right."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Root over leaf hashes (or over equal-sized complete subtrees); the empty tree has the root SHA-256("").

    Odd nodes are carried up unhashed, which is the same tree as RFC 6962's split at the largest power of two.
    """
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        paired = [_sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
        row = paired + row[-1:] if len(row) % 2 else paired
    return row[0]


def split_point(size: int) -> int:
    """Largest power of two smaller than `size` (>= 2): where RFC 6962 splits a tree in two."""
    return 1 << ((size - 1).bit_length() - 1)


# --- verification --------------------------------------------------------------------------------------------------


def verify_inclusion(*, leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf stands at `index` of the tree of `size` leaves with this root.

    Parameters
    ----------
    leaf_hash : bytes, 32
        `hash_leaf` of the entry.
    index : int, 0 <= index < size
    proof : sequence of bytes, 32 each
        From the leaf's sibling up to the root's child.

    Raises
    ------
    FormatError
        If a number or a hash is out of range.
    VerificationError
        If the proof leads to another root, or has the wrong length.
    """
    _check_hashes(leaf_hash, root, *proof)
    if not 0 <= index < size:
        raise FormatError(f"expected an index from 0 to {size - 1}, got {index}")
    node, last, value = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise VerificationError(f"the inclusion proof is longer than a tree of {size} leaves is high")
        if node & 1 or node == last:
            value = hash_node(sibling, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = hash_node(value, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise VerificationError(f"the inclusion proof is too short for a tree of {size} leaves")
    _same(value, root, f"the proof of leaf {index} leads to another root")


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `new_size` leaves begins with the tree of `old_size` leaves.

    Any tree is consistent with the empty one and with itself; both take an empty proof.

    Raises
    ------
    FormatError
        If a size or a hash is out of range.
    VerificationError
        If the proof does not lead to both roots: history was rewritten, or the proof is false.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 <= old_size <= new_size:
        raise FormatError(f"expected 0 <= old size <= new size, got {old_size} and {new_size}")
    if old_size in (0, new_size):
        if proof:
            raise VerificationError(
                f"expected an empty proof from size {old_size} to {new_size}, got {len(proof)} hashes"
            )
        _same(old_root, new_root if old_size else EMPTY_ROOT, f"two trees of {old_size} leaves have different roots")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)  # a complete old tree is itself the first node of the path
    if not path:
        raise VerificationError(f"the consistency proof from {old_size} to {new_size} is empty")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise VerificationError(f"the consistency proof is longer than a tree of {new_size} leaves is high")
        if node & 1 or node == last:
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = hash_node(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise VerificationError(f"the consistency proof is too short for a tree of {new_size} leaves")
    _same(old, old_root, f"the proof does not lead to the old root at size {old_size}")
    _same(new, new_root, f"the proof does not lead to the new root at size {new_size}")


def _same(got: bytes, expected: bytes, message: str) -> None:
    if not hmac.compare_digest(got, expected):
        raise VerificationError(f"{message}: expected {expected.hex()}, got {got.hex()}")


def _check_hashes(*hashes: bytes) -> None:
    if len(hashes) > MAX_PROOF_HASHES + 2:
        raise FormatError(f"expected at most {MAX_PROOF_HASHES} hashes, got {len(hashes) - 2}")
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise FormatError(f"expected hashes of {HASH_BYTES} bytes, got {len(value)}")


# --- generation from tiles -----------------------------------------------------------------------------------------


def tree_root(size: int, reader: TileReader) -> bytes:
    """Root of the first `size` leaves, from at most one tile a level."""
    return _Subtrees(size, reader).root(0, size) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, reader: TileReader) -> list[bytes]:
    """Prove leaf `index` in the tree of the first `size` leaves, in O(log size) tile reads.

    Raises
    ------
    FormatError
        If the index is not in the tree, or the reader returns a tile of the wrong length.
    """
    if not 0 <= index < size:
        raise FormatError(f"expected an index from 0 to {size - 1}, got {index}")
    subtrees, proof = _Subtrees(size, reader), []
    low, high = 0, size
    while high - low > 1:
        middle = low + split_point(high - low)
        if index < middle:
            proof.append(subtrees.root(middle, high))
            high = middle
        else:
            proof.append(subtrees.root(low, middle))
            low = middle
    return proof[::-1]


def consistency_proof(old_size: int, new_size: int, reader: TileReader) -> list[bytes]:
    """Prove that the tree of `new_size` leaves begins with that of `old_size`, in O(log size) tile reads.

    Empty where nothing needs proving (`old_size` is 0 or `new_size`).
    """
    if not 0 <= old_size <= new_size:
        raise FormatError(f"expected 0 <= old size <= new size, got {old_size} and {new_size}")
    if old_size in (0, new_size):
        return []
    subtrees, proof = _Subtrees(new_size, reader), []
    low, high = 0, new_size
    while old_size != high:  # RFC 6962 SUBPROOF: walk down until the old tree ends where a subtree ends
        middle = low + split_point(high - low)
        if old_size <= middle:
            proof.append(subtrees.root(middle, high))
            high = middle
        else:
            proof.append(subtrees.root(low, middle))
            low = middle
    if low:  # at low == 0 this subtree is the old tree, whose root the verifier already holds
        proof.append(subtrees.root(low, high))
    return proof[::-1]


class _Subtrees:
    """Roots of runs of leaves, from tiles; each tile is read once."""

    def __init__(self, size: int, reader: TileReader) -> None:
        self._size, self._reader = size, reader
        self._tiles: dict[tuple[int, int], bytes] = {}

    def root(self, low: int, high: int) -> bytes:
        """Root over the leaves [low, high), where `low` is a multiple of the largest power of two in the run."""
        right = None
        while low < high:  # from the right: the smallest complete subtree first
            height = ((high - low) & -(high - low)).bit_length() - 1
            complete = self._complete(height, (high >> height) - 1)
            right = complete if right is None else hash_node(complete, right)
            high -= 1 << height
        if right is None:
            raise FormatError(f"expected a run of leaves, got [{low}, {high})")
        return right

    def _complete(self, height: int, position: int) -> bytes:
        """Root of complete subtree number `position` of 2^height leaves."""
        level, within = divmod(height, TILE_HEIGHT)
        index, offset = divmod(position << within, TILE_WIDTH)
        start = offset * HASH_BYTES
        row = self._tile(level, index)[start : start + (HASH_BYTES << within)]
        while len(row) > HASH_BYTES:  # a run of a power of two: no odd node, so the bytes can be hashed as they lie
            row = b"".join(_sha256(b"\x01" + row[i : i + 64]).digest() for i in range(0, len(row), 64))
        return row

    def _tile(self, level: int, index: int) -> bytes:
        key = (level, index)
        if key not in self._tiles:
            width = min(TILE_WIDTH, (self._size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH)
            tile = bytes(self._reader(level, index, width))
            if len(tile) != width * HASH_BYTES:
                raise FormatError(
                    f"expected tile {level}/{index} to hold {width * HASH_BYTES} bytes, got {len(tile)}; "
                    "the tile store is damaged or older than the checkpoint"
                )
            self._tiles[key] = tile
        return self._tiles[key]
