"""Random damage and random forgery: none passes.

Mutations that change nothing are impossible by construction: a bundle's zip has one form, every file in it stands in
the manifest, and the manifest in its own digest; an exported log has no file that is not checked. Where the manifest is
forged to fit (`resealed`), only files that carry proof are touched: what the maker merely says is nobody's evidence.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import pytest

from provenance.domain.archive import read_archive, write_archive
from provenance.domain.bundle import MANIFEST, README, write_bundle
from provenance.domain.canonical import canonical, parse_canonical

ROUNDS = 150  # of each kind of attack


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The bytes with one or a few flipped, inserted, deleted, doubled or swapped; never the same bytes."""
    while True:
        out, at = bytearray(data), rng.randrange(len(data) or 1)
        match rng.choice(["flip", "insert", "delete", "cut", "double", "bits"]):
            case "flip" if out:
                out[at] ^= 1 << rng.randrange(8)
            case "insert":
                out[at:at] = rng.randbytes(rng.randint(1, 4))
            case "delete" if out:
                del out[at : at + rng.randint(1, 40)]
            case "cut":
                del out[at:]
            case "double":
                out[at:at] = out[at : at + rng.randint(1, 64)]
            case "bits" if out:
                for _ in range(3):
                    out[rng.randrange(len(out))] ^= rng.randint(1, 255)
        if bytes(out) != data:
            return bytes(out)


@pytest.fixture(scope="module")
def keys(log) -> list[str]:
    return [argument for vkey in log.vkeys for argument in ("--key", vkey)]


def test_no_damaged_bundle_passes(log, verify, keys):
    rng, good = random.Random(1), write_bundle(log.bundle(redact=(8, 11)))
    assert verify(good, *keys).exit_code == 0
    passed = [n for n in range(ROUNDS) if verify(mutated(rng, good), *keys).exit_code == 0]
    assert passed == []


def test_no_bundle_with_files_changed_swapped_dropped_or_doubled_passes(log, verify, keys):
    rng, members = random.Random(2), read_archive(write_bundle(log.bundle()))
    passed = []
    for _ in range(ROUNDS):
        files, (a, b) = dict(members), rng.sample(sorted(members), 2)
        match rng.choice(["change", "swap", "drop", "copy", "rename"]):
            case "change":
                files[a] = mutated(rng, files[a])
            case "swap":
                files[a], files[b] = files[b], files[a]
            case "drop":
                del files[a]
            case "copy":
                files[a.replace("2", "4") + "x"] = files[a]
            case "rename":
                files[a + "1"] = files.pop(a)
        if files != members and verify(write_archive(files), *keys).exit_code == 0:
            passed.append((a, b))
    assert passed == []


def resealed(files: dict[str, bytes]) -> bytes:
    """A manifest that fits the files, as a forger would make it."""
    manifest = parse_canonical(files[MANIFEST])
    others = {name: data for name, data in files.items() if name != MANIFEST}
    manifest["files"] = {n: {"sha256": hashlib.sha256(d).hexdigest(), "size": len(d)} for n, d in others.items()}
    del manifest["digest"]
    manifest["digest"] = hashlib.sha256(canonical(manifest)).hexdigest()
    return write_archive({**others, MANIFEST: canonical(manifest)})


def test_no_forged_proof_passes_under_a_forged_manifest(log, verify, keys):
    rng, members = random.Random(3), read_archive(write_bundle(log.bundle(redact=())))
    telling = [name for name in sorted(members) if name not in (README, MANIFEST)]
    witness = ["--witness", log.witness.verifier.vkey, "--quorum", "1"]
    assert verify(resealed(members), *keys, *witness).exit_code == 0
    passed = []
    for _ in range(ROUNDS):
        files, name = dict(members), rng.choice(telling)
        files[name] = forged(rng, name, files[name])
        if verify(resealed(files), *keys, *witness).exit_code == 0:
            passed.append((name, files[name]))
    assert passed == []


def forged(rng: random.Random, name: str, data: bytes) -> bytes:
    """Change a file; in an anchor only what the receipt and the header prove."""
    if not name.startswith("anchors/"):
        return mutated(rng, data)
    evidence = parse_canonical(data)
    part = rng.choice(["header", "receipt", "block_hash", "log_id", "contract", "receipt_proof"])
    if part == "receipt_proof":
        node = rng.randrange(len(evidence[part]))
        evidence[part][node] = "0x" + mutated(rng, bytes.fromhex(evidence[part][node][2:])).hex()
    else:
        evidence[part] = "0x" + mutated(rng, bytes.fromhex(evidence[part][2:])).hex()
    return canonical(evidence)


def test_no_damaged_export_passes(made, verify, keys, tmp_path):
    rng, good = random.Random(4), made.MadeLog().fill(270).export(tmp_path / "good")
    names = sorted(path.relative_to(good).as_posix() for path in good.rglob("*") if path.is_file())
    assert verify(good, *keys).exit_code == 0
    passed = []
    for _ in range(ROUNDS):
        folder = Path(shutil.copytree(good, tmp_path / "bad"))
        a, b = rng.sample(names, 2)
        what = rng.choice(["change", "change", "change", "swap", "drop", "copy"])
        match what:
            case "change":
                (folder / a).write_bytes(mutated(rng, (folder / a).read_bytes()))
            case "swap":
                first, second = (folder / a).read_bytes(), (folder / b).read_bytes()
                (folder / a).write_bytes(second)
                (folder / b).write_bytes(first)
            case "drop":
                (folder / a).unlink()
            case "copy":
                shutil.copy(folder / a, (folder / a).with_name("002" if a.startswith("tile") else "other"))
        if verify(folder, *keys).exit_code == 0:
            passed.append((what, a, b))
        shutil.rmtree(folder)
    assert passed == []
