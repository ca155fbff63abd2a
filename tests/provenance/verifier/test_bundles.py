"""Each way in which a bundle can be wrong, and what the verifier says to it. 1: false. 2: cannot be checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from provenance.domain.archive import read_archive, write_archive
from provenance.domain.bundle import Bundle, BundledEntry, Subject, write_bundle
from provenance.domain.merkle import consistency_proof, inclusion_proof
from provenance.verifier.__main__ import main
from provenance.verifier.report import as_text


def keyed(log) -> list[str]:
    return [argument for vkey in log.vkeys for argument in ("--key", vkey)]


def entry_at(bundle: Bundle, index: int, **changes) -> Bundle:
    entries = list(bundle.entries)
    entries[index] = replace(entries[index], **changes)
    return replace(bundle, entries=tuple(entries))


def swapped(log) -> Bundle:
    """Entries 2 and 5 with one another's leaf, body and salt, each with its own place and path."""
    bundle = log.bundle(rows=False)
    a, b = bundle.entries[:2]
    left = replace(b, seq=a.seq, path=a.path)
    right = replace(a, seq=b.seq, path=b.path)
    return replace(bundle, entries=(left, right, *bundle.entries[2:]))


def replayed(log) -> Bundle:
    """The leaf of entry 2 once more, at the place of entry 5."""
    bundle = log.bundle(rows=False)
    return replace(bundle, entries=(bundle.entries[0], replace(bundle.entries[0], seq=5), *bundle.entries[2:]))


def beyond(log) -> Bundle:
    """An entry that the checkpoint does not cover yet."""
    longer = type(log)().fill(44)
    stray = BundledEntry(41, longer.leaves[41], tuple(inclusion_proof(41, 44, longer.read)), redaction="why not")
    bundle = log.bundle()
    return replace(bundle, entries=(*bundle.entries, stray))


def other_history(log, twist: int = 14) -> Bundle:
    """An older checkpoint that the log signed over another history."""
    other = type(log)().fill(20, twist=twist)
    return replace(log.bundle(), earlier=(other.note(20),))


def with_anchor(log, size: int, **changes) -> Bundle:
    bundle = log.bundle()
    return replace(bundle, anchors={**bundle.anchors, size: {**bundle.anchors[size], **changes}})


def unjoined_anchor(log) -> Bundle:
    bundle = log.bundle()
    return replace(bundle, anchors={30: log.anchors(30)[30]})


def duplicate_anchor(log) -> Bundle:
    """The anchor of 40 entries, shown as that of 20 too."""
    bundle = log.bundle()
    return replace(bundle, anchors={20: bundle.anchors[40], 40: bundle.anchors[40]})


def crossed_anchors(log) -> Bundle:
    """Two anchors, of which the second does not follow the first."""
    bundle, first = log.bundle(), log.anchors(40)[40]
    return replace(bundle, anchors={20: bundle.anchors[20], 40: first})


def anchor_of_another_history(log) -> Bundle:
    other = type(log)().fill(40, twist=3)
    bundle = log.bundle()
    return replace(bundle, anchors={40: other.anchors(40)[40]})


def too_large_anchor(log) -> Bundle:
    longer = type(log)().fill(50)
    return replace(log.bundle(), anchors={50: longer.anchors(50)[50]})


def forged_leaf(log) -> Bundle:
    bundle = log.bundle()
    return entry_at(bundle, 0, leaf=bundle.entries[0].leaf.replace(b'"op":"update"', b'"op":"delete"'))


def reworded_body(log) -> Bundle:
    bundle = log.bundle()
    return entry_at(bundle, 0, body=bundle.entries[0].body.replace(b"state 2", b"state 3"))


def first(**changes) -> Callable[[Any], Bundle]:
    """The bundle with its first entry changed."""
    return lambda log: entry_at(log.bundle(), 0, **changes)


def first_path(change: Callable[[tuple, Bundle], tuple]) -> Callable[[Any], Bundle]:
    """The bundle with the path of its first entry changed."""
    return lambda log: entry_at(log.bundle(), 0, path=change(log.bundle().entries[0].path, log.bundle()))


def anchored(**changes) -> Callable[[Any], Bundle]:
    """The bundle with its first anchor's evidence changed."""
    return lambda log: with_anchor(log, 20, **changes)


