"""Tiles across their boundaries: 256 leaves, 65,536 leaves, and back from a crash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.domain.errors import FormatError
from provenance.domain.merkle import (
    consistency_proof,
    hash_leaf,
    inclusion_proof,
    root_of,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from provenance.domain.tiles import (
    Frontier,
    TileName,
    bundle_path,
    decode_bundle,
    edge_widths,
    encode_bundle,
    parse_path,
    tile_path,
    tiles_between,
)

CROSSINGS = (1, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 65_793)


class Log:
    """A tile store in memory, as a sequencer would keep it: full tiles only."""

    def __init__(self, leaves):
        self.leaves, self.full, self.roots, self.reads = leaves, {}, {}, 0
        self.frontier, self.root_at = Frontier(), {}
        for leaf in leaves:
            for tile in self.frontier.push(leaf):
                assert (tile.level, tile.index) not in self.full, "a full tile was written twice"
                self.full[tile.level, tile.index], self.roots[tile.level, tile.index] = tile.hashes, tile.root
            if self.frontier.size in CROSSINGS:
                self.root_at[self.frontier.size] = self.frontier.root()

    def read(self, level, index, width):
        self.reads += 1
        if (level, index) in self.full:
            return self.full[level, index][: 32 * width]
        return self.edge(level, index * 256, width)

    def edge(self, level, first, width):
        """A partial tile, from the leaves or from the roots of the full tiles below."""
        if level == 0:
            return b"".join(self.leaves[first : first + width])
        return b"".join(self.roots[level - 1, i] for i in range(first, first + width))


@pytest.fixture(scope="module")
def log():
    return Log([hash_leaf(i.to_bytes(3, "big")) for i in range(65_793)])


@pytest.mark.parametrize("size", CROSSINGS)
def test_the_edge_and_the_tiles_give_the_root_of_the_leaves(log, size):
    assert log.root_at[size] == tree_root(size, log.read) == root_of(log.leaves[:size])


@pytest.mark.parametrize("size", CROSSINGS)
def test_proofs_hold_across_the_boundaries_in_few_reads(log, size):
    for index in {0, size // 2, max(0, size - 257), max(0, size - 256), size - 1}:
        log.reads = 0
        proof = inclusion_proof(index, size, log.read)
        assert log.reads <= 2 * len(edge_widths(size))
        verify_inclusion(leaf_hash=log.leaves[index], index=index, size=size, proof=proof, root=log.root_at[size])
    for old in (s for s in CROSSINGS if s <= size):
        proof = consistency_proof(old, size, log.read)
        roots = {"old_root": log.root_at[old], "new_root": log.root_at[size]}
        verify_consistency(old_size=old, new_size=size, proof=proof, **roots)


@pytest.mark.parametrize("size", CROSSINGS)
def test_the_edge_is_rebuilt_after_a_crash_and_goes_on(log, size):
    edges = [log.edge(level, (size >> 8 * (level + 1)) * 256, width) for level, width in enumerate(edge_widths(size))]
    frontier = Frontier.rebuild(size, [[e[i : i + 32] for i in range(0, len(e), 32)] for e in edges])
    assert frontier.root() == log.root_at[size] and all(len(e) <= 255 * 32 for e in edges)
    assert [frontier.edge(level) for level in range(len(edges))] == edges
    for leaf in log.leaves[size : size + 300]:
        for tile in frontier.push(leaf):
            assert log.full[tile.level, tile.index] == tile.hashes
    assert frontier.root() == root_of(log.leaves[: size + 300])


def test_a_frontier_is_not_rebuilt_from_another_size():
    with pytest.raises(FormatError, match="edges of"):
        Frontier.rebuild(257, [[bytes(32)] * 2, [bytes(32)]])
    with pytest.raises(FormatError, match="32 bytes"):
        Frontier.rebuild(1, [[b"short"]])
    with pytest.raises(FormatError):
        Frontier().push(b"short")
    assert Frontier.rebuild(0, []).root() == root_of([])


def test_the_specifications_example_of_70000_entries():
    new = tiles_between(0, 70_000)
    count = {(t.level, t.width): 0 for t in new}
    for tile in new:
        count[tile.level, tile.width] += 1
    assert count == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}
    assert [t for t in tiles_between(0, 256) if t.level] == [TileName(1, 0, 1)]


@given(st.integers(0, 70_000), st.integers(0, 3000))
def test_growing_publishes_exactly_the_tiles_that_changed(old, more):
    before, after = set(tiles_between(0, old)), set(tiles_between(0, old + more))
    assert set(tiles_between(old, old + more)) == after - before


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("tile/0/000", TileName(0, 0, 256)),
        ("tile/1/x001/x234/067", TileName(1, 1234067, 256)),
        ("tile/63/999.p/1", TileName(63, 999, 1)),
        ("tile/0/x001/000.p/255", TileName(0, 1000, 255)),
        ("tile/entries/x001/234.p/17", TileName(None, 1234, 17)),
    ],
)
def test_paths(path, name):
    assert parse_path(path) == name
    made = bundle_path(name.index, name.width) if name.level is None else tile_path(name.level, name.index, name.width)
    assert made == path


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/999",
        "tile/0/../000",
        "/tile/0/000",
        "tile/entries/1000",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "",
        "tile/0/" + "x001/" * 1500 + "000",
        "tile/entries/" + "x001/" * 1500 + "000",
    ],
)
def test_a_second_spelling_of_a_path_is_refused(path):
    with pytest.raises(FormatError):
        parse_path(path)


def test_impossible_tiles_have_no_path():
    for arguments in ((64, 0, 256), (0, -1, 256), (0, 0, 0), (0, 0, 257)):
        with pytest.raises(FormatError):
            tile_path(*arguments)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_bundles_read_back(entries):
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


def test_a_bundle_carries_the_longest_entry_and_no_longer_one():
    longest = bytes(65_535)
    assert decode_bundle(encode_bundle([longest]), 1) == [longest]
    with pytest.raises(FormatError):
        encode_bundle([bytes(65_536)])


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x01a\x00", b"", b"\x00\x00\x00\x00"])
def test_a_damaged_bundle_is_refused(data):
    with pytest.raises(FormatError):
        decode_bundle(data, 1)
