"""What leaves the house checks elsewhere: built from the real database, read by the verifier."""

from __future__ import annotations

import io
import json
import os
import shutil
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management import CommandError, call_command

from core.capture import record
from core.context import governed
from core.errors import ApplicationError
from provenance import keys, witnesses
from provenance.anchoring import Anchorer
from provenance.bundles import NotSigned, bundle_build, object_bundle
from provenance.domain.bundle import Subject, parse_bundle
from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.note import parse_note
from provenance.export import log_export
from provenance.models import Checkpoint, Cosignature, Entry, Witness
from provenance.verifier.__main__ import check
from provenance.verifier.findings import Verdict
from provenance.verifier.options import read_options

ACTOR = uuid.UUID(int=77)


def verify(path: Path, *arguments: str) -> Verdict:
    return check(
        read_options([str(path), *(f for key in keys.log_verifiers() for f in ("--key", key.vkey)), *arguments])
    )


def write(count: int, object_id: str = "case", **row: str) -> None:
    for n in range(count):
        with governed(action="test"):
            record(table="things", operation="BATCH", object_id=object_id, body={"n": str(n), **row})


@pytest.fixture
def written(log):
    """Two checkpoints; six entries about `case` among three hundred others."""
    write(3)
    log.fill(297)
    log.sign()
    write(3, note="Anna Kowalska fell")
    log.drain()
    log.sign()
    return log


@pytest.mark.django_db
def test_a_bundle_of_an_object_verifies(written, tmp_path):
    path = tmp_path / "case.zip"
    path.write_bytes(object_bundle(table="things", object_id="case", title="the case", actor=None, since=[300]))
    verdict = verify(path)
    assert verdict.exit_code == 0, verdict.findings
    assert (verdict.facts["entries"], verdict.facts["size"]) == (6, 303)
    assert parse_bundle(path.read_bytes()).complete


@pytest.mark.django_db
def test_a_kept_checkpoint_is_joined_to_the_bundle(written, tmp_path):
    path, kept = tmp_path / "case.zip", tmp_path / "kept"
    kept.write_text(Checkpoint.objects.get(size=300).note)
    path.write_bytes(object_bundle(table="things", object_id="case", actor=None, since=[300]))
    assert verify(path, "--kept", str(kept)).exit_code == 0
    path.write_bytes(object_bundle(table="things", object_id="case", actor=None))
    assert verify(path, "--kept", str(kept)).exit_code == 2  # nothing joins the two


@pytest.mark.django_db
def test_a_redacted_body_is_not_in_the_bundle(written, tmp_path):
    path = tmp_path / "case.zip"
    path.write_bytes(object_bundle(table="things", object_id="case", actor=None, redact={"note"}))
    assert b"Kowalska" not in path.read_bytes()
    verdict = verify(path)
    assert verdict.exit_code == 0
    assert sum("withheld (it holds note)" in finding.text for finding in verdict.findings) == 3
    shown = [entry for entry in parse_bundle(path.read_bytes()).entries if entry.body is not None]
    assert len(shown) == 3


@pytest.mark.django_db
def test_a_caller_decides_what_is_withheld(written, tmp_path):
    def withhold(entry: Entry, row: object) -> str:
        return "" if entry.seq < 2 else "outside your institution"

    data = object_bundle(table="things", object_id="case", actor=None, redact=withhold)
    assert [entry.redaction for entry in parse_bundle(data).entries][:3] == ["", "", "outside your institution"]


@pytest.mark.django_db
def test_a_selection_claims_no_completeness(written, tmp_path):
    path = tmp_path / "some.zip"
    entries = Entry.objects.filter(seq__in=[7, 1, 300])
    path.write_bytes(bundle_build(entries=entries, subject=Subject("", "", "three"), actor=None))
    verdict = verify(path)
    assert verdict.exit_code == 0
    assert not parse_bundle(path.read_bytes()).complete
    assert [entry.seq for entry in parse_bundle(path.read_bytes()).entries] == [1, 7, 300]


@pytest.mark.django_db
def test_that_a_bundle_was_made_is_recorded(written):
    object_bundle(table="things", object_id="case", actor=ACTOR)
    written.drain()
    last = Entry.objects.select_related("body").order_by("-seq").first()
    assert (last.table, last.operation, last.object_id) == ("provenance_body", "READ", "case")
    assert (last.body.action, last.body.actor) == ("ledger.bundle", ACTOR)


@pytest.mark.django_db
def test_what_no_checkpoint_covers_is_not_bundled(written):
    write(1, object_id="fresh")
    written.drain()
    with pytest.raises(NotSigned):
        object_bundle(table="things", object_id="fresh", actor=None)


