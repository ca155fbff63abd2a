"""The log as anybody reads it: C2SP tlog-tiles, without signing in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from provenance import keys, witnesses
from provenance.domain.checkpoint import open_checkpoint
from provenance.domain.merkle import HASH_BYTES, hash_leaf, inclusion_proof, tree_root, verify_inclusion
from provenance.domain.tiles import bundle_path, decode_bundle, tile_path
from provenance.witness.state import WitnessHome
from provenance.witness_answers import cosignature_record

pytestmark = pytest.mark.django_db
STRANGER = Client()


def read(path: str) -> bytes:
    response = STRANGER.get(f"/log/{path}")
    assert response.status_code == 200, response.content
    return response.content


def test_a_stranger_rebuilds_the_whole_log_from_its_tiles(log):
    """A mirror's work: checkpoint, bundles, tiles, nothing else."""
    log.fill(600)
    log.sign()
    vkeys = read("keys").decode().split()
    assert vkeys == [verifier.vkey for verifier in keys.log_verifiers()]
    tree = open_checkpoint(read("checkpoint"), origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers()).checkpoint
    assert tree.size == 600

    def reader(level: int, index: int, width: int) -> bytes:
        return read(tile_path(level, index, width))

    assert tree_root(600, reader) == tree.root
    leaves = []
    for index, width in ((0, 256), (1, 256), (2, 88)):
        leaves += decode_bundle(read(bundle_path(index, width)), width)
        hashes = read(tile_path(0, index, width))
        assert [hash_leaf(leaf) for leaf in leaves[-width:]] == [
            hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)
        ]
    proof = inclusion_proof(555, 600, reader)
    verify_inclusion(leaf_hash=hash_leaf(leaves[555]), index=555, size=600, proof=proof, root=tree.root)


def test_only_what_is_signed_is_shown(log):
    log.fill(10)
    log.sign()
    log.fill(10)
    assert STRANGER.get("/log/tile/0/000.p/10").status_code == 200
    assert STRANGER.get("/log/tile/0/000.p/11").status_code == 404
    assert STRANGER.get("/log/tile/entries/000.p/20").status_code == 404
    log.sign()
    assert len(read("tile/0/000.p/20")) == 20 * HASH_BYTES
    assert len(read("tile/0/000.p/10")) == 10 * HASH_BYTES  # whoever knows the older checkpoint may still ask


def test_tiles_may_be_cached_for_ever_and_the_checkpoint_not_at_all(log):
    log.fill(256)
    log.sign()
    tile, bundle, checkpoint = (
        STRANGER.get(f"/log/{path}") for path in ("tile/0/000", "tile/entries/000", "checkpoint")
    )
    for response in (tile, bundle):
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["Content-Type"] == "application/octet-stream"
    assert checkpoint.headers["Cache-Control"] == "no-cache"
    assert checkpoint.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert tile.headers["Access-Control-Allow-Origin"] == "*"
    assert len(tile.content) == 8192
    assert len(read("tile/1/000.p/1")) == HASH_BYTES


@pytest.mark.parametrize(
    "path",
    ["tile/0/001", "tile/0/000", "tile/1/000", "tile/8/000", "tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256",
     "tile/0/000.p/007", "tile/x/000", "tile/entries/0x0", "elsewhere", "tile/0/../../keys", "tile/-1/000"],
)  # fmt: skip
def test_what_is_no_tile_of_this_log_is_not_found_and_not_cached(log, path):
    log.fill(100)
    log.sign()
    response = STRANGER.get(f"/log/{path}")
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"


def test_a_log_without_a_checkpoint_has_none_to_show(db):
    response = STRANGER.get("/log/checkpoint")
    assert (response.status_code, response.content) == (404, b"No checkpoint is signed yet.\n")


def test_the_log_is_read_only():
    for path in ("checkpoint", "keys", "tile/0/000"):
        assert STRANGER.post(f"/log/{path}").status_code == 405


def test_while_two_generations_of_keys_sign_both_are_shown_newest_first(settings, tmp_path):
    settings.VAR = tmp_path
    before = keys.generations()[-1]
    made = keys.rotate(overlap=timedelta(minutes=5))
    assert read("keys").decode().split() == [*made.vkeys, *before.vkeys]


def test_the_checkpoint_carries_the_cosignatures_of_witnesses(log, tmp_path):
    log.fill(5)
    checkpoint = log.sign()
    home = WitnessHome.create(tmp_path / "witness", name="witness.example/one")
    home.trust([key.vkey for key in keys.log_verifiers()])
    witness = witnesses.witness_register(name=home.name, vkeys=home.vkeys, url="https://witness.example")
    ask = witnesses.next_ask(witness)
    cosignature_record(witness=witness, old_size=ask.old_size, size=ask.size, answer=home.add_checkpoint(ask.data))
    note = read("checkpoint")
    assert note == witnesses.cosigned_note(checkpoint)
    assert note.count("\u2014 witness.example/one ".encode()) == 2
    opened = open_checkpoint(note, origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers())
    assert opened.checkpoint.size == 5
