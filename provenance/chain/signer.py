"""Who signs for the chain: a protocol, so that the key may live in a file, in Web3Signer or in an HSM."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount

from provenance.chain.errors import KeystoreError


class Signer(Protocol):
    """A secp256k1 key on the chain's side. The anchoring key is neither the log's nor an officer's."""

    @property
    def address(self) -> str:
        """Checksummed address."""

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """Return the signed transaction, ready to send."""

    def sign_typed_data(self, message: dict[str, Any]) -> bytes:
        """Sign EIP-712 typed data; return 65 bytes: r, s, v (27 or 28)."""


class LocalSigner:
    """A key held in this process's memory, decrypted from a keystore file."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    @property
    def address(self) -> str:
        return self._account.address

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        return bytes(self._account.sign_transaction(transaction).raw_transaction)

    def sign_typed_data(self, message: dict[str, Any]) -> bytes:
        return bytes(self._account.sign_typed_data(full_message=message).signature)

    @classmethod
    def from_keystore(
        cls, path: str | os.PathLike[str], passphrase_file: str | os.PathLike[str], *, scrypt_n: int = 2**18
    ) -> LocalSigner:
        """Open the keystore at `path`, making it with a fresh key on first use.

        Parameters
        ----------
        path : path
            Web3 secret storage (version 3), mode 0600. Whoever has it and the passphrase can anchor in our name.
        passphrase_file : path
            Its text, less a final newline, is the passphrase. Keep it apart from the keystore, in a secret store.
        scrypt_n : int, a power of two
            Work to guess one passphrase, for a new file; about a second at the default.

        Raises
        ------
        KeystoreError
            If the passphrase is missing, empty or wrong, or the file is not a keystore.
        """
        passphrase = _read_passphrase(Path(passphrase_file))
        keystore = Path(path)
        if not keystore.exists():
            _create(keystore, passphrase, scrypt_n)
        try:
            key = Account.decrypt(json.loads(keystore.read_text()), passphrase)
        except OSError as error:
            raise KeystoreError(f"expected to read the keystore {keystore}, got: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:  # a wrong passphrase is a ValueError too
            raise KeystoreError(
                f"expected {passphrase_file} to open the keystore {keystore}, got: {error}; check both files"
            ) from None
        return cls(Account.from_key(key))


def _read_passphrase(path: Path) -> str:
    try:
        passphrase = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KeystoreError(f"expected a passphrase in {path}, got: {error}; write one there (mode 0600)") from None
    if not passphrase:
        raise KeystoreError(f"expected a passphrase in {path}, got an empty file; write one there")
    return passphrase


def _create(path: Path, passphrase: str, scrypt_n: int) -> None:
    """Write a fresh keystore, whole or not at all; where two processes race, the first key stays."""
    content = json.dumps(Account.create().encrypt(passphrase, kdf="scrypt", iterations=scrypt_n))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as draft:  # mode 0600
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
            os.link(draft.name, path)
    except FileExistsError:
        return
    except OSError as error:
        raise KeystoreError(f"expected to make the keystore {path}, got: {error.strerror}") from None
