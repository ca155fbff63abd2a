"""The officer's signer: it shows what it signs, and signs nothing else."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.chain import officer
from provenance.domain.decision import (
    Message,
    Place,
    Verdict,
    personal_digest,
    rationale_commitment,
    subject_commitment,
)
from provenance.domain.errors import LedgerError
from provenance.officers import signer_of
from tests.factories.chain import key_of

ROOT = Path(__file__).resolve().parents[2]
SALTS = (b"\1" * 32, b"\2" * 32)


def file_of(verdict=Verdict.APPROVE, rationale="The audit passed.", expires_at=4_000_000_000, **changes):
    message = Message(
        place=Place(88117, key_of(5).address, "0x" + 64 * "a"),
        subject=subject_commitment(salt=SALTS[0], object_id="deployment-1", content_digest="ab" * 32),
        verdict=verdict,
        commitment=rationale_commitment(salt=SALTS[1], rationale=rationale),
        proposer=changes.pop("proposer", key_of(6).address),
        nonce=1,
        expires_at=expires_at,
    )
    about = {
        "object": "deployment-1", "content_digest": "ab" * 32, "rationale": rationale,
        "subject_salt": SALTS[0].hex(), "rationale_salt": SALTS[1].hex(),
    }  # fmt: skip
    content = {"format": officer.FORMAT, "decision": "d-1", "typed_data": message.typed_data(), "about": about}
    return message, content


@pytest.fixture
def desk(tmp_path, capsys):
    """A keystore, its passphrase, and a way to run the signer."""
    (tmp_path / "passphrase").write_text("a long one\n")

    def run(command, *more, keystore="key.json"):
        common = ["--keystore", str(tmp_path / keystore)]
        if command != "address":
            common += ["--passphrase-file", str(tmp_path / "passphrase")]
        status = officer.main([command, *common, *map(str, more)])
        return status, *capsys.readouterr()

    run.folder = tmp_path
    status, run.address, _ = run("keygen", "--work", "1024")
    assert status == 0
    run.address = run.address.strip()

    def decision(content):
        path = tmp_path / "decision.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    run.decision = decision
    return run


def test_a_key_is_made_once_encrypted_and_readable_by_its_owner_alone(desk):
    path = desk.folder / "key.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["crypto"]["kdf"] == "scrypt"
    assert desk("address")[1].strip() == desk.address
    status, _, told = desk("keygen")
    assert status == 2 and "not overwritten" in told


def test_a_decision_is_shown_in_words_and_signed(desk):
    message, content = file_of()
    status, answer, shown = desk("sign", desk.decision(content), "--yes")
    assert status == 0
    for words in ("approve it for use on patients", "The audit passed.", "deployment-1", "2096-10-02", "88117"):
        assert words in shown
    signed = json.loads(answer)
    assert signed["decision"] == "d-1" and signer_of(message.digest(), signed["signature"]) == desk.address


@pytest.mark.parametrize(("typed", "status"), [("approve", 0), ("yes", 1), ("", 1)])
def test_it_asks_for_the_verdict_by_name(desk, monkeypatch, typed, status):
    monkeypatch.setattr(officer, "_ask", lambda question: typed)
    found, answer, _ = desk("sign", desk.decision(file_of()[1]))
    assert found == status and bool(answer) == (status == 0)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("about", "rationale", "The audit failed."),
        ("about", "object", "deployment-2"),
        ("about", "content_digest", "cd" * 32),
        ("about", "rationale_salt", "00" * 32),
        ("about", "subject_salt", "zz"),
        ("typed_data", "primaryType", "Permit"),
        ("typed_data", "message", {}),
        (None, "format", "another/v1"),
        (None, "about", []),
        (None, "typed_data", None),
    ],
)
def test_what_is_not_what_it_shows_is_not_signed(desk, part, field, value):
    content = file_of()[1]
    (content[part] if part else content)[field] = value
    with pytest.raises(LedgerError):
        officer.read_decision(content)
    status, answer, _ = desk("sign", desk.decision(content), "--yes")
    assert status == 2 and not answer


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '"x"', "[" * 100_000, "7" * 2_000_000, "\udc80"])
def test_malformed_files_are_refused_without_a_traceback(desk, content):
    path = desk.folder / "decision.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    status, answer, told = desk("sign", path, "--yes")
    assert status == 2 and not answer and told.startswith("officer: ")


def test_terminal_controls_in_a_reason_are_shown_as_what_they_are_not_obeyed(desk):
    _, content = file_of(rationale="fine\x1b[2K\rYou are about to halt it\nsecond line")
    status, _, shown = desk("sign", desk.decision(content), "--yes")
    assert status == 0 and "\x1b" not in shown and "\r" not in shown and "\N{REPLACEMENT CHARACTER}" in shown


def test_the_proposer_and_only_the_proposer_signs_a_proposal(desk):
    status, _, told = desk("sign", desk.decision(file_of(Verdict.PROPOSE)[1]), "--yes")
    assert status == 2 and "to sign" in told
    assert desk("sign", desk.decision(file_of(Verdict.PROPOSE, proposer=desk.address)[1]), "--yes")[0] == 0
    assert desk("sign", desk.decision(file_of(Verdict.APPROVE, proposer=desk.address)[1]), "--yes")[0] == 2
    assert desk("sign", desk.decision(file_of(Verdict.HALT, proposer=desk.address)[1]), "--yes")[0] == 0


def test_an_expired_decision_says_so(desk):
    assert "EXPIRED" in desk("sign", desk.decision(file_of(expires_at=1_000)[1]), "--yes")[2]


def test_a_wrong_passphrase_opens_nothing(desk):
    (desk.folder / "passphrase").write_text("another\n")
    status, answer, told = desk("sign", desk.decision(file_of()[1]), "--yes")
    assert status == 2 and not answer and "passphrase" in told


def test_only_the_platforms_challenge_is_signed_to_prove_a_key(desk):
    text = f"I hold the key of {desk.address} and sign decisions of test.example/log with it.\nTicket: abc"
    challenge = desk.folder / "challenge.txt"
    challenge.write_text(text)
    status, answer, shown = desk("prove", challenge)
    assert status == 0 and text in shown
    assert signer_of(personal_digest(text), json.loads(answer)["signature"]) == desk.address
    challenge.write_text("I owe you a million.")
    assert desk("prove", challenge)[0] == 2


def test_it_runs_by_itself_with_no_settings_and_no_database(tmp_path):
    (tmp_path / "p").write_text("x")
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "provenance.chain.officer", "keygen", "--keystore", "k", "--passphrase-file", "p"]
    run = subprocess.run(
        [*command, "--work", "1024"], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0 and run.stdout.startswith("0x"), run.stderr
