"""Logs as our domain code writes them, and the Go program that reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from provenance.domain.checkpoint import Checkpoint, sign_checkpoint
from provenance.domain.commit import commitment, leaf_bytes
from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.merkle import consistency_proof, hash_leaf, inclusion_proof
from provenance.domain.note import Ed25519Signer, Signer
from provenance.domain.proof import Proof, format_proof
from provenance.domain.tiles import Frontier, TileName, bundle_path, encode_bundle, tile_path, tiles_between
from tests.interop.go_program import GoProgram, build

ORIGIN = "hospital.example/log"
START = datetime(2026, 9, 1, tzinfo=UTC)
TIME = 1_788_000_000  # of the cosignatures, POSIX seconds


def _seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


SIGNERS: dict[str, Signer] = {
    "Ed25519 of the log": Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(_seed("log"))),
    "ML-DSA-44 of the log": CosignatureSigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(_seed("log")), lambda: TIME),
    "Ed25519 of a witness": CosignatureSigner(
        "witness.example", Ed25519PrivateKey.from_private_bytes(_seed("witness")), lambda: TIME + 1
    ),
    "ML-DSA-44 of a witness": CosignatureSigner(
        "witness.example", MLDSA44PrivateKey.from_seed_bytes(_seed("witness")), lambda: TIME + 2
    ),
}
VKEYS = {name: signer.verifier.vkey for name, signer in SIGNERS.items()}


@lru_cache(maxsize=1 << 17)
def leaf(seq: int) -> bytes:
    """A leaf as the sequencer writes it; some are as long as a leaf gets to be in practice."""
    return leaf_bytes(
        table="registry_decision", op="insert", object_id=f"object-{seq}" + "-" * (seq % 7 * 40), seq=seq,
        at=START + timedelta(microseconds=seq), actor=f"psn:{seq % 5:032x}" if seq % 3 else None,
        commitment=commitment(_seed(f"salt {seq}"), b"{}"),
    )  # fmt: skip


@dataclass
class ExportedLog:
    """A log on disk in the layout of C2SP tlog-tiles, and what else our code says about it."""

    folder: Path
    size: int
    root: bytes
    note: bytes
    tiles: dict[tuple[int, int], bytes]

    def read(self, level: int, index: int, width: int) -> bytes:
        return self.tiles[level, index][: 32 * width]

    def proof(self, index: int) -> Proof:
        return Proof(index, tuple(inclusion_proof(index, self.size, self.read)), self.note)

    def proof_file(self, index: int) -> bytes:
        return format_proof(self.proof(index))

    def consistency(self, old_size: int) -> list[bytes]:
        return consistency_proof(old_size, self.size, self.read)


def write_log(folder: Path, size: int) -> ExportedLog:
    """Grow a log of `size` leaves and write its files."""
    frontier, tiles = Frontier(), {}
    for seq in range(size):
        tiles |= {(tile.level, tile.index): tile.hashes for tile in frontier.push(hash_leaf(leaf(seq)))}
    for name in tiles_between(0, size):
        assert name.level is not None
        content = tiles.setdefault((name.level, name.index), frontier.edge(name.level))
        _write(folder / tile_path(name.level, name.index, name.width), content)
        if name.level == 0:
            _write(folder / bundle_path(name.index, name.width), _bundle(name))
    note = sign_checkpoint(Checkpoint(ORIGIN, size, frontier.root()), list(SIGNERS.values()))
    _write(folder / "checkpoint", note)
    return ExportedLog(folder, size, frontier.root(), note, tiles)


def _bundle(name: TileName) -> bytes:
    first = name.index * 256
    return encode_bundle(leaf(seq) for seq in range(first, first + name.width))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoProgram]:
    program = GoProgram(build(tmp_path_factory.mktemp("go")))
    yield program
    program.stop()


@pytest.fixture(scope="session")
def log_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], ExportedLog]:
    """A log of so many leaves, written once. Tests that damage one write their own (`own_log`)."""

    @lru_cache
    def written(size: int) -> ExportedLog:
        return write_log(tmp_path_factory.mktemp(f"log-{size}"), size)

    return written


@pytest.fixture
def own_log(tmp_path: Path) -> Callable[[int], ExportedLog]:
    return lambda size: write_log(tmp_path / "log", size)


@pytest.fixture
def vkeys() -> dict[str, str]:
    return dict(VKEYS)


@pytest.fixture
def entry() -> Callable[[int], bytes]:
    return leaf
