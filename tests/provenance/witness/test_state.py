"""The folder: keys nobody else reads, a memory that is on the disk before a cosignature leaves, and pinned logs."""

from __future__ import annotations

import json
import os
import threading

import pytest

from provenance.domain.note import parse_note, verify_note
from provenance.domain.witness import find_split_view, parse_size
from provenance.witness import state
from provenance.witness.state import WitnessError, WitnessHome
from tests.factories.forked_log import KEYS, NOW, ORIGIN, SIGNERS, VKEYS, History, log_signers

MAIN, FORK = History(), History(fork=10)
NEXT, LATER = log_signers(2), log_signers(3)


def vkeys(signers) -> list[str]:
    return [signer.verifier.vkey for signer in signers]


# --- the folder ----------------------------------------------------------------------------------------------------


def test_keys_are_encrypted_and_everything_is_readable_by_the_owner_alone(witness):
    for path in [witness.folder, *witness.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    for file in state.KEY_FILES:
        assert (witness.folder / file).read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert not list(witness.folder.rglob("*.part"))


def test_a_passphrase_from_outside_is_not_kept_in_the_folder(tmp_path):
    made = WitnessHome.create(tmp_path / "w", name="a.example/w", passphrase=b"from elsewhere")
    assert not (tmp_path / "w" / "passphrase").exists()
    assert WitnessHome(tmp_path / "w", passphrase=b"from elsewhere").vkeys == made.vkeys
    for wrong in (b"wrong", None):
        with pytest.raises(WitnessError, match="cannot be opened"):
            WitnessHome(tmp_path / "w", passphrase=wrong)


def test_a_witness_keeps_its_keys_and_its_name(witness):
    assert WitnessHome.create(witness.folder, name="hospital.example/w").vkeys == witness.vkeys
    assert [key.split("+")[0] for key in witness.vkeys] == ["hospital.example/w"] * 2
    with pytest.raises(WitnessError, match="another folder"):
        WitnessHome.create(witness.folder, name="other.example/w")
    with pytest.raises(WitnessError, match="key name"):
        WitnessHome.create(witness.folder.parent / "x", name="two words")


def test_a_start_that_was_cut_off_begins_anew(tmp_path, monkeypatch):
    def cut(*_) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(state, "_make_keys", cut)
        with pytest.raises(OSError, match="no space"):
            WitnessHome.create(tmp_path / "w", name="a.example/w")
    assert WitnessHome.create(tmp_path / "w", name="a.example/w").vkeys


# --- cosigning -----------------------------------------------------------------------------------------------------


def test_a_cosignature_verifies_carries_the_time_and_is_remembered(tmp_path):
    home = WitnessHome.create(tmp_path / "w", name="a.example/w", clock=lambda: NOW + 60.9)
    home.trust(VKEYS)
    answer = home.add_checkpoint(MAIN.ask(0, 20))
    assert answer.status == 200
    found = verify_note(parse_note(MAIN.note(20) + answer.body), [signer.verifier for signer in home.signers])
    assert [v.timestamp for v in found] == [NOW + 60] * 2
    again = WitnessHome(tmp_path / "w")
    assert again.log(ORIGIN).seen == MAIN.seen(20)
    assert again.cosigned(ORIGIN).startswith(MAIN.note(20))


def test_the_tree_is_on_the_disk_before_it_is_cosigned(witness, monkeypatch):
    order = []
    write, sign, fsync = state.write_whole, state.cosign, os.fsync
    monkeypatch.setattr(state, "write_whole", lambda *a: (write(*a), order.append("kept")))
    monkeypatch.setattr(os, "fsync", lambda descriptor: (fsync(descriptor), order.append("synced")))
    monkeypatch.setattr(state, "cosign", lambda *a: (order.append("cosigned"), sign(*a))[1])
    assert witness.add_checkpoint(MAIN.ask(0, 20)).status == 200
    assert order == ["synced", "synced", "kept", "cosigned"]  # the bytes, the name, and only then


def test_what_cannot_be_kept_is_not_cosigned(witness, monkeypatch):
    def full(*_) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(state, "write_whole", full)
    with pytest.raises(OSError, match="no space"):
        witness.add_checkpoint(MAIN.ask(0, 20))
    monkeypatch.undo()
    assert witness.add_checkpoint(FORK.ask(0, 20)).status == 200  # nothing was promised


def test_the_same_tree_is_cosigned_again_and_a_smaller_one_is_not(witness):
    assert witness.add_checkpoint(MAIN.ask(0, 20)).status == 200
    assert witness.add_checkpoint(MAIN.ask(20, 20)).status == 200
    assert parse_size(witness.add_checkpoint(MAIN.ask(0, 10))) == 20
    assert parse_size(witness.add_checkpoint(MAIN.ask(10, 20))) == 20


def test_a_fork_is_refused_and_the_two_checkpoints_are_kept_as_evidence(witness):
    witness.add_checkpoint(MAIN.ask(0, 20))
    assert witness.add_checkpoint(FORK.ask(20, 30)).status == 422
    assert witness.evidence() == []  # a false proof can come from anybody
    for _ in range(2):
        assert parse_size(witness.add_checkpoint(FORK.ask(20, 20))) == 20
    (kept,) = map(json.loads, witness.evidence())
    assert find_split_view([kept["first"].encode(), kept["second"].encode()], log_keys=KEYS).conclusive


def test_a_log_that_convicts_itself_daily_does_not_fill_the_disk(witness):
    witness.add_checkpoint(MAIN.ask(0, 300))
    for n in range(10, 10 + 2 * state.MAX_EVIDENCE):
        assert witness.add_checkpoint(History(fork=n).ask(300, 300)).status == 409
    assert len(witness.evidence()) == state.MAX_EVIDENCE


def test_requests_at_once_are_put_in_a_row(witness):
    """Sixteen threads bring two histories: whatever is cosigned is of one."""
    answers = []
    start = threading.Barrier(16)

    def ask(history: History, size: int) -> None:
        data = history.ask(0, size)
        start.wait()
        answers.append((history, size, witness.add_checkpoint(data).status))

    threads = [threading.Thread(target=ask, args=((MAIN, FORK)[n % 2], 20 + n // 2)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for *_, status in answers) == [200] + [409] * 15


def test_a_damaged_memory_cosigns_nothing(witness):
    witness.add_checkpoint(MAIN.ask(0, 20))
    (path,) = (witness.folder / "logs").glob("*.json")
    for damage in ("", "{}", path.read_text()[:-40], path.read_text().replace("\\n20\\n", "\\n020\\n")):
        path.write_text(damage)
        with pytest.raises(WitnessError, match="damaged"):
            witness.add_checkpoint(MAIN.ask(0, 30))


def test_logs_are_kept_apart(witness):
    other = log_signers(7, origin="other.example/log")
    witness.trust(vkeys(other))
    note = MAIN.note(20, other, "other.example/log")
    witness.add_checkpoint(MAIN.ask(0, 30))
    assert witness.add_checkpoint(b"old 0\n\n" + note).status == 200
    assert [log.seen.size for log in sorted(witness.logs(), key=lambda log: log.origin)] == [30, 20]
    assert witness.add_checkpoint(b"old 0\n\n" + MAIN.note(20, log_signers(8, origin="third"), "third")).status == 404


# --- pinned keys ---------------------------------------------------------------------------------------------------


def test_keys_are_pinned_on_first_sight_and_other_keys_are_refused(witness):
    witness.trust(VKEYS)
    witness.trust(VKEYS[:1])  # a part of what is pinned changes nothing
    with pytest.raises(WitnessError, match="pinned to other keys"):
        witness.trust(vkeys(NEXT))
    assert witness.add_checkpoint(MAIN.ask(0, 20, NEXT)).status == 403
    assert witness.add_checkpoint(MAIN.ask(0, 20)).status == 200


@pytest.mark.parametrize(
    "keys", [[], ["no key"], [*VKEYS, *vkeys(log_signers(1, origin="other"))], [VKEYS[0][:-3] + "AAA"], list(VKEYS) * 5]
)
def test_what_are_no_keys_of_one_log_is_refused(witness, keys):
    with pytest.raises(WitnessError):
        witness.trust(keys)


def test_new_keys_are_taken_only_with_a_checkpoint_that_old_and_new_ones_signed(witness):
    witness.add_checkpoint(MAIN.ask(0, 20))
    for signers in (SIGNERS, NEXT, (*SIGNERS, NEXT[0]), (SIGNERS[0], *NEXT), (*LATER, *NEXT)):
        with pytest.raises(WitnessError, match="refused"):
            witness.rotate(vkeys(NEXT), MAIN.note(30, signers))
    assert witness.rotate(vkeys(NEXT), MAIN.note(30, (*SIGNERS, *NEXT))) is True
    assert witness.rotate(vkeys(NEXT), MAIN.note(30, (*SIGNERS, *NEXT))) is False
    assert witness.log(ORIGIN).seen == MAIN.seen(20)  # the memory stays
    assert witness.add_checkpoint(MAIN.ask(20, 40, SIGNERS)).status == 403  # a retired key signs nothing new
    assert witness.add_checkpoint(MAIN.ask(20, 40, NEXT)).status == 200
    with pytest.raises(WitnessError, match="refused"):
        witness.rotate(vkeys(LATER), MAIN.note(50, (*SIGNERS, *LATER)))


def test_retired_keys_are_not_pinned_again_by_the_checkpoint_that_replaced_them(witness):
    vouching = MAIN.note(30, (*SIGNERS, *NEXT))
    assert witness.rotate(vkeys(NEXT), vouching) is True
    for again in (VKEYS, VKEYS[:1], (*VKEYS, *vkeys(NEXT))):
        with pytest.raises(WitnessError, match="pinned before"):
            witness.rotate(again, vouching)
    assert witness.rotate(vkeys(LATER), MAIN.note(40, (*NEXT, *LATER))) is True
    for again in (VKEYS, vkeys(NEXT)):
        with pytest.raises(WitnessError, match="pinned before"):
            witness.rotate(again, MAIN.note(50, (*SIGNERS, *NEXT, *LATER)))
    assert set(witness.log(ORIGIN).vkeys) == set(vkeys(LATER))


def test_new_keys_are_not_taken_with_a_checkpoint_older_than_the_tree_seen(witness):
    witness.add_checkpoint(MAIN.ask(0, 20))
    for note in (MAIN.note(19, (*SIGNERS, *NEXT)), FORK.note(20, (*SIGNERS, *NEXT))):
        with pytest.raises(WitnessError, match="refused"):
            witness.rotate(vkeys(NEXT), note)
    assert witness.rotate(vkeys(NEXT), MAIN.note(20, (*SIGNERS, *NEXT))) is True


def test_a_folder_from_before_given_up_keys_were_kept_still_opens(witness):
    witness.add_checkpoint(MAIN.ask(0, 20))
    (path,) = (witness.folder / "logs").glob("*.json")
    kept = json.loads(path.read_text())
    del kept["retired"]
    path.write_text(json.dumps(kept))
    assert witness.log(ORIGIN).retired == () and witness.log(ORIGIN).seen == MAIN.seen(20)


def test_during_the_overlap_both_generations_are_enough_for_everybody(witness):
    assert witness.add_checkpoint(MAIN.ask(0, 20, (*SIGNERS, *NEXT))).status == 200
    witness.rotate(vkeys(NEXT), MAIN.note(30, (*SIGNERS, *NEXT)))
    assert witness.add_checkpoint(MAIN.ask(20, 30, (*SIGNERS, *NEXT))).status == 200


def test_keys_of_another_log_cannot_be_slipped_in_by_a_rotation(witness):
    other = log_signers(2, origin="other.example/log")
    with pytest.raises(WitnessError, match="not known here"):
        witness.rotate(vkeys(other), MAIN.note(30, (*SIGNERS, *NEXT)))
