"""Go's own sumdb/note, sumdb/tlog, ed25519 and mldsa accept what our code wrote, and refuse it damaged."""

from __future__ import annotations

import random

import pytest

from provenance.domain.errors import LedgerError
from provenance.domain.note import Signature, format_note, parse_note
from provenance.domain.proof import parse_proof

SIZES = (1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, 70_000)
LARGE = 70_000


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


# --- whole logs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_go_rebuilds_the_log_from_its_entries_and_proves_from_its_tiles(go, log_of, vkeys, size):
    written = log_of(size)
    records = sorted({0, size // 3, size // 2, size - 1, min(size - 1, 255), min(size - 1, 256)})
    found = go("log", folder=written.folder, keys=list(vkeys.values()), records=records)
    assert "error" not in found, found
    assert found["size"] == size
    assert found["proofs"] == 2 * len(records)
    assert found["tiles"] == len(written.tiles)


def test_go_refuses_a_log_with_any_one_bit_flipped(go, own_log, vkeys):
    """Every kind of file: full and partial tiles of two levels, bundles. The records ask for every level-0 tile."""
    written = own_log(600)
    paths = sorted(path for path in written.folder.rglob("*") if path.is_file() and path.name != "checkpoint")
    assert len(paths) == 7
    rng = random.Random(7)
    for path in paths * 8:
        sound = path.read_bytes()
        path.write_bytes(flipped(sound, rng.randrange(len(sound)), rng.randrange(8)))
        found = go("log", folder=written.folder, keys=list(vkeys.values()), records=[0, 300, 599])
        path.write_bytes(sound)
        assert found.get("error"), path
    assert "error" not in go("log", folder=written.folder, keys=list(vkeys.values()), records=[0, 300, 599])


def test_go_refuses_a_damaged_tile_also_where_it_only_fetches_what_a_proof_needs(go, own_log, vkeys):
    """Go's TileHashReader trusts the signed root alone; the bundles are sound, so only the tiles can be at fault."""
    written = own_log(600)
    for path in (written.folder / "tile/0/001", written.folder / "tile/1/000.p/2", written.folder / "tile/0/002.p/88"):
        sound = path.read_bytes()
        path.write_bytes(flipped(sound, 20))
        assert go("log", folder=written.folder, keys=list(vkeys.values()), records=[300]).get("error")
        path.write_bytes(sound[:-32])
        assert go("log", folder=written.folder, keys=list(vkeys.values()), records=[300]).get("error")
        path.write_bytes(sound)


def test_go_refuses_entries_that_changed_places(go, own_log, vkeys, entry):
    written = own_log(40)
    path = written.folder / "tile/entries/000.p/40"
    sound = path.read_bytes()
    first, second = (len(leaf).to_bytes(2, "big") + leaf for leaf in (entry(0), entry(1)))
    assert sound.startswith(first + second)
    path.write_bytes(second + first + sound[len(first + second) :])
    assert "root" in go("log", folder=written.folder, keys=list(vkeys.values()), records=[])["error"]


# --- signatures ----------------------------------------------------------------------------------------------------


def test_go_verifies_every_signature_of_a_checkpoint(go, log_of, vkeys):
    """Type 0x01 by sumdb/note; 0x04 and 0x06 over the messages of the C2SP specification, built anew in Go."""
    found = go("open", note=log_of(257).note, keys=list(vkeys.values()))
    assert "error" not in found, found
    assert found["verified"] == ["+".join(vkey.split("+")[:2]) for vkey in vkeys.values()]
    assert found["text"] == parse_note(log_of(257).note).text


def test_go_opens_a_checkpoint_of_which_it_knows_one_key(go, log_of, vkeys):
    for vkey in vkeys.values():
        found = go("open", note=log_of(257).note, keys=[vkey])
        assert len(found["verified"]) == 1
        assert len(found["ignored"]) == 3


@pytest.mark.parametrize("which", range(4), ids=["Ed25519", "ML-DSA-44", "witness-Ed25519", "witness-ML-DSA-44"])
def test_go_refuses_a_signature_with_one_byte_flipped(go, log_of, vkeys, which):
    note = parse_note(log_of(257).note)
    rng = random.Random(which)
    for at in {0, 7, 8, len(note.signatures[which].signature) - 1, rng.randrange(60)}:
        line = note.signatures[which]
        damaged = Signature(line.name, line.key_id, flipped(line.signature, at))
        signatures = [damaged if i == which else line for i, line in enumerate(note.signatures)]
        found = go("open", note=format_note(note.text, signatures), keys=list(vkeys.values()))
        assert found.get("error"), at


@pytest.mark.parametrize("line", [0, 1, 2], ids=["origin", "size", "root"])
def test_go_refuses_another_text_under_the_same_signatures(go, log_of, vkeys, line):
    note = log_of(257).note
    lines = note.split(b"\n")
    lines[line] = flipped(lines[line], 0)
    for vkey in vkeys.values():
        assert go("open", note=b"\n".join(lines), keys=[vkey]).get("error")


def test_go_does_not_take_one_key_for_another(go, log_of, vkeys):
    """A key's type and name are part of its id: no vkey opens a checkpoint under another type or name."""
    for vkey in vkeys.values():
        name, label, material = vkey.split("+", 2)
        assert go("open", note=log_of(257).note, keys=[f"other.example+{label}+{material}"]).get("error")
        assert go("open", note=log_of(257).note, keys=[f"{name}+00000000+{material}"]).get("error")


# --- proofs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_go_accepts_our_proof_files(go, log_of, vkeys, entry, size):
    written = log_of(size)
    for index in sorted({0, 1 % size, size // 2, size - 1, min(size - 1, 256)}):
        found = go("proof", proof=written.proof_file(index), entry=entry(index), keys=list(vkeys.values()))
        assert "error" not in found, (index, found)
        assert found["size"] == size


def test_go_accepts_a_proof_file_with_extra_data(go, log_of, vkeys, entry):
    data = log_of(257).proof_file(3).replace(b"\nindex", b"\nextra aGVsbG8=\nindex", 1)
    assert parse_proof(data).extra == b"hello"
    assert "error" not in go("proof", proof=data, entry=entry(3), keys=list(vkeys.values()))


def test_go_refuses_a_damaged_proof_file(go, log_of, vkeys, entry):
    written, index, keys = log_of(LARGE), 12_345, list(vkeys.values())
    sound = written.proof_file(index)
    lines = sound.split(b"\n")
    for number in range(2, 2 + len(parse_proof(sound).hashes)):
        damaged = list(lines)
        damaged[number] = flipped(lines[number], 5)
        assert go("proof", proof=b"\n".join(damaged), entry=entry(index), keys=keys).get("error")
    for change in (
        sound.replace(b"index 12345", b"index 12344"),
        sound.replace(b"index 12345", b"index 70000"),
        sound.replace(lines[2] + b"\n", b"", 1),
        sound.replace(b"@v1", b"@v2"),
    ):
        assert change != sound
        assert go("proof", proof=change, entry=entry(index), keys=keys).get("error")
    assert go("proof", proof=sound, entry=flipped(entry(index), 30), keys=keys).get("error")
    assert go("proof", proof=sound, entry=entry(index + 1), keys=keys).get("error")


@pytest.mark.parametrize(
    ("old", "new"),
    [(1, 2), (1, 257), (2, 255), (255, 256), (256, 257), (257, 511), (256, 65_536), (65_536, 65_537), (511, 70_000),
     (65_537, 70_000), (257, 257)],
)  # fmt: skip
def test_go_accepts_our_consistency_proofs_and_refuses_them_damaged(go, log_of, old, new):
    before, after = log_of(old), log_of(new)
    proof = after.consistency(old)
    sizes = {"old_size": old, "new_size": new}
    sound = {**sizes, "old_root": before.root, "new_root": after.root, "hashes": proof}
    assert "error" not in go("consistency", **sound)
    assert go("consistency", **{**sound, "old_root": flipped(before.root, 9)}).get("error")
    assert go("consistency", **{**sound, "new_root": flipped(after.root, 9)}).get("error")
    for number in range(len(proof)):
        damaged = [flipped(value, 31, 7) if i == number else value for i, value in enumerate(proof)]
        assert go("consistency", **{**sound, "hashes": damaged}).get("error")
    assert go("consistency", **{**sound, "hashes": [*proof, before.root]}).get("error")


def test_both_refuse_the_same_damaged_notes(go, log_of, vkeys):
    """One bit anywhere in the signed text: neither implementation reads it as signed."""
    from provenance.domain.checkpoint import open_checkpoint
    from provenance.domain.cosignature import verifier_from_vkey

    note = log_of(257).note
    keys = [verifier_from_vkey(vkey) for name, vkey in vkeys.items() if name.endswith("log")]
    end = note.index(b"\n\n")
    for at in range(end):
        damaged = flipped(note, at)
        assert go("open", note=damaged, keys=list(vkeys.values())).get("error"), at
        with pytest.raises(LedgerError):
            open_checkpoint(damaged, origin="hospital.example/log", log_keys=keys)
