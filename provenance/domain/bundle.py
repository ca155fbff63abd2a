"""Evidence bundles: some entries of the log and everything needed to check them, in one file for a stranger.

A bundle is a canonical zip (archive.py) of files that people can open: leaves, bodies where they are disclosed, the
newest signed checkpoint, older ones with the proofs that join them to it, anchors. What is proved is proved by
signatures and hashes; the manifest is not: its subject, its time and its word on completeness are the maker's. Its
digests find damage, not deceit.

A commitment covers a body as a whole, so a body is disclosed whole or not at all. An entry whose body is withheld shows
its leaf, and says why.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provenance.domain.archive import read_archive, write_archive
from provenance.domain.batch import RowProof
from provenance.domain.canonical import canonical, parse_canonical
from provenance.domain.checkpoint import Checkpoint, parse_checkpoint
from provenance.domain.commit import SALT_BYTES
from provenance.domain.errors import FormatError, VerificationError
from provenance.domain.merkle import MAX_PROOF_HASHES

FORMAT = "qfl-ethics/evidence-bundle/v1"
MAX_ENTRIES = 20_000
README, MANIFEST, CHECKPOINT = "README.txt", "manifest.json", "checkpoint"
_SEQ = re.compile(r"0|[1-9][0-9]{0,18}")
_FILE = re.compile(rf"({_SEQ.pattern})\.json")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_MANIFEST = {
    "format", "origin", "subject", "created_at", "complete", "size", "root", "keys", "witnesses", "files", "digest",
}  # fmt: skip
_SUBJECT = {"table", "object", "title"}


@dataclass(frozen=True)
class Subject:
    """What the bundle is about, in its maker's words. Empty object: no single object."""

    table: str
    object_id: str
    title: str


@dataclass(frozen=True)
class BundledEntry:
    """One entry: its leaf, its place, and its body or the reason why there is none."""

    seq: int
    leaf: bytes
    path: tuple[bytes, ...]  # inclusion in the bundle's checkpoint
    body: bytes | None = None
    salt: bytes | None = None  # 32 bytes, exactly where there is a body
    redaction: str = ""  # why the body is withheld; empty where it is disclosed


@dataclass(frozen=True)
class BundledRow:
    """One row of a bulk batch, proved against the root in the body of entry `seq`."""

    seq: int
    row: Any  # JSON value as `canonical` takes it
    proof: RowProof


@dataclass(frozen=True)
class Bundle:
    """Everything in a bundle; nothing in it is verified."""

    subject: Subject
    created_at: str  # the maker's clock, ISO 8601
    complete: bool  # the maker says: these are all entries about the subject up to the checkpoint
    keys: tuple[str, ...]  # vkeys of the log
    checkpoint: bytes  # newest signed note, with its cosignatures
    entries: tuple[BundledEntry, ...]
    witnesses: tuple[str, ...] = ()  # vkeys
    earlier: tuple[bytes, ...] = ()  # older signed notes, by size
    consistency: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)  # from that size to the newest
    anchors: Mapping[int, Any] = field(default_factory=dict)  # evidence (evm.py) by tree size
    rows: tuple[BundledRow, ...] = ()
    readme: str = ""

    @property
    def statement(self) -> Checkpoint:
        """What the newest checkpoint claims."""
        return parse_checkpoint(self.checkpoint)


# --- writing -------------------------------------------------------------------------------------------------------


def write_bundle(bundle: Bundle) -> bytes:
    """Write a bundle; the same bundle gives the same bytes.

    Raises
    ------
    FormatError
        If it would not read back as itself.
    """
    if len(bundle.entries) > MAX_ENTRIES:
        raise _too_many(len(bundle.entries))
    statement, files = bundle.statement, {README: bundle.readme.encode(), CHECKPOINT: bundle.checkpoint}
    for note in bundle.earlier:
        files[f"checkpoints/{parse_checkpoint(note).size}"] = note
    for size, hashes in bundle.consistency.items():
        files[f"consistency/{size}.json"] = canonical({"hashes": _hexes(hashes)})
    for size, evidence in bundle.anchors.items():
        files[f"anchors/{size}.json"] = canonical(evidence)
    for entry in bundle.entries:
        files |= _entry_files(entry)
    for row in bundle.rows:
        files[f"rows/{row.seq}/{row.proof.index}.json"] = canonical(_row_value(row))
    manifest = {
        "format": FORMAT,
        "origin": statement.origin,
        "subject": {
            "table": bundle.subject.table, "object": bundle.subject.object_id, "title": bundle.subject.title
        },
        "created_at": bundle.created_at,
        "complete": bundle.complete,
        "size": statement.size,
        "root": statement.root.hex(),
        "keys": list(bundle.keys),
        "witnesses": list(bundle.witnesses),
        "files": {name: {"sha256": _sha256(data), "size": len(data)} for name, data in files.items()},
    }  # fmt: skip
    manifest["digest"] = _sha256(canonical(manifest))
    data = write_archive({**files, MANIFEST: canonical(manifest)})
    if parse_bundle(data) != bundle:
        raise FormatError("expected a bundle that reads back as itself: entries ascending, each size and row once")
    return data


