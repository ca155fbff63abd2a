"""The signer of a person who decides on approvals: `python -m models_registry.signer`.

It needs no database and no network, so it may run on a computer of its own. The ML-DSA-65 key stays in an encrypted
file (PKCS #8); what goes in is the statement of a decision, what comes out is a signature. It signs nothing that it has
not shown in words.
"""

from __future__ import annotations

import argparse
import base64
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from models_registry.domain.statement import POSSESSION, StatementError, context_of, in_words, read_statement
from provenance.desk import Refused, ask, passphrase_of, printable, read, write_private


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 not signed, 2 cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (Refused, StatementError) as error:
        print(f"signer: {error}", file=sys.stderr)
        return 2


def keygen(options: argparse.Namespace) -> int:
    """Make a key, keep it encrypted, and show its public half."""
    path = Path(options.key)
    if path.exists():
        raise Refused(f"{path} exists; a key is not overwritten")
    key = MLDSA65PrivateKey.generate()
    secret = passphrase_of(options, twice=True).encode()
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(secret)))
    print(_public(key))
    print("Keep a copy of the file apart from its passphrase. Whoever has both decides in your name.", file=sys.stderr)
    return 0


def public(options: argparse.Namespace) -> int:
    """Show the public half of the key, which you register on the platform."""
    print(_public(_key(options)))
    return 0


def prove(options: argparse.Namespace) -> int:
    """Sign the platform's text about a new key, to show that the key is yours."""
    text = read(options.text).rstrip("\r\n")
    print(f"You say, with your key:\n\n{printable(text)}\n", file=sys.stderr)
    key = _key(options)
    if not text.startswith("I hold this key ") or not text.endswith(f"\nKey: {_public(key)}"):
        raise Refused("expected the platform's text about this very key, got another; nothing was signed")
    print(base64.b64encode(key.sign(text.encode(), POSSESSION)).decode())
    return 0


def sign(options: argparse.Namespace) -> int:
    """Show a statement in words, ask, and sign it."""
    text = read(options.statement).rstrip("\r\n")
    statement = read_statement(text)
    print("\n".join(f"  {term}\n      {printable(value)}" for term, value in in_words(statement)), file=sys.stderr)
    wanted = statement["decision"]
    if not options.yes and ask(f"Type {wanted} to sign, anything else to leave it: ") != wanted:
        print("Nothing was signed.", file=sys.stderr)
        return 1
    print(base64.b64encode(_key(options).sign(text.encode(), context_of(statement))).decode())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models_registry.signer", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run in (("keygen", keygen), ("public", public), ("prove", prove), ("sign", sign)):
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--key", required=True, metavar="FILE")
        command.add_argument("--passphrase-file", metavar="FILE", help="else it is asked for")
        if run is prove:
            command.add_argument("text", help="file with the platform's text about the key")
        if run is sign:
            command.add_argument("statement", help="file with the statement, as downloaded")
            command.add_argument("--yes", action="store_true", help="do not ask; what is signed is shown all the same")
    return parser


def _key(options: argparse.Namespace) -> MLDSA65PrivateKey:
    pem = read(options.key).encode()
    try:
        key = load_pem_private_key(pem, passphrase_of(options).encode())
    except (ValueError, TypeError):
        raise Refused(f"the passphrase does not open {options.key}, or it is no key file") from None
    if not isinstance(key, MLDSA65PrivateKey):
        raise Refused(f"expected an ML-DSA-65 key in {options.key}, got another kind")
    return key


def _public(key: MLDSA65PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


if __name__ == "__main__":
    sys.exit(main())