def row_with(**changes) -> Callable[[Any], Bundle]:
    """The bundle with its row, or the row's proof, changed."""

    def forge(log) -> Bundle:
        row = log.row(3)
        of_proof = {name: changes[name] for name in ("index", "size") if name in changes}
        of_row = {name: changes[name] for name in ("row", "seq") if name in changes}
        return replace(log.bundle(), rows=(replace(row, proof=replace(row.proof, **of_proof), **of_row),))

    return forge


FALSE = {
    "a leaf changed": (forged_leaf, "leads to another root"),
    "a body changed": (reworded_body, "do not open this commitment"),
    "another salt": (first(salt=bytes(32)), "do not open this commitment"),
    "a path of another entry": (first_path(lambda _, bundle: bundle.entries[1].path), "another root"),
    "a path too short": (first_path(lambda path, _: path[:-1]), "too short"),
    "a path too long": (first_path(lambda path, _: (*path, bytes(32))), "longer"),
    "a hash too short": (first_path(lambda path, _: (b"x", *path[1:])), "32 bytes"),
    "a leaf that is none": (first(leaf=b"{}"), "expected a leaf"),
    "swapped entries": (swapped, "its leaf says that it is entry"),
    "a replayed entry": (replayed, "its leaf says that it is entry 2"),
    "an entry beyond the checkpoint": (beyond, "covers 40 entries only"),
    "an entry about something else": (lambda log: replace(log.bundle(), subject=Subject("t", "x", "")), "is not about"),
    "another history before": (other_history, "does not fit the newest one"),
    "an older checkpoint of another log": (
        lambda log: replace(log.bundle(), earlier=(type(log)("other.example/log").fill(20).note(20),)),
        "does not fit the newest one",
    ),
    "a false consistency proof": (
        lambda log: replace(log.bundle(), consistency={20: tuple(consistency_proof(19, 40, log.read))}),
        "does not fit the newest one",
    ),
    "an anchor with another block hash": (anchored(block_hash="0x" + "00" * 32), "the header is"),
    "an anchor with another time": (anchored(block_time=1), "the header is"),
    "an anchor in another contract": (anchored(contract="0x" + "00" * 20), "expected one anchor"),
    "an anchor of another log": (anchored(log_id="0x" + "00" * 32), "expected one anchor"),
    "an anchor that nothing joins": (unjoined_anchor, "no proof that the log begins with the anchored tree"),
    "an anchor twice": (duplicate_anchor, "the receipt anchors a tree of 40 entries"),
    "anchors that do not follow": (crossed_anchors, "contradict one another"),
    "an anchor of another history": (anchor_of_another_history, "another root for 40 entries than the log signed"),
    "an anchor beyond the checkpoint": (too_large_anchor, "the chain holds 50 entries"),
    "a row changed": (row_with(row={"score": "0.9", "flagged": False}), "Row 3 of the batch in entry 5 is false"),
    "a row at another place": (row_with(index=2), "Row 2 of the batch in entry 5 is false"),
    "a row of a smaller batch": (row_with(size=4), "the batch has 5 rows"),
    "a row of what is no batch": (row_with(seq=2), "not that of a batch"),
}  # fmt: skip


@pytest.mark.parametrize("what", FALSE, ids=lambda what: what.replace(" ", "-"))
def test_what_is_false_is_found_false(log, verify, made, what):
    forge, says = FALSE[what]
    verdict = verify(forge(log), *keyed(log))
    assert verdict.exit_code == 1, made.words_of(verdict)
    assert any(says in finding.text for finding in verdict.of("false")), made.words_of(verdict)


def resized(log) -> bytes:
    """One file larger than its manifest says."""
    members = read_archive(write_bundle(log.bundle()))
    members["entries/2/body.json"] += b" " * 1000
    return write_archive(members)


UNREADABLE = {
    "truncated": lambda log: write_bundle(log.bundle())[:-100],
    "only half": lambda log: write_bundle(log.bundle())[:20_000],
    "something after it": lambda log: write_bundle(log.bundle()) + b"\x00",
    "empty": lambda log: b"",
    "another file": lambda log: b"%PDF-1.7 ...",
    "no entries": lambda log: write_bundle(replace(log.bundle(rows=False), entries=())),
    "a row without its entry": lambda log: write_bundle(replace(log.bundle(redact=(5,)), rows=(log.row(3),))),
    "a consistency proof of a larger tree": lambda log: write_bundle(
        replace(log.bundle(), consistency={**log.bundle().consistency, 50: ()})
    ),
    "an older checkpoint without proof": lambda log: write_bundle(replace(log.bundle(), consistency={})),
    "malformed anchor": lambda log: write_bundle(replace(log.bundle(), anchors={20: {"v": 3}})),
    "a malformed key": lambda log: write_bundle(replace(log.bundle(), keys=("nonsense",))),
    "a key twice": lambda log: write_bundle(replace(log.bundle(), keys=log.vkeys[:1] * 2)),
}


