"""The anchoring key in its file."""

import json
import threading

import pytest

from provenance.chain.errors import KeystoreError
from provenance.chain.signer import LocalSigner

FAST = {"scrypt_n": 2**10}


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text("correct horse\n")
    return path


def test_a_key_is_made_on_first_use_and_kept(tmp_path, passphrase):
    keystore = tmp_path / "keys" / "anchor.json"
    first = LocalSigner.from_keystore(keystore, passphrase, **FAST)
    assert LocalSigner.from_keystore(keystore, passphrase).address == first.address
    assert keystore.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in keystore.parent.iterdir()] == ["anchor.json"]  # no draft left behind
    assert "ciphertext" in json.loads(keystore.read_text())["crypto"]


def test_a_final_newline_is_not_part_of_the_passphrase(tmp_path, passphrase):
    keystore = tmp_path / "anchor.json"
    address = LocalSigner.from_keystore(keystore, passphrase, **FAST).address
    passphrase.write_text("correct horse")
    assert LocalSigner.from_keystore(keystore, passphrase).address == address


def test_two_first_uses_at_once_share_one_key(tmp_path, passphrase):
    keystore, found = tmp_path / "anchor.json", []
    use = lambda: found.append(LocalSigner.from_keystore(keystore, passphrase, **FAST).address)  # noqa: E731
    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1


def test_a_wrong_empty_or_missing_passphrase_is_named(tmp_path, passphrase):
    keystore = tmp_path / "anchor.json"
    LocalSigner.from_keystore(keystore, passphrase, **FAST)
    for content, message in (("wrong", "MAC"), ("\n", "empty file")):
        passphrase.write_text(content)
        with pytest.raises(KeystoreError, match=message):
            LocalSigner.from_keystore(keystore, passphrase)
    with pytest.raises(KeystoreError, match="passphrase in"):
        LocalSigner.from_keystore(keystore, tmp_path / "absent")


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json", '{"version": 3}'])
def test_what_is_no_keystore_is_refused(tmp_path, passphrase, content):
    keystore = tmp_path / "anchor.json"
    keystore.write_text(content)
    with pytest.raises(KeystoreError):
        LocalSigner.from_keystore(keystore, passphrase)