@pytest.mark.django_db
def test_an_empty_bundle_is_refused(written):
    with pytest.raises(ApplicationError, match="Expected 1 to"):
        bundle_build(entries=[], subject=Subject("", "", ""), actor=None)


@pytest.mark.django_db
def test_a_bundle_across_a_change_of_keys_verifies_with_the_keys_of_both_times(log, tmp_path, settings):
    settings.VAR = tmp_path / "var"
    write(3)
    log.drain()
    log.sign()
    old, kept = keys.log_verifiers(), tmp_path / "kept"
    kept.write_text(Checkpoint.objects.first().note)
    keys.rotate(overlap=timedelta(0))
    keys.retire(lambda generation: 3)
    log.fill(10)
    log.sign()
    path = tmp_path / "case.zip"
    path.write_bytes(object_bundle(table="things", object_id="case", actor=None, since=[3]))
    assert set(parse_bundle(path.read_bytes()).keys) == {key.vkey for key in keys.log_verifiers()}
    both = [argument for key in old for argument in ("--key", key.vkey)]
    assert verify(path, "--kept", str(kept), *both).exit_code == 0
    assert verify(path, "--kept", str(kept)).exit_code == 2  # the old keys are not among the trusted


@pytest.mark.django_db
def test_the_command_writes_a_bundle(written, tmp_path):
    path = tmp_path / "case.zip"
    call_command("export_bundle", object="case", output=path, stdout=io.StringIO())
    assert verify(path).exit_code == 0
    with pytest.raises(CommandError, match="holds no entry about nobody"):
        call_command("export_bundle", object="nobody", output=path)


@pytest.mark.django_db
def test_an_object_in_two_tables_needs_the_table(written, tmp_path):
    with governed(action="test"):
        record(table="others", operation="BATCH", object_id="case", body={})
    written.drain()
    written.sign()
    with pytest.raises(CommandError, match="several tables; choose one with --table: others, things"):
        call_command("export_bundle", object="case", output=tmp_path / "case.zip")
    call_command("export_bundle", object="case", table="others", output=tmp_path / "case.zip", stdout=io.StringIO())
    assert verify(tmp_path / "case.zip").facts["entries"] == 1


@pytest.fixture
def witness(written):
    """A hospital that cosigned the newest checkpoint, and one that has changed its key since it cosigned."""
    signer = CosignatureSigner("hospital.example/w", Ed25519PrivateKey.generate(), lambda: 1_770_000_000)
    old = CosignatureSigner("clinic.example/w", Ed25519PrivateKey.generate(), lambda: 1_770_000_000)
    new = CosignatureSigner("clinic.example/w", Ed25519PrivateKey.generate(), lambda: 1_770_000_000)
    newest = Checkpoint.objects.first()
    text = parse_note(newest.note.encode()).text
    for one, key in ((signer, signer), (old, new)):
        site = one.name.partition(".")[0]
        registered = witnesses.witness_register(name=one.name, vkeys=[one.verifier.vkey], site=site)
        Cosignature.objects.create(
            witness=registered, checkpoint=newest, key_id=one.verifier.key_id.hex(), timestamp=1_770_000_000,
            line=one.sign(text).line,
        )  # fmt: skip
        witnesses.witness_register(name=one.name, vkeys=[key.verifier.vkey], site=site)
    return signer.verifier.vkey


@pytest.mark.django_db
def test_cosignatures_travel_with_the_checkpoint(written, witness, tmp_path):
    path, folder = tmp_path / "case.zip", tmp_path / "log"
    path.write_bytes(object_bundle(table="things", object_id="case", actor=None))
    assert parse_bundle(path.read_bytes()).witnesses == (witness,)
    log_export(folder=folder)
    for what in (path, folder):
        verdict = verify(what, "--witness", witness, "--quorum", "1")
        assert verdict.exit_code == 0, verdict.findings
        assert "hospital.example/w" in verdict.facts["witnesses"]
    Witness.objects.update(is_active=False)
    log_export(folder=folder)
    assert verify(folder).exit_code == 0
    assert not (folder / "witnesses").exists()


@pytest.mark.django_db
def test_a_bundle_carries_the_earliest_anchors_of_its_entries(written, settings, tmp_path):
    var, settings.VAR = settings.VAR, tmp_path / "var"  # a chain of the test's own; the log's keys stay where they are
    settings.CHAIN_RPC = settings.ANCHOR_PASSPHRASE_FILE = ""
    (tmp_path / "var" / "keys").mkdir(parents=True)
    anchorer = Anchorer()
    try:
        assert anchorer.step()
    finally:
        anchorer.node.close()
        settings.VAR = var
    written.fill(5)
    written.sign()
    path = tmp_path / "case.zip"
    path.write_bytes(object_bundle(table="things", object_id="case", actor=None))
    assert list(parse_bundle(path.read_bytes()).anchors) == [303]
    verdict = verify(path)
    assert verdict.exit_code == 0, verdict.findings
    assert (verdict.facts["size"], verdict.facts["anchors"][0]["size"]) == (308, 303)


