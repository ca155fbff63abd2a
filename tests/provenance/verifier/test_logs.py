"""A whole exported log: every entry, every tile, the signed root."""

from __future__ import annotations

import os
import shutil
import zipfile
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.domain.commit import commitment, leaf_bytes, parse_leaf
from provenance.domain.errors import FormatError
from provenance.domain.tiles import decode_bundle, encode_bundle
from provenance.verifier import leaves


@pytest.fixture
def folder(made, tmp_path) -> Path:
    return made.MadeLog().fill(300).export(tmp_path / "log")


def zipped(folder: Path, path: Path, *, top: str = "", method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                out.write(file, top + file.relative_to(folder).as_posix())
    return path


def rewrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)


# --- honest logs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 600])
def test_a_log_of_any_size_verifies(made, verify, tmp_path, size):
    log = made.MadeLog().fill(size)
    verdict = verify(log.export(tmp_path / "log"), *(f for key in log.vkeys for f in ("--key", key)))
    assert verdict.exit_code == 0, made.words_of(verdict)
    assert (verdict.facts["entries"], verdict.facts["size"]) == (size, size)
    assert verdict.facts["rate"] > 0


@pytest.mark.parametrize("top", ["", "log/"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_of_a_log_verifies(folder, verify, tmp_path, top, method):
    assert verify(zipped(folder, tmp_path / "log.zip", top=top, method=method)).exit_code == 0


def test_several_processes_come_to_the_same_verdict(made, verify, tmp_path, monkeypatch):
    folder = made.MadeLog().fill(600).export(tmp_path / "log")
    monkeypatch.setattr("provenance.verifier.logs.TASK_TILES", 1)
    monkeypatch.setattr("provenance.verifier.logs._ALONE", 0)
    assert verify(folder, "--processes", "2").exit_code == 0
    bundle = folder / "tile/entries/001"
    rewrite(bundle, bundle.read_bytes().replace(b'"op":"update"', b'"op":"delete"', 1))
    assert verify(folder, "--processes", "2").exit_code == 1
    bundle.unlink()
    assert verify(folder, "--processes", "2").exit_code == 2


def test_kept_checkpoints_are_compared_with_the_entries(made, folder, verify, tmp_path):
    for size, twist, code in ((20, None, 0), (300, None, 0), (257, None, 0), (20, 3, 1), (300, 3, 1), (301, None, 2)):
        (tmp_path / "kept").write_bytes(made.MadeLog().fill(301, twist=twist).note(size))
        verdict = verify(folder, "--kept", str(tmp_path / "kept"))
        assert verdict.exit_code == code, (size, twist, made.words_of(verdict))
    (tmp_path / "kept").write_bytes(made.MadeLog().fill(20, twist=3).note())
    assert "REWRITTEN HISTORY" in verify(folder, "--kept", str(tmp_path / "kept")).of("false")[0].text


# --- false ones ----------------------------------------------------------------------------------------------------


def retold(made, tmp_path) -> Path:
    """A log that agrees with itself, under a checkpoint that was signed over another one."""
    honest = made.MadeLog().fill(300)
    folder = made.MadeLog().fill(300, twist=7).export(tmp_path / "retold")
    rewrite(folder / "checkpoint", honest.note(cosigned=True))
    return folder


def renumbered(made, tmp_path) -> Path:
    """Entries 10 and 11 in one another's place, with tiles, root and signature made to fit: only leaves betray it."""
    log = made.MadeLog().fill(300)
    log.leaves[10], log.leaves[11] = log.leaves[11], log.leaves[10]
    return log.export(tmp_path / "renumbered")


def without_one(made, tmp_path) -> Path:
    log = made.MadeLog().fill(300)
    del log.leaves[10]
    return log.export(tmp_path / "without")


def with_a_strange_leaf(made, tmp_path) -> Path:
    log = made.MadeLog().fill(300)
    log.leaves[10] = log.leaves[10].replace(b'"v":1', b'"v":2')
    return log.export(tmp_path / "strange")


def with_a_day_that_never_was(made, tmp_path) -> Path:
    log = made.MadeLog().fill(300)
    log.leaves[10] = log.leaves[10].replace(b"2026-01-31", b"2026-02-30")
    return log.export(tmp_path / "day")


@pytest.mark.parametrize("forge", [retold, renumbered, without_one, with_a_strange_leaf, with_a_day_that_never_was])
def test_a_forged_log_is_false(made, verify, tmp_path, forge):
    verdict = verify(forge(made, tmp_path))
    assert verdict.exit_code == 1, made.words_of(verdict)


CHANGED = {
    "an entry": ("tile/entries/000", lambda data: data.replace(b"psn:0a0a", b"psn:0b0a", 1)),
    "an entry's length": ("tile/entries/000", lambda data: b"\x00\x01" + data[2:]),
    "entries cut short": ("tile/entries/000", lambda data: data[:-5]),
    "entries with more behind": ("tile/entries/000", lambda data: data + encode_bundle([b"{}"])),
    "a hash": ("tile/0/000", lambda data: bytes([data[0] ^ 1]) + data[1:]),
    "hashes cut short": ("tile/0/001.p/44", lambda data: data[:-32]),
    "an upper hash": ("tile/1/000.p/1", lambda data: bytes([data[0] ^ 1]) + data[1:]),
    "a signature": ("checkpoint", lambda data: data[:-9] + (b"A" if data[-9:-8] != b"A" else b"B") + data[-8:]),
    "the size": ("checkpoint", lambda data: data.replace(b"\n300\n", b"\n299\n")),
}


@pytest.mark.parametrize("what", CHANGED, ids=lambda what: what.replace(" ", "-"))
def test_a_changed_file_is_found(folder, verify, what):
    name, change = CHANGED[what]
    rewrite(folder / name, change((folder / name).read_bytes()))
    assert verify(folder).exit_code in (1, 2)


def test_a_signature_of_nobody_known_is_not_passed_over(folder, verify, made):
    stranger = made.keys("clinic.example/witness", 8)[1]
    text = made.MadeLog().fill(300).note().decode().rpartition("\n\n")[0] + "\n"
    rewrite(folder / "checkpoint", (folder / "checkpoint").read_bytes() + stranger.sign(text).line.encode())
    assert verify(folder).exit_code == 2
    assert verify(folder, "--witness", stranger.verifier.vkey).exit_code == 0


# --- what cannot be read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["checkpoint", "keys", "witnesses", "tile/0/000", "tile/entries/000", "tile/1/000.p/1", "tile/entries/001.p/44"],
)
def test_a_missing_file_is_said_so(folder, verify, name):
    (folder / name).unlink()
    assert verify(folder).exit_code == 2


@pytest.mark.parametrize("name", ["tile/0/001", "tile/0/000.p/7", "tile/2/000.p/1", "notes.txt", ".tmp-000"])
def test_a_file_that_the_checkpoint_does_not_cover_is_not_passed_over(folder, verify, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    rewrite(folder / name, b"x")
    assert verify(folder).exit_code == 2


def test_a_link_is_refused(folder, verify, tmp_path):
    (folder / "tile/0/000").rename(tmp_path / "elsewhere")
    (folder / "tile/0/000").symlink_to(tmp_path / "elsewhere")
    assert verify(folder).exit_code == 2
    os.remove(folder / "tile/0/000")
    os.mkfifo(folder / "tile/0/000")  # reading it would wait for ever
    assert verify(folder).exit_code == 2


def test_an_oversized_file_is_refused_before_it_is_read(folder, verify):
    for name in ("tile/0/000", "checkpoint", "keys"):
        kept = (folder / name).read_bytes()
        with open(folder / name, "r+b") as file:
            file.truncate(1 << 40)  # sparse
        assert verify(folder).exit_code == 2
        rewrite(folder / name, kept)


def test_an_empty_folder_is_no_log(verify, tmp_path):
    assert verify(tmp_path).exit_code == 2


def test_a_bomb_does_not_unfold(folder, verify, tmp_path):
    with open(folder / "tile/0/000", "wb") as file:
        file.write(bytes(1 << 24))
    verdict = verify(zipped(folder, tmp_path / "bomb.zip"))
    assert verdict.exit_code == 2
    assert "larger than" in verdict.findings[-1].text


def test_a_zip_with_a_name_twice_or_outside_is_refused(folder, verify, tmp_path):
    path = zipped(folder, tmp_path / "twice.zip")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as out:
        out.writestr("keys", (folder / "keys").read_bytes())
    assert verify(path).exit_code == 2
    path = zipped(folder, tmp_path / "outside.zip")
    with zipfile.ZipFile(path, "a") as out:
        out.writestr("../../outside", b"x")
    assert verify(path).exit_code == 2
    assert not (tmp_path.parent / "outside").exists()


def test_an_unusual_or_damaged_zip_is_refused(folder, verify, tmp_path):
    assert verify(zipped(folder, tmp_path / "x.zip", method=zipfile.ZIP_LZMA)).exit_code == 2
    data = zipped(folder, tmp_path / "y.zip").read_bytes()
    for damaged in (data[:-30], data[:1000], data[:4], data[: len(data) // 2]):
        assert verify(damaged).exit_code == 2


# --- the fast reader and the slow one ------------------------------------------------------------------------------


@given(
    table=st.from_regex(r"[A-Za-z][A-Za-z0-9_.:-]{0,20}", fullmatch=True),
    object_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    actor=st.sampled_from([None, "psn:" + "0f" * 16, "psn:short", "someone"]),
    seq=st.integers(0, 2**40),
    at=st.datetimes(timezones=st.just(UTC)),
)
@settings(max_examples=200, deadline=None)
def test_every_leaf_that_the_log_writes_is_read(table, object_id, actor, seq, at):
    digest = commitment(bytes(32), b"")
    leaf = leaf_bytes(table=table, op="insert", object_id=object_id, seq=seq, at=at, actor=actor, commitment=digest)
    assert leaves.read_leaves(encode_bundle([leaf]), seq, 1) == [leaf]


@given(st.integers(0, 10_000), st.integers(1, 255), st.sampled_from(["flip", "drop", "double"]))
@settings(max_examples=400, deadline=None)
def test_the_fast_reader_accepts_nothing_that_the_slow_one_refuses(log, position, change, how):
    data = bytearray(encode_bundle(log.leaves[:3]))
    at = position % len(data)
    if how == "flip":
        data[at] ^= change
    elif how == "drop":
        del data[at]
    else:
        data.insert(at, data[at])
    try:
        found = leaves.read_leaves(bytes(data), 0, 3)
    except FormatError:
        return
    assert found == decode_bundle(bytes(data), 3)
    assert [parse_leaf(leaf).seq for leaf in found] == [0, 1, 2]


def test_the_fast_reader_is_the_one_in_use(log, monkeypatch):
    monkeypatch.setattr(leaves, "_read_slowly", None)
    assert leaves.read_leaves(encode_bundle(log.leaves), 0, 40) == log.leaves


def test_an_export_is_not_changed_by_checking_it(folder, verify):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    verify(folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shutil.rmtree(folder)
