"""What the signing programs on people's own computers share: files, passphrases, and text that is safe to show."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from pathlib import Path
from typing import Any

MOST_BYTES = 100_000
MOST_BRACKETS = 5_000  # more than any rationale holds; json would follow a deeper nesting until the stack ends


class Refused(Exception):
    """What cannot be done, told to the person."""


def printable(text: str) -> str:
    """A text without what could move a terminal's cursor and so hide what is signed."""
    return "".join(
        c if c.isprintable() else "\n             " if c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def write_private(path: Path, content: bytes) -> None:
    """A new file that its owner alone may read; one that is there is not touched."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Refused(f"expected to write {path}, got: {error.strerror}") from None


def passphrase_of(options: argparse.Namespace, *, twice: bool = False) -> str:
    """The passphrase from the file that was named, else from the person."""
    if options.passphrase_file:
        given = read(options.passphrase_file).rstrip("\r\n")
    else:
        given = getpass.getpass("Passphrase: ")
        if twice and getpass.getpass("Once more: ") != given:
            raise Refused("the two passphrases differ")
    if not given:
        raise Refused("expected a passphrase, got none")
    return given


def read_json(path: str) -> Any:
    """A JSON file of a sane size and depth."""
    text = read(path)
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        raise Refused(f"expected a decision in {path}, got {MOST_BRACKETS} brackets and more")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(f"expected JSON in {path}, got something else") from None


def read(path: str) -> str:
    """A text file of a sane size."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise Refused(f"expected at most {MOST_BYTES} bytes in {path}")
        return raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"expected to read {path}, got: {error}") from None


def ask(question: str) -> str:
    """What the person types, asked on the error stream: the standard one is for what comes out."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
