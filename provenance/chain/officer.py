"""The signer of a person who proposes or decides: `python -m provenance.chain.officer`.

It needs no database and no node, so it may run on a computer of its own. The key stays in an encrypted keystore; what
goes in is the file of a decision, what comes out is a signature. It signs nothing that it has not shown in words, and
nothing whose commitments do not stand for the words shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provenance.desk import Refused, passphrase_of, printable, read, read_json, write_private
from provenance.desk import ask as _ask
from provenance.domain.decision import (
    Message,
    Verdict,
    message_from,
    personal_digest,
    rationale_commitment,
    subject_commitment,
)
from provenance.domain.errors import LedgerError

FORMAT = "qfl-ethics/decision/v1"
SCRYPT_N = 2**18  # about a second for each guess of the passphrase
WORDS = {
    Verdict.PROPOSE: "propose it for approval, in your own name",
    Verdict.APPROVE: "approve it for use on patients",
    Verdict.HALT: "HALT it: at once, and by your signature alone",
    Verdict.RESUME: "let it be used again after a halt",
    Verdict.REVOKE: "revoke it FOR GOOD: nothing leads back",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 not signed, 2 cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (Refused, LedgerError) as error:
        print(f"officer: {error}", file=sys.stderr)
        return 2


def keygen(options: argparse.Namespace) -> int:
    """Make a key and keep it encrypted."""
    from eth_account import Account

    path = Path(options.keystore)
    if path.exists():
        raise Refused(f"{path} exists; a key is not overwritten")
    account = Account.create()
    content = json.dumps(account.encrypt(passphrase_of(options, twice=True), kdf="scrypt", iterations=options.work))
    write_private(path, content.encode())
    print(account.address)
    print(
        "Keep a copy of the keystore apart from its passphrase. Whoever has both decides in your name.", file=sys.stderr
    )
    return 0


def address(options: argparse.Namespace) -> int:
    """Show the address of the key; no passphrase needed."""
    from eth_utils import to_checksum_address

    try:
        print(to_checksum_address(str(read_json(options.keystore)["address"])))
    except (KeyError, ValueError):
        raise Refused(f"expected a keystore with an address in {options.keystore}") from None
    return 0


def prove(options: argparse.Namespace) -> int:
    """Sign the platform's challenge, to show that the key is yours."""
    text = read(options.challenge)
    print(f"You say, with your key:\n\n{text}\n", file=sys.stderr)
    key = _key(options)
    if not text.startswith(f"I hold the key of {key.address} and sign decisions of "):
        raise Refused(f"expected the platform's challenge for {key.address}, got another text; nothing was signed")
    signature = key.unsafe_sign_hash(personal_digest(text)).signature
    print(json.dumps({"challenge": text, "signature": _hex(signature)}))
    return 0


def sign(options: argparse.Namespace) -> int:
    """Show a decision in words, ask, and sign it."""
    content = read_json(options.decision)
    message = read_decision(content)
    print(in_words(message, content["about"]), file=sys.stderr)
    wanted = message.verdict.name.lower()
    if not options.yes and _ask(f"Type {wanted} to sign, anything else to leave it: ") != wanted:
        print("Nothing was signed.", file=sys.stderr)
        return 1
    key = _key(options)
    if message.verdict is Verdict.PROPOSE and key.address != message.proposer:
        raise Refused(f"the proposal is {message.proposer}'s to sign, your key is {key.address}")
    if message.verdict in (Verdict.APPROVE, Verdict.RESUME, Verdict.REVOKE) and key.address == message.proposer:
        raise Refused("you proposed this: the contract does not count you among those who decide on it")
    signature = key.unsafe_sign_hash(message.digest()).signature
    answer = json.dumps({"decision": content["decision"], "address": key.address, "signature": _hex(signature)})
    if options.output:
        Path(options.output).write_text(answer + "\n")
    else:
        print(answer)
    return 0


def read_decision(content: Any) -> Message:
    """Read a downloaded decision, and check that its commitments stand for what comes with it.

    Raises
    ------
    LedgerError
        If it is malformed, or a commitment stands for something else than what would be shown.
    """
    try:
        if content["format"] != FORMAT or not isinstance(content["decision"], str):
            raise LedgerError(f"expected a file of the form {FORMAT}")
        about = content["about"]
        subject = subject_commitment(
            salt=bytes.fromhex(about["subject_salt"]),
            object_id=about["object"],
            content_digest=about["content_digest"],
        )
        reason = rationale_commitment(salt=bytes.fromhex(about["rationale_salt"]), rationale=about["rationale"])
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError(f"expected a decision as the platform gives it, got another form ({error})") from None
    message = message_from(content["typed_data"])
    if message.subject != subject:
        raise LedgerError("the subject is a commitment to something else than the object and content named")
    if message.commitment != reason:
        raise LedgerError("the commitment is to another rationale than the one shown")
    return message


def in_words(message: Message, about: dict[str, str]) -> str:
    """What is signed, as a person reads it."""
    until = datetime.fromtimestamp(message.expires_at, UTC)
    late = "  (EXPIRED: the contract will refuse it)" if until <= datetime.now(UTC) else ""
    lines = [
        f"You are about to {WORDS[message.verdict]}.",
        "",
        f"  What       {printable(about['object'])}",
        f"  Content    {printable(about['content_digest'])}",
        f"  Reason     {printable(about['rationale'])}",
        f"  Proposer   {message.proposer}",
        f"  Number     {message.nonce} of the decisions on it",
        f"  Valid to   {until:%Y-%m-%d %H:%M:%S} UTC{late}",
        f"  Contract   {message.place.registry} on chain {message.place.chain_id}, log {message.place.log_id}",
        "",
        "The chain shows your address, the time and the verdict to everybody; of the rest only commitments.",
    ]
    return "\n".join(lines)


# --- files and keys -----------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m provenance.chain.officer", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run in (("keygen", keygen), ("address", address), ("prove", prove), ("sign", sign)):
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--keystore", required=True, metavar="FILE")
        if run is not address:
            command.add_argument("--passphrase-file", metavar="FILE", help="else it is asked for")
        if run is keygen:
            command.add_argument("--work", type=int, default=SCRYPT_N, help=argparse.SUPPRESS)
        if run is prove:
            command.add_argument("challenge", help="file with the platform's challenge")
        if run is sign:
            command.add_argument("decision", help="file with the decision, as downloaded")
            command.add_argument("-o", "--output", metavar="FILE")
            command.add_argument("--yes", action="store_true", help="do not ask; what is signed is shown all the same")
    return parser


def _key(options: argparse.Namespace) -> Any:
    from eth_account import Account

    keystore = read_json(options.keystore)
    try:
        return Account.from_key(Account.decrypt(keystore, passphrase_of(options)))
    except (ValueError, KeyError, TypeError):  # a wrong passphrase is a ValueError too
        raise Refused(f"the passphrase does not open {options.keystore}, or it is no keystore") from None


def _hex(signature: Any) -> str:
    return "0x" + bytes(signature).hex()


if __name__ == "__main__":
    sys.exit(main())