def _entry_files(entry: BundledEntry) -> dict[str, bytes]:
    folder = f"entries/{entry.seq}"
    proof = {
        "path": _hexes(entry.path),
        "salt": entry.salt.hex() if entry.salt is not None else None,
        "redaction": entry.redaction,
    }
    files = {f"{folder}/leaf.json": entry.leaf, f"{folder}/proof.json": canonical(proof)}
    if entry.body is not None:
        files[f"{folder}/body.json"] = entry.body
    return files


def _row_value(row: BundledRow) -> dict[str, Any]:
    proof = row.proof
    return {"row": row.row, "size": proof.size, "salt": proof.salt.hex(), "hashes": _hexes(proof.hashes)}


# --- reading -------------------------------------------------------------------------------------------------------


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle from anywhere.

    Raises
    ------
    FormatError
        If it is not a bundle in its only form.
    VerificationError
        If a file is not the one the manifest lists.
    """
    files = read_archive(data)
    manifest = _manifest(files)
    _compare(files, manifest)
    note = _taken(files, CHECKPOINT)
    statement = parse_checkpoint(note)
    said = (manifest["origin"], manifest["size"], manifest["root"])
    if said != (statement.origin, statement.size, statement.root.hex()):
        raise VerificationError("the manifest names another checkpoint than the bundle holds")
    subject = manifest["subject"]
    readme = _text(_taken(files, README), README)
    parts = _parts(files)
    return Bundle(
        subject=Subject(subject["table"], subject["object"], subject["title"]),
        created_at=manifest["created_at"],
        complete=manifest["complete"],
        keys=tuple(manifest["keys"]),
        witnesses=tuple(manifest["witnesses"]),
        checkpoint=note,
        readme=readme,
        **parts,
    )


def _manifest(files: dict[str, bytes]) -> dict[str, Any]:
    value = parse_canonical(_taken(files, MANIFEST))
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise FormatError(f"expected a manifest of format {FORMAT!r}; this verifier is too old or too new for the file")
    if set(value) != _MANIFEST or not isinstance(value["subject"], dict) or set(value["subject"]) != _SUBJECT:
        raise FormatError(f"expected a manifest with the members {sorted(_MANIFEST)}")
    if value["digest"] != _sha256(canonical({k: v for k, v in value.items() if k != "digest"})):
        raise VerificationError("the manifest is not the one its own digest names: it was damaged or changed")
    texts = [value["origin"], value["created_at"], value["root"], *value["subject"].values()]
    lists = [value["keys"], value["witnesses"]]
    well_formed = (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(found, list) and all(isinstance(item, str) for item in found) for found in lists)
        and isinstance(value["complete"], bool)
        and isinstance(value["files"], dict)
    )
    if not well_formed:
        raise FormatError("expected text, lists of text and a table of files in the manifest")
    return value


def _compare(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    listed = manifest["files"]
    if extra := sorted(set(files) ^ set(listed)):
        raise VerificationError(f"the manifest and the bundle do not name the same files: {', '.join(extra[:3])}")
    for name, data in files.items():
        if listed[name] != {"sha256": _sha256(data), "size": len(data)}:
            raise VerificationError(f"{name} is not the file that the manifest lists: it was damaged or changed")


def _parts(files: dict[str, bytes]) -> dict[str, Any]:
    """The files that come in numbers, each of which must have a place."""
    earlier: dict[int, bytes] = {}
    consistency: dict[int, tuple[bytes, ...]] = {}
    anchors: dict[int, Any] = {}
    entries: dict[int, dict[str, bytes]] = {}
    rows: dict[tuple[int, int], BundledRow] = {}
    for name, data in files.items():
        match name.split("/"):
            case ["checkpoints", leaf] if leaf == str(parse_checkpoint(data).size):
                earlier[int(leaf)] = data
            case ["consistency", leaf] if (size := _number(leaf)) is not None:
                consistency[size] = _hash_list(_object(data, {"hashes"}, name)["hashes"], name)
            case ["anchors", leaf] if (size := _number(leaf)) is not None:
                anchors[size] = parse_canonical(data)
            case ["entries", seq, "leaf.json" | "proof.json" | "body.json" as part] if _SEQ.fullmatch(seq):
                entries.setdefault(int(seq), {})[part] = data
            case ["rows", seq, leaf] if _SEQ.fullmatch(seq) and (index := _number(leaf)) is not None:
                rows[int(seq), index] = _row(int(seq), index, data, name)
            case _:
                raise FormatError(f"expected the files of a bundle, got {name!r}")
    if len(entries) > MAX_ENTRIES:
        raise _too_many(len(entries))
    return {
        "earlier": tuple(earlier[size] for size in sorted(earlier)),
        "consistency": consistency,
        "anchors": anchors,
        "entries": tuple(_entry(seq, entries[seq]) for seq in sorted(entries)),
        "rows": tuple(rows[key] for key in sorted(rows)),
    }


def _too_many(count: int) -> FormatError:
    return FormatError(f"expected at most {MAX_ENTRIES} entries in a bundle, got {count}; export the log instead")


def _number(leaf: str) -> int | None:
    """The number that a file ``<number>.json`` is named by."""
    match = _FILE.fullmatch(leaf)
    return int(match[1]) if match else None


def _entry(seq: int, parts: dict[str, bytes]) -> BundledEntry:
    where = f"entries/{seq}"
    if not {"leaf.json", "proof.json"} <= set(parts):
        raise FormatError(f"expected a leaf and a proof in {where}, got {sorted(parts)}")
    proof = _object(parts["proof.json"], {"path", "salt", "redaction"}, where)
    body, redaction = parts.get("body.json"), proof["redaction"]
    salt = None if proof["salt"] is None else _unhex(proof["salt"], where)
    if not isinstance(redaction, str) or len({body is None, salt is None, redaction != ""}) != 1:
        raise FormatError(f"expected either a body with its salt or the reason for withholding it in {where}")
    if salt is not None and len(salt) != SALT_BYTES:
        raise FormatError(f"expected a salt of {SALT_BYTES} bytes in {where}, got {len(salt)}")
    return BundledEntry(seq, parts["leaf.json"], _hash_list(proof["path"], where), body, salt, redaction)


def _row(seq: int, index: int, data: bytes, where: str) -> BundledRow:
    value = _object(data, {"row", "size", "salt", "hashes"}, where)
    if not isinstance(value["size"], int) or isinstance(value["size"], bool):
        raise FormatError(f"expected the number of rows in {where}")
    proof = RowProof(index, value["size"], _unhex(value["salt"], where), _hash_list(value["hashes"], where))
    return BundledRow(seq, value["row"], proof)


def _object(data: bytes, members: set[str], where: str) -> dict[str, Any]:
    value = parse_canonical(data)
    if not isinstance(value, dict) or set(value) != members:
        raise FormatError(f"expected an object with the members {sorted(members)} in {where}")
    return value


def _hash_list(value: Any, where: str) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > MAX_PROOF_HASHES:
        raise FormatError(f"expected a list of at most {MAX_PROOF_HASHES} hashes in {where}")
    return tuple(_unhex(item, where) for item in value)


def _hexes(values: tuple[bytes, ...]) -> list[str]:
    return [value.hex() for value in values]


def _unhex(value: Any, where: str) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise FormatError(f"expected hexadecimal digits in {where}")
    return bytes.fromhex(value)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise FormatError(f"expected text in {where}") from None


def _taken(files: dict[str, bytes], name: str) -> bytes:
    if name not in files:
        raise FormatError(f"expected a file {name} in the bundle, got none")
    return files.pop(name)
