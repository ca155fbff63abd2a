"""A bundle has one form: whatever is not that form is refused, with a word on why."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.domain.archive import read_archive, write_archive
from provenance.domain.batch import RowProof
from provenance.domain.bundle import Bundle, BundledEntry, BundledRow, Subject, parse_bundle, write_bundle
from provenance.domain.canonical import canonical, parse_canonical
from provenance.domain.checkpoint import Checkpoint, sign_checkpoint
from provenance.domain.errors import FormatError, LedgerError, VerificationError
from provenance.domain.note import Ed25519Signer

SIGNER = Ed25519Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def note(size: int) -> bytes:
    return sign_checkpoint(Checkpoint("example.org/log", size, bytes([size]) * 32), [SIGNER])


BUNDLE = Bundle(
    subject=Subject("things", "a", "A thing"),
    created_at="2026-01-31T00:00:00+00:00",
    complete=True,
    keys=(SIGNER.verifier.vkey,),
    checkpoint=note(9),
    entries=(
        BundledEntry(0, b'{"leaf":0}', (b"\x01" * 32,), b'{"row":{}}', b"\x02" * 32),
        BundledEntry(7, b'{"leaf":7}', (), redaction="personal"),
    ),
    earlier=(note(3), note(5)),
    consistency={3: (b"\x03" * 32,), 4: (), 5: ()},
    anchors={3: {"v": 2}},
    rows=(BundledRow(0, {"score": "0.5"}, RowProof(2, 4, b"\x04" * 32, (b"\x05" * 32,))),),
    readme="Read me.\n",
)

names = st.from_regex(r"[a-z][a-z0-9._-]{0,8}(/[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True)


# --- the archive ---------------------------------------------------------------------------------------------------


@given(st.dictionaries(names, st.binary(max_size=200), max_size=8))
def test_an_archive_reads_back_here_and_in_any_zip_tool(members):
    data = write_archive(members)
    assert read_archive(data) == members
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == members
        assert opened.namelist() == sorted(members)


def test_the_order_in_which_files_are_given_changes_nothing():
    assert write_archive({"b": b"1", "a": b"2"}) == write_archive({"a": b"2", "b": b"1"})


@pytest.mark.parametrize(
    "name", ["../up", "/root", "a//b", "a/../b", ".hidden", "a\\b", "", "a/", "C:x", "ü", "a" * 201]
)
def test_a_name_that_is_no_plain_path_is_refused(name):
    with pytest.raises(FormatError, match="plain relative path"):
        write_archive({name: b""})
    length = len(name.encode())
    if 0 < length <= 200:  # the same in bytes that somebody else wrote
        data = write_archive({"a" * length: b""}).replace(b"a" * length, name.encode())
        with pytest.raises(FormatError):
            read_archive(data)


def test_a_zip_of_another_tool_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("README.txt", "x" * 1000)
    with pytest.raises(FormatError, match="only form"):
        read_archive(out.getvalue())


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=300)
def test_no_changed_byte_of_an_archive_is_overlooked(position, change):
    members = {"a": b"first", "b/c": b"second"}
    data = bytearray(write_archive(members))
    data[position % len(data)] ^= change
    with contextlib.suppress(FormatError):
        assert read_archive(bytes(data)) != members


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x05\x06", b"PK\x03\x04", b"PK\x03\x04" + bytes(26), b"no zip at all"]
)
def test_what_is_no_archive_is_refused(data):
    with pytest.raises(FormatError):
        read_archive(data)


def test_an_archive_cut_short_anywhere_is_refused():
    data = write_archive({"a": b"first", "b": b"second"})
    for length in range(len(data)):
        with pytest.raises(FormatError):
            read_archive(data[:length])
    with pytest.raises(FormatError):
        read_archive(data + b"\x00")


# --- the bundle ----------------------------------------------------------------------------------------------------


def test_a_bundle_reads_back_and_is_the_same_bytes_every_time():
    data = write_bundle(BUNDLE)
    assert parse_bundle(data) == BUNDLE
    assert write_bundle(parse_bundle(data)) == data


def test_the_files_are_there_to_be_read_by_people():
    with zipfile.ZipFile(io.BytesIO(write_bundle(BUNDLE))) as opened:
        assert opened.read("README.txt") == b"Read me.\n"
        assert opened.read("entries/0/body.json") == b'{"row":{}}'
        assert "entries/7/body.json" not in opened.namelist()


WRONG = {
    "entries out of order": {"entries": BUNDLE.entries[::-1]},
    "an entry twice": {"entries": (BUNDLE.entries[0], BUNDLE.entries[0])},
    "a body without salt": {"entries": (replace(BUNDLE.entries[0], salt=None),)},
    "a salt without body": {"entries": (replace(BUNDLE.entries[0], body=None),)},
    "a short salt": {"entries": (replace(BUNDLE.entries[0], salt=b"\x02" * 31),)},
    "a body and a redaction": {"entries": (replace(BUNDLE.entries[0], redaction="why"),)},
    "neither body nor redaction": {"entries": (replace(BUNDLE.entries[1], redaction=""),)},
    "a checkpoint twice": {"earlier": (note(3), note(3))},
    "no checkpoint": {"checkpoint": b"nothing"},
    "an older one that is none": {"earlier": (b"nothing",)},
    "too long a path": {"entries": (replace(BUNDLE.entries[1], path=(bytes(32),) * 65),)},
    "a row that has no canonical form": {"rows": (replace(BUNDLE.rows[0], row=0.5),)},
    "too many entries": {"entries": tuple(replace(BUNDLE.entries[1], seq=n) for n in range(20_001))},
}


@pytest.mark.parametrize("what", WRONG, ids=lambda what: what.replace(" ", "-"))
def test_what_would_not_read_back_is_not_written(what):
    with pytest.raises(FormatError):
        write_bundle(replace(BUNDLE, **WRONG[what]))


def rewritten(change) -> bytes:
    """The bundle with its files changed, and a manifest that agrees with them again."""
    members = read_archive(write_bundle(BUNDLE))
    manifest = parse_canonical(members["manifest.json"])
    change(members, manifest)
    return resealed(members, manifest)


def resealed(members: dict[str, bytes], manifest: dict) -> bytes:
    files = {name: data for name, data in members.items() if name != "manifest.json"}
    manifest["files"] = {n: {"sha256": hashlib.sha256(d).hexdigest(), "size": len(d)} for n, d in files.items()}
    del manifest["digest"]
    manifest["digest"] = hashlib.sha256(canonical(manifest)).hexdigest()
    return write_archive({**files, "manifest.json": canonical(manifest)})


FORGED = {
    "an unknown file": lambda files, _: files.update({"more/x.json": b"{}"}),
    "a hidden leading zero": lambda files, _: files.update({"anchors/03.json": b"{}"}),
    "a number too long": lambda files, _: files.update({f"anchors/{'9' * 30}.json": b"{}"}),
    "a checkpoint under another number": lambda files, _: files.update({"checkpoints/4": files.pop("checkpoints/3")}),
    "no readme": lambda files, _: files.pop("README.txt"),
    "a readme in no known script": lambda files, _: files.update({"README.txt": b"\xff\xfe"}),
    "no checkpoint": lambda files, _: files.pop("checkpoint"),
    "no leaf": lambda files, _: files.pop("entries/0/leaf.json"),
    "no proof": lambda files, _: files.pop("entries/0/proof.json"),
    "no body": lambda files, _: files.pop("entries/0/body.json"),
    "a body that was withheld": lambda files, _: files.update({"entries/7/body.json": b"{}"}),
    "a proof that is a list": lambda files, _: files.update({"entries/7/proof.json": b"[]"}),
    "a proof with capitals": lambda files, _: files.update({"consistency/4.json": b'{"hashes":["AB"]}'}),
    "hashes that are numbers": lambda files, _: files.update({"consistency/4.json": b'{"hashes":[1]}'}),
    "JSON in another form": lambda files, _: files.update({"consistency/4.json": b'{"hashes": []}'}),
    "a row without its number": lambda files, _: files.update(
        {"rows/0/2.json": b'{"hashes":[],"row":1,"salt":"","size":""}'}
    ),
    "keys that are a word": lambda _, manifest: manifest.update(keys="all"),
    "a key that is a number": lambda _, manifest: manifest.update(keys=[1]),
    "completeness as a word": lambda _, manifest: manifest.update(complete="yes"),
    "a subject without table": lambda _, manifest: manifest.update(subject={"object": "a", "title": ""}),
    "another format": lambda _, manifest: manifest.update(format="qfl-ethics/evidence-bundle/v2"),
    "an unknown member": lambda _, manifest: manifest.update(more=1),
}


@pytest.mark.parametrize("what", FORGED, ids=lambda what: what.replace(" ", "-"))
def test_a_malformed_bundle_is_refused(what):
    with pytest.raises(FormatError):
        parse_bundle(rewritten(FORGED[what]))


@pytest.mark.parametrize("member", ["origin", "size", "root"])
def test_a_manifest_that_names_another_tree_is_false(member):
    values = {"origin": "example.org/other", "size": 8, "root": "00" * 32}
    with pytest.raises(VerificationError, match="another checkpoint"):
        parse_bundle(rewritten(lambda _, manifest: manifest.update({member: values[member]})))


def test_a_manifest_changed_alone_betrays_itself():
    members = read_archive(write_bundle(BUNDLE))
    members["manifest.json"] = members["manifest.json"].replace(b"A thing", b"B thing")
    with pytest.raises(VerificationError, match="its own digest"):
        parse_bundle(write_archive(members))


@pytest.mark.parametrize("name", sorted(set(read_archive(write_bundle(BUNDLE))) - {"manifest.json"}))
def test_a_file_changed_alone_is_found(name):
    members = read_archive(write_bundle(BUNDLE))
    with pytest.raises(VerificationError, match="is not the file that the manifest lists"):
        parse_bundle(write_archive({**members, name: members[name] + b" "}))
    del members[name]
    with pytest.raises(VerificationError, match="the same files"):
        parse_bundle(write_archive(members))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_bundle_or_a_refusal(data):
    with pytest.raises(LedgerError):
        parse_bundle(data)
