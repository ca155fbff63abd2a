"""RFC 6962 trees: the known answers, a literal reading of the RFC as reference, and forgeries."""

import hashlib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    hash_leaf,
    hash_node,
    inclusion_proof,
    root_of,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

# Entries and roots of the reference tests of google/certificate-transparency, merkle_tree_test.cc.
ENTRIES = [
    bytes.fromhex(x)
    for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [hash_leaf(i.to_bytes(2, "big")) for i in range(600)]


@cache
def mth(low, high):
    """MTH of RFC 6962, section 2.1, word for word, over LEAVES[low:high]."""
    n = high - low
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return LEAVES[low]
    k = 1
    while 2 * k < n:
        k *= 2
    return hashlib.sha256(b"\x01" + mth(low, low + k) + mth(low + k, high)).digest()


def reader_of(leaves):
    """Tiles of a small tree, computed afresh."""

    def read(level, index, width):
        span = 256**level
        first = index * 256
        return b"".join(root_of(leaves[(first + i) * span : (first + i + 1) * span]) for i in range(width))

    return read


READ = reader_of(LEAVES)


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size):
    assert root_of([hash_leaf(e) for e in ENTRIES[:size]]).hex() == ROOTS[size - 1]


def test_the_empty_tree():
    assert root_of([]) == EMPTY_ROOT == tree_root(0, READ) == mth(0, 0)


def test_known_inclusion_path():
    # PATH(5, D[0:8]) of the reference tests
    path = inclusion_proof(5, 8, reader_of([hash_leaf(e) for e in ENTRIES]))
    assert [h.hex() for h in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize("size", [*range(1, 34), 255, 256, 257, 511, 512, 513, 600])
def test_roots_from_tiles_equal_the_rfc(size):
    assert tree_root(size, READ) == mth(0, size) == root_of(LEAVES[:size])


@given(st.data(), st.integers(1, 600))
def test_every_leaf_of_a_random_tree_proves(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, READ)
    verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, proof=proof, root=mth(0, size))


def test_every_leaf_of_every_small_tree_proves_and_no_other_leaf_does():
    for size in range(1, 18):
        for index in range(size):
            proof = inclusion_proof(index, size, READ)
            for other in range(size):
                arguments = {
                    "leaf_hash": LEAVES[index],
                    "index": other,
                    "size": size,
                    "proof": proof,
                    "root": mth(0, size),
                }
                if other == index:
                    verify_inclusion(**arguments)
                else:
                    with pytest.raises(VerificationError):
                        verify_inclusion(**arguments)


def test_consistency_of_all_pairs_of_small_trees_and_of_no_rewritten_one():
    for new in range(1, 25):
        for old in range(new + 1):
            proof = consistency_proof(old, new, READ)
            sizes = {"old_size": old, "new_size": new, "proof": proof}
            verify_consistency(**sizes, old_root=mth(0, old), new_root=mth(0, new))
            if old:
                with pytest.raises(VerificationError):
                    verify_consistency(**sizes, old_root=mth(1, old + 1), new_root=mth(0, new))
                with pytest.raises(VerificationError):
                    verify_consistency(**sizes, old_root=mth(0, old), new_root=mth(1, new + 1))


@given(st.data(), st.integers(2, 600))
def test_any_flipped_bit_of_an_inclusion_proof_is_refused(data, size):
    index = data.draw(st.integers(0, size - 1))
    parts = [LEAVES[index], mth(0, size), *inclusion_proof(index, size, READ)]
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[which] = flip(parts[which], bit)
    with pytest.raises(VerificationError):
        verify_inclusion(leaf_hash=parts[0], index=index, size=size, proof=parts[2:], root=parts[1])


@given(st.data(), st.integers(2, 600))
def test_any_flipped_bit_of_a_consistency_proof_is_refused(data, new):
    old = data.draw(st.integers(1, new - 1))
    parts = [mth(0, old), mth(0, new), *consistency_proof(old, new, READ)]
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[which] = flip(parts[which], bit)
    with pytest.raises(VerificationError):
        verify_consistency(old_size=old, new_size=new, old_root=parts[0], new_root=parts[1], proof=parts[2:])


@given(st.data(), st.integers(2, 600))
def test_a_shorter_or_longer_proof_is_refused(data, size):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, READ)
    for wrong in (proof[:-1], [*proof, proof[0]]):
        with pytest.raises(VerificationError):
            verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, proof=wrong, root=mth(0, size))


def test_a_node_cannot_pass_for_a_leaf():
    entry = LEAVES[0] + LEAVES[1]  # bytes whose *node* hash is the root's left child
    with pytest.raises(VerificationError):
        verify_inclusion(leaf_hash=hash_leaf(entry), index=0, size=2, proof=[mth(2, 4)], root=mth(0, 4))
    assert hash_node(LEAVES[0], LEAVES[1]) == mth(0, 2)


def test_numbers_out_of_range_are_a_format_error():
    root = mth(0, 4)
    for index, size in ((4, 4), (-1, 4), (0, 0)):
        with pytest.raises(FormatError):
            verify_inclusion(leaf_hash=LEAVES[0], index=index, size=size, proof=[], root=root)
        with pytest.raises(FormatError):
            inclusion_proof(index, size, READ)
    with pytest.raises(FormatError):
        verify_consistency(old_size=5, new_size=4, old_root=root, new_root=root, proof=[])
    with pytest.raises(FormatError):
        consistency_proof(5, 4, READ)
    with pytest.raises(FormatError):
        verify_inclusion(leaf_hash=b"short", index=0, size=4, proof=[], root=root)
    with pytest.raises(FormatError, match="at most 64"):
        verify_inclusion(leaf_hash=LEAVES[0], index=0, size=4, proof=[root] * 65, root=root)


def test_two_roots_at_one_size_convict_and_an_empty_proof_does_not_save_them():
    with pytest.raises(VerificationError):
        verify_consistency(old_size=4, new_size=4, old_root=mth(0, 4), new_root=mth(1, 5), proof=[])
    with pytest.raises(VerificationError):
        verify_consistency(old_size=0, new_size=4, old_root=mth(0, 4), new_root=mth(0, 4), proof=[])
    with pytest.raises(VerificationError):
        verify_consistency(old_size=3, new_size=4, old_root=mth(0, 3), new_root=mth(0, 4), proof=[])


def test_a_damaged_tile_store_is_named():
    with pytest.raises(FormatError, match="tile 0/0"):
        inclusion_proof(0, 4, lambda level, index, width: b"")


def flip(value, bit):
    raw = bytearray(value)
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)
