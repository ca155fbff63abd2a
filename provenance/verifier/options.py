"""What the auditor asks for."""

from __future__ import annotations

import argparse
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provenance.domain.archive import MAX_ARCHIVE_BYTES
from provenance.domain.note import MAX_NOTE_BYTES
from provenance.verifier.anchors import ChainTrust
from provenance.verifier.findings import Unreadable
from provenance.verifier.rpc import Rpc

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe must not make us wait
EPILOG = """\
exit codes: 0 everything that was asked is verified; 1 something is false (tampering, contradiction); 2 it cannot be
checked (unreadable, cut short, wrong usage). Guide: docs/verifier.md."""


@dataclass(frozen=True)
class Options:
    path: Path
    keys: tuple[str, ...] = ()  # vkeys of the log
    witnesses: tuple[str, ...] = ()  # vkeys
    quorum: int = 0
    kept: tuple[tuple[str, bytes], ...] = ()  # path and bytes of each kept checkpoint
    chain: ChainTrust = ChainTrust()
    leaf: bytes | None = None  # of a single proof file
    log: Path | None = None  # the exported log beside a bundle
    report_keys: tuple[str, ...] = ()  # of the platform's reports
    signers: tuple[tuple[str, bytes], ...] = ()  # path and bytes of bundles about people's keys
    site: str | None = None  # the web address at which security keys must have been used
    as_json: bool = False
    processes: int | None = None


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; wrong usage ends the program with code 2.

    Raises
    ------
    Unreadable
        If a file that was named cannot be read.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    keys = list(given.key) + [line for path in given.keys for line in _lines(path)]
    witnesses = [line for value in given.witness for line in ([value] if "+" in value else _lines(Path(value)))]
    if given.quorum < 0 or (given.quorum and not witnesses):
        parser.error("--quorum K counts witnesses that you know: give their keys with --witness")
    return Options(
        path=given.path,
        keys=tuple(keys),
        witnesses=tuple(witnesses),
        quorum=given.quorum,
        kept=tuple((str(path), read_file(path, MAX_NOTE_BYTES)) for path in given.kept),
        chain=ChainTrust(
            rpc=Rpc(given.rpc) if given.rpc else None,
            chain_id=given.chain_id,
            contract=_hex(parser, "--contract", given.contract, 20),
            log_id=_hex(parser, "--log-id", given.log_id, 32),
        ),
        leaf=None if given.entry is None else read_file(given.entry, 65_535),
        log=given.log,
        report_keys=tuple(
            line for value in given.report_key for line in ([value] if ":" in value else _lines(Path(value)))
        ),
        signers=tuple((str(path), read_file(path, MAX_ARCHIVE_BYTES)) for path in given.signer),
        site=given.site and given.site.rstrip("/"),
        as_json=given.json,
        processes=given.processes,
    )


def read_file(path: Path | str, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises
    ------
    Unreadable
        If it is none, or larger.
    """
    try:
        descriptor = os.open(path, _READ)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Unreadable(f"{path} is not a file")
            if found.st_size > limit:
                raise Unreadable(f"{path} is larger than {limit} bytes, which nothing of its kind is")
            parts: list[bytes] = []
            left = found.st_size + 1  # one more, to see that it ends there
            while left and (part := os.read(descriptor, left)):
                parts.append(part)
                left -= len(part)
            if not left:
                raise Unreadable(f"{path} grows while it is read")
            return b"".join(parts)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path} cannot be read: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verifier", description="Checks evidence of the QFL-ETHICS ledger offline.", epilog=EPILOG
    )
    parser.add_argument(
        "path", type=Path, metavar="BUNDLE", help="bundle.zip, report.zip, exported log (folder or zip), .tlog-proof"
    )
    parser.add_argument("--key", action="append", default=[], metavar="VKEY", help="a key of the log that you trust")
    parser.add_argument("--keys", action="append", default=[], type=Path, metavar="FILE", help="such keys, a line each")
    parser.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="a witness's key, or a file of them"
    )
    parser.add_argument("--quorum", type=int, default=0, metavar="K", help="ask that K of these witnesses cosigned")
    parser.add_argument(
        "--kept", action="append", default=[], type=Path, metavar="FILE", help="a checkpoint kept elsewhere"
    )
    parser.add_argument("--entry", type=Path, metavar="LEAF", help="the leaf that a .tlog-proof proves")
    parser.add_argument(
        "--report-key", action="append", default=[], metavar="KEY", help="a key of reports, or a file of them"
    )
    parser.add_argument(
        "--signer", action="append", default=[], type=Path, metavar="BUNDLE", help="a bundle about a person's key"
    )
    parser.add_argument("--site", metavar="URL", help="the platform's address, where security keys must have signed")
    parser.add_argument("--log", type=Path, metavar="FOLDER", help="exported log: is the bundle complete?")
    parser.add_argument("--rpc", metavar="URL", help="JSON-RPC of a chain node that you trust, for the anchors")
    parser.add_argument("--chain-id", type=int, metavar="N", help="the chain the anchors must be on")
    parser.add_argument("--contract", metavar="0x...", help="the contract the anchors must be in")
    parser.add_argument("--log-id", metavar="0x...", help="the identifier of the log in that contract")
    parser.add_argument("--processes", type=int, metavar="N", help="for a whole log; default: one a core")
    parser.add_argument("--json", action="store_true", help="for machines; the keys are in docs/verifier.md")
    return parser


def _lines(path: Path) -> list[str]:
    try:
        text = read_file(path, MAX_NOTE_BYTES).decode()
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is not a file of keys") from None
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def _hex(parser: argparse.ArgumentParser, name: str, value: str | None, length: int) -> bytes | None:
    if value is None:
        return None
    if not re.fullmatch(rf"0x[0-9a-fA-F]{{{2 * length}}}", value):
        parser.error(f"{name}: expected 0x and {2 * length} hexadecimal digits")
    return bytes.fromhex(value[2:])