@pytest.mark.parametrize("what", UNREADABLE, ids=lambda what: what.replace(" ", "-"))
def test_what_cannot_be_checked_is_said_so(log, verify, what):
    verdict = verify(UNREADABLE[what](log))
    assert verdict.exit_code == 2
    assert verdict.of("unchecked")[0].text


def test_a_file_larger_than_listed_is_false(log, verify):
    assert verify(resized(log)).exit_code == 1


def test_an_honest_bundle_is_verified_and_says_what_was_not_checked(log, verify):
    verdict = verify(log.bundle(), *keyed(log))
    assert verdict.exit_code == 0
    said = as_text(verdict)
    for words in ("VERIFIED. ", "its content is withheld (personal data)", "Whether these are all entries", "--rpc"):
        assert words in said


# --- keys, witnesses, kept checkpoints -----------------------------------------------------------------------------


def test_keys_from_the_file_are_taken_on_trust_and_the_verdict_says_so(log, verify):
    verdict = verify(log.bundle())
    assert verdict.exit_code == 0
    assert as_text(verdict).startswith("VERIFIED WITH KEYS TAKEN ON TRUST")
    assert verdict.facts["keys"]["source"] == "file"


def test_the_wrong_key_does_not_verify(log, verify, made):
    stranger = made.keys(made.ORIGIN, 3)
    verdict = verify(log.bundle(), "--key", stranger[0].verifier.vkey)
    assert verdict.exit_code == 1
    assert "Nothing in this file can be believed" in verdict.of("false")[0].text


def test_a_key_of_another_log_does_not_verify(log, verify, made):
    verdict = verify(log.bundle(), "--key", made.keys("other.example/log", 1)[0].verifier.vkey)
    assert verdict.exit_code == 1


def test_one_trusted_key_of_two_is_enough_if_it_is_all_you_trust(log, verify):
    assert verify(log.bundle(), "--key", log.vkeys[1]).exit_code == 0


def test_a_dropped_post_quantum_signature_does_not_verify(log, verify):
    bundle = log.bundle()
    lines = bundle.checkpoint.split(b"\n")
    stripped = b"\n".join([line for line in lines if len(line) < 2000])
    assert stripped != bundle.checkpoint
    verdict = verify(replace(bundle, checkpoint=stripped), *keyed(log))
    assert verdict.exit_code == 1
    assert "each kind of key" in verdict.of("false")[0].text


def test_keys_and_witnesses_come_from_files_too(log, verify, tmp_path):
    (tmp_path / "keys").write_text("# of the log\n" + "\n".join(log.vkeys) + "\n")
    (tmp_path / "witnesses").write_text(log.witness.verifier.vkey + "\n")
    verdict = verify(
        log.bundle(), "--keys", str(tmp_path / "keys"), "--witness", str(tmp_path / "witnesses"), "--quorum", "1"
    )
    assert verdict.exit_code == 0
    assert any("Witnesses that you know cosigned it: hospital" in finding.text for finding in verdict.findings)


def test_a_quorum_that_is_not_met_is_false(log, verify, made):
    other = made.keys("clinic.example/witness", 8)[1].verifier.vkey
    arguments = ["--witness", log.witness.verifier.vkey, "--witness", other, "--quorum", "2"]
    assert verify(log.bundle(), *arguments).exit_code == 1


def test_the_log_is_no_witness_of_itself(log, verify):
    verdict = verify(log.bundle(), *keyed(log), "--witness", log.vkeys[1], "--quorum", "1")
    assert verdict.exit_code == 1


def test_a_witness_that_is_named_like_the_log_is_refused(log, verify, made):
    posing = made.keys(made.ORIGIN, 5)[1].verifier.vkey
    carried = replace(log.bundle(), witnesses=(log.witness.verifier.vkey, posing))
    for bundle, arguments in ((carried, keyed(log)), (log.bundle(), [*keyed(log), "--witness", posing])):
        verdict = verify(bundle, *arguments)
        assert verdict.exit_code == 1
        assert any("like the log" in finding.text for finding in verdict.findings)