# --- the exported log ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_exported_log_verifies(written, tmp_path):
    out = io.StringIO()
    call_command("export_log", tmp_path / "log", stdout=out)
    assert "303 entries (303 new)" in out.getvalue()
    verdict = verify(tmp_path / "log")
    assert verdict.exit_code == 0, verdict.findings
    assert verdict.facts["entries"] == 303


@pytest.mark.django_db
def test_only_what_is_new_is_exported(written, tmp_path):
    folder = tmp_path / "log"
    log_export(folder=folder)
    before = {path: os.stat(path).st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    written.fill(300)
    written.sign()
    done = log_export(folder=folder)
    assert (done.old_size, done.size) == (303, 603)
    assert done.removed == 3  # partial entries and hashes of the first level, and the one of the second
    assert os.stat(folder / "tile/0/000").st_mtime_ns == before[folder / "tile/0/000"]
    assert verify(folder).exit_code == 0
    assert log_export(folder=folder).files == 2  # checkpoint and keys


@pytest.mark.django_db
def test_a_crash_of_an_export_is_mended_by_the_next(written, tmp_path):
    folder = tmp_path / "log"
    log_export(folder=folder)
    (folder / "tile/0/001.p/.tmp-60").write_bytes(b"half")
    (folder / "tile/0/001.p/60").write_bytes(b"of a checkpoint that was never written")
    assert verify(folder).exit_code == 2
    written.fill(10)
    written.sign()
    log_export(folder=folder)
    assert verify(folder).exit_code == 0


@pytest.mark.django_db
def test_a_lost_tile_is_written_again_on_demand(written, tmp_path):
    folder = tmp_path / "log"
    log_export(folder=folder)
    (folder / "tile/0/000").unlink()
    log_export(folder=folder)
    assert verify(folder).exit_code == 2
    call_command("export_log", folder, full=True, stdout=io.StringIO())
    assert verify(folder).exit_code == 0


@pytest.mark.django_db
def test_a_folder_with_another_history_is_left_alone(written, tmp_path):
    folder = tmp_path / "log"
    log_export(folder=folder)
    note = (folder / "checkpoint").read_text().split("\n")
    note[2] = "A" * 43 + "="
    (folder / "checkpoint").write_text("\n".join(note))
    with pytest.raises(CommandError, match="history was rewritten. Keep the folder"):
        call_command("export_log", folder)
    (folder / "checkpoint").write_text("\n".join([f"{settings.LOG_ORIGIN}-other", *note[1:]]))
    with pytest.raises(CommandError, match="export into another folder"):
        call_command("export_log", folder)
    (folder / "checkpoint").write_text("nonsense")
    with pytest.raises(CommandError, match="export into an empty folder"):
        call_command("export_log", folder)


@pytest.mark.django_db
def test_an_unsigned_log_is_not_exported(log, tmp_path):
    with pytest.raises(CommandError, match="No checkpoint is signed yet"):
        call_command("export_log", tmp_path / "log")


@pytest.mark.django_db(transaction=True)
def test_a_log_that_was_tampered_with_is_not_exported(written, tamper, tmp_path):
    tamper(
        "UPDATE provenance_entry SET leaf_hash = set_byte(leaf_hash, 0, 255 - get_byte(leaf_hash, 0)) WHERE seq = 300"
    )
    with pytest.raises(CommandError, match="no longer give the root"):
        call_command("export_log", tmp_path / "log")
    tamper("UPDATE provenance_entry SET leaf = set_byte(leaf, 3, 66) WHERE seq = 7")


@pytest.mark.django_db
def test_a_bundle_beside_the_log_is_shown_to_be_complete(written, tmp_path):
    path, folder = tmp_path / "case.zip", tmp_path / "log"
    path.write_bytes(object_bundle(table="things", object_id="case", actor=None))
    log_export(folder=folder)
    verdict = verify(path, "--log", str(folder))
    assert verdict.exit_code == 0, verdict.findings
    assert any("These are all 6 entries" in finding.text for finding in verdict.findings)
    shutil.rmtree(folder)


@pytest.mark.django_db
def test_the_json_names_its_keys(written, tmp_path):
    from provenance.verifier.report import as_json

    path = tmp_path / "case.zip"
    path.write_bytes(object_bundle(table="things", object_id="case", actor=None))
    told = json.loads(as_json(verify(path)))
    assert set(told) == {"version", "verdict", "exit", "kind", "path", "facts", "findings", "evidence"}
    assert (told["verdict"], told["exit"], told["kind"]) == ("verified", 0, "bundle")
