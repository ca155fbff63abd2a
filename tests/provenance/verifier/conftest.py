"""A log made with the domain code alone, and the files a stranger gets of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import rlp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from eth_utils import int_to_big_endian, keccak
from trie import HexaryTrie

from provenance.domain import batch
from provenance.domain.bundle import Bundle, BundledEntry, BundledRow, Subject, write_bundle
from provenance.domain.canonical import canonical
from provenance.domain.checkpoint import Checkpoint, sign_checkpoint
from provenance.domain.commit import commitment, leaf_bytes
from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.merkle import consistency_proof, hash_leaf, inclusion_proof, root_of, tree_root
from provenance.domain.note import Ed25519Signer
from provenance.domain.tiles import TILE_WIDTH, bundle_path, encode_bundle, tile_path, tiles_between
from provenance.verifier.__main__ import check
from provenance.verifier.findings import Verdict
from provenance.verifier.options import Options, read_options

ORIGIN = "ledger.example/log"
CLOCK = 1_770_000_000
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
OBJECT = str(uuid.UUID(int=7))
BATCH_SALT = b"\x05" * 32
ROWS = [{"score": f"0.{n}", "flagged": n % 2 == 0} for n in range(5)]
LOG_ID, CONTRACT = b"\x11" * 32, b"\x22" * 20


def keys(name: str, seed: int) -> tuple[Ed25519Signer, CosignatureSigner]:
    """The two keys of a log."""
    return (
        Ed25519Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)),
        CosignatureSigner(name, MLDSA44PrivateKey.from_seed_bytes(bytes([seed]) * 32), lambda: CLOCK),
    )


@lru_cache(maxsize=64)
def row_of(leaves: tuple[bytes, ...], level: int) -> list[bytes]:
    """Hashes of a level of tiles."""
    if level == 0:
        return [hash_leaf(leaf) for leaf in leaves]
    below = row_of(leaves, level - 1)
    return [root_of(below[i : i + 256]) for i in range(0, len(below) - 255, 256)]


@dataclass
class MadeLog:
    """Entries about three objects; whoever holds it can sign whatever they like, as a dishonest log could."""

    origin: str = ORIGIN
    leaves: list[bytes] = field(default_factory=list)
    bodies: list[tuple[bytes, bytes]] = field(default_factory=list)  # salt, body

    def __post_init__(self) -> None:
        self.signers = keys(self.origin, 1)
        self.vkeys = tuple(signer.verifier.vkey for signer in self.signers)
        self.witness = keys("hospital.example/witness", 9)[1]

    def fill(self, count: int, *, twist: int | None = None) -> MadeLog:
        """Append entries; the one numbered `twist` says something else than it would."""
        for _ in range(count):
            seq = len(self.leaves)
            salt = seq.to_bytes(32, "big")
            row = {"id": OBJECT, "state": "other" if seq == twist else f"state {seq}"}
            if seq == 5:
                row = {"id": OBJECT, "root": batch.batch_root(ROWS, BATCH_SALT).hex(), "rows": str(len(ROWS))}
            body = canonical({"row": row, "actor": None, "action": "test", "reason": "", "request": ""})
            leaf = leaf_bytes(
                table="models_registry_version", op="update", object_id=OBJECT if seq % 3 == 2 else f"other-{seq % 3}",
                seq=seq, at=START + timedelta(seconds=seq), actor="psn:" + "0a" * 16 if seq % 2 else None,
                commitment=commitment(salt, body),
            )  # fmt: skip
            self.leaves.append(leaf)
            self.bodies.append((salt, body))
        return self

    def read(self, level: int, index: int, width: int) -> bytes:
        hashes = row_of(tuple(self.leaves), level)
        return b"".join(hashes[index * TILE_WIDTH : index * TILE_WIDTH + width])

    def root(self, size: int) -> bytes:
        return tree_root(size, self.read)

    def note(self, size: int | None = None, *, cosigned: bool = False) -> bytes:
        size = len(self.leaves) if size is None else size
        signers = [*self.signers, *([self.witness] if cosigned else [])]
        return sign_checkpoint(Checkpoint(self.origin, size, self.root(size)), signers)

    def bundle(self, *, earlier: tuple[int, ...] = (20,), redact: tuple[int, ...] = (8,), rows: bool = True) -> Bundle:
        size = len(self.leaves)
        entries = tuple(
            BundledEntry(
                seq, self.leaves[seq], tuple(inclusion_proof(seq, size, self.read)),
                *((None, None, "personal data") if seq in redact else (self.bodies[seq][1], self.bodies[seq][0], "")),
            )
            for seq in range(2, size, 3)
        )  # fmt: skip
        return Bundle(
            subject=Subject("models_registry_version", OBJECT, "the version of a test"),
            created_at="2026-02-01T00:00:00Z",
            complete=True,
            keys=self.vkeys,
            checkpoint=self.note(cosigned=True),
            entries=entries,
            witnesses=(self.witness.verifier.vkey,),
            earlier=tuple(self.note(at) for at in earlier),
            consistency={at: tuple(consistency_proof(at, size, self.read)) for at in earlier},
            anchors=self.anchors(*earlier, size),
            rows=(self.row(3),) if rows else (),
            readme="How to check this file.\n",
        )

    def row(self, index: int) -> BundledRow:
        return BundledRow(5, ROWS[index], batch.prove_row(batch.row_hashes(ROWS, BATCH_SALT), index, BATCH_SALT))

    def anchors(self, *sizes: int) -> dict[int, dict]:
        roots = [bytes(32), *(self.root(size) for size in sizes)]
        return {
            size: anchor_evidence(size=size, seq=seq, root=roots[seq], previous=roots[seq - 1])
            for seq, size in enumerate(sizes, 1)
        }

    def export(self, folder: Path, *, cosigned: bool = True) -> Path:
        """Write the log as tlog-tiles."""
        size = len(self.leaves)
        files = {"checkpoint": self.note(cosigned=cosigned), "keys": "".join(f"{k}\n" for k in self.vkeys).encode()}
        if cosigned:
            files["witnesses"] = f"{self.witness.verifier.vkey}\n".encode()
        for tile in tiles_between(0, size):
            level = tile.level or 0
            files[tile_path(level, tile.index, tile.width)] = self.read(level, tile.index, tile.width)
            if level == 0:
                first = tile.index * TILE_WIDTH
                leaves = self.leaves[first : first + tile.width]
                files[bundle_path(tile.index, tile.width)] = encode_bundle(leaves)
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder


def anchor_evidence(
    *, size: int, seq: int, root: bytes, previous: bytes, contract: bytes = CONTRACT, log_id: bytes = LOG_ID,
    others: int = 3, status: bytes = b"\x01",
) -> dict:  # fmt: skip
    """Evidence from a block of `others` + 1 transactions, hashed by other people's code."""
    topic = keccak(text="Anchored(bytes32,uint64,uint64,bytes32,bytes32)")
    words = [n.to_bytes(32, "big") for n in (size, seq)]
    log = [contract, [topic, log_id, words[0]], words[1] + root + previous]
    receipts = [b"\x02" + rlp.encode([b"\x01", int_to_big_endian(21_000 * n), bytes(256), []]) for n in range(others)]
    receipts.insert(others // 2, b"\x02" + rlp.encode([status, b"\x99", bytes(256), [log]]))
    trie, index = HexaryTrie({}), others // 2
    for n, receipt in enumerate(receipts):
        trie.set(rlp.encode(n), receipt)
    number, time = 100 + seq, CLOCK + 10 * seq
    header = rlp.encode([
        b"\xaa" * 32, b"\xbb" * 32, b"\xcc" * 20, b"\xdd" * 32, b"\xee" * 32, trie.root_hash, bytes(256), b"",
        int_to_big_endian(number), b"\x01\x00", b"\x50", int_to_big_endian(time), b"", bytes(32), bytes(8),
        b"\x07",
    ])  # fmt: skip

    def text(raw: bytes) -> str:
        return "0x" + raw.hex()

    return {
        "v": 2, "chain_id": 1337, "contract": text(contract), "log_id": text(log_id),
        "tx_hash": text(keccak(receipts[index])), "block_number": number, "block_hash": text(keccak(header)),
        "block_time": time, "header": text(header), "receipt_index": index, "receipt": text(receipts[index]),
        "receipt_proof": [text(rlp.encode(node)) for node in trie.get_proof(rlp.encode(index))],
    }  # fmt: skip


def run(path: Path, *arguments: str) -> Verdict:
    """The verifier, in this process."""
    options = read_options([str(path), *arguments])
    return check(options)


def words_of(verdict: Verdict) -> str:
    return "\n".join(f"{finding.status} {finding.check}: {finding.text}" for finding in verdict.findings)


@pytest.fixture(scope="session")
def log() -> MadeLog:
    """An honest log of 40 entries."""
    return MadeLog().fill(40)


@pytest.fixture
def made() -> SimpleNamespace:
    """The makers, for tests that forge."""
    return SimpleNamespace(
        MadeLog=MadeLog, Options=Options, OBJECT=OBJECT, ORIGIN=ORIGIN, ROWS=ROWS, LOG_ID=LOG_ID, CONTRACT=CONTRACT,
        anchor_evidence=anchor_evidence, check=check, keys=keys, replace=replace, words_of=words_of, json=json,
    )  # fmt: skip


@pytest.fixture
def verify(tmp_path: Path) -> Callable[..., Verdict]:
    """Check a bundle, or bytes, or a folder; arguments as on the command line."""

    def checked(what: Bundle | bytes | Path, *arguments: str) -> Verdict:
        if isinstance(what, Bundle):
            what = write_bundle(what)
        if isinstance(what, bytes):
            path = tmp_path / "bundle.zip"
            path.write_bytes(what)
            what = path
        return run(what, *arguments)

    return checked