def test_a_false_cosignature_of_a_known_witness_is_false(log, verify, made):
    bundle = log.bundle()
    stranger = made.keys("hospital.example/witness", 5)[1]
    forged = replace(bundle.statement, size=39)
    line = stranger.sign(forged.text).line.encode()
    wrong = replace(bundle, checkpoint=bundle.checkpoint + line, witnesses=(stranger.verifier.vkey,))
    assert verify(wrong, *keyed(log)).exit_code == 1


def test_a_quorum_without_witnesses_is_wrong_usage(log, tmp_path):
    with pytest.raises(SystemExit) as error:
        main([str(tmp_path / "b.zip"), "--quorum", "1"])
    assert error.value.code == 2


@pytest.fixture
def kept(tmp_path):
    def write(note: bytes) -> list[str]:
        (tmp_path / "kept").write_bytes(note)
        return ["--kept", str(tmp_path / "kept")]

    return write


def test_a_kept_checkpoint_that_fits_is_verified(log, verify, kept):
    for size in (20, 40):
        assert verify(log.bundle(), *keyed(log), *kept(log.note(size))).exit_code == 0


def test_a_split_view_is_shown_with_both_signed_notes(log, verify, kept, made):
    note, bundle = made.MadeLog().fill(40, twist=14).note(), log.bundle()
    verdict = verify(bundle, *keyed(log), *kept(note))
    assert verdict.exit_code == 1
    assert "SPLIT VIEW" in verdict.of("false")[0].text
    assert verdict.evidence[0]["kind"] == "split_view"
    assert verdict.evidence[0]["notes"] == [note.decode(), bundle.checkpoint.decode()]
    assert note.decode().split("\n")[2] in as_text(verdict)


def test_rewritten_history_is_told_from_a_split_view(log, verify, kept, made):
    verdict = verify(log.bundle(), *keyed(log), *kept(made.MadeLog().fill(20, twist=3).note()))
    assert verdict.exit_code == 1
    assert "REWRITTEN HISTORY" in verdict.of("false")[0].text
    assert verdict.evidence[0]["kind"] == "rewritten_history"


@pytest.mark.parametrize("size", [30, 45])
def test_a_kept_checkpoint_that_nothing_joins_is_not_called_false(verify, kept, log, made, size):
    verdict = verify(log.bundle(), *keyed(log), *kept(made.MadeLog().fill(45).note(size)))
    assert verdict.exit_code == 2


@pytest.mark.parametrize("note", [b"", b"nonsense", b"a\n1\nb\n\n"])
def test_a_kept_file_that_is_no_checkpoint_is_said_so(log, verify, kept, note):
    assert verify(log.bundle(), *keyed(log), *kept(note)).exit_code == 2


# --- completeness, beside the whole log ----------------------------------------------------------------------------


def test_a_complete_bundle_is_shown_complete_by_the_whole_log(log, verify, tmp_path):
    verdict = verify(log.bundle(), *keyed(log), "--log", str(log.export(tmp_path / "log")))
    assert verdict.exit_code == 0
    assert any("These are all 13 entries" in finding.text for finding in verdict.of("verified"))


def test_a_bundle_that_leaves_an_entry_out_is_found(log, verify, tmp_path):
    bundle = log.bundle()
    short = replace(bundle, entries=bundle.entries[:-2], rows=())
    folder = log.export(tmp_path / "log")
    verdict = verify(short, *keyed(log), "--log", str(folder))
    assert verdict.exit_code == 1
    assert "2 more entries" in verdict.of("false")[0].text
    assert verify(replace(short, complete=False), *keyed(log), "--log", str(folder)).exit_code == 0  # it claims nothing


def test_a_bundle_of_another_history_than_the_log_is_a_split_view(log, verify, made, tmp_path):
    other = made.MadeLog().fill(41, twist=14)
    verdict = verify(log.bundle(), *keyed(log), "--log", str(other.export(tmp_path / "log")))
    assert verdict.exit_code == 1
    assert verdict.evidence[0]["kind"] == "split_view"


def test_a_log_shorter_than_the_bundle_tells_nothing(log, verify, made, tmp_path):
    shorter = made.MadeLog().fill(30).export(tmp_path / "log")
    assert verify(log.bundle(), *keyed(log), "--log", str(shorter)).exit_code == 2


def test_names_in_a_bundle_cannot_steer_the_terminal(log, verify):
    verdict = verify(replace(log.bundle(), subject=replace(log.bundle().subject, title="\x1b[2Jgone\u202e")))
    assert "\x1b" not in as_text(verdict)
    assert "\u202e" not in as_text(verdict)
