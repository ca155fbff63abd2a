"""Frameworks as data: controls in our own words, each with the names of the evidence that is bound to it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 2**20  # of one file
MOST_CONTROLS = 500
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_TEXTS = {"reference": 80, "title": 200, "text": 1000}  # name -> most characters


class FrameworkError(ValueError):
    """A framework's file is not what is expected; the message says where and how to mend it."""


@dataclass(frozen=True)
class Control:
    """One requirement.

    Attributes
    ----------
    reference : str
        Where it stands in the framework, e.g. "Art. 9".
    text : str
        What it asks for, in one sentence of our own: never the text of a standard.
    evidence : tuple of str
        What the platform measures for it, by name. Empty: only people can show it.
    """

    id: str
    reference: str
    title: str
    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Framework:
    """A law, standard or house rule. `own` marks those of this installation, read from its folder."""

    key: str
    title: str
    edition: str
    note: str
    controls: tuple[Control, ...]
    own: bool = False

    def control(self, id: str) -> Control | None:
        return next((control for control in self.controls if control.id == id), None)


def read_framework(key: str, content: Mapping[str, Any], known: Collection[str], *, own: bool = False) -> Framework:
    """A framework from parsed TOML.

    Parameters
    ----------
    key : str
        Name of the file without its ending.
    known : names of the evidence that the platform offers

    Raises
    ------
    FrameworkError
        If a key or text is missing, too long or of the wrong kind, an id is there twice, or evidence is unknown.
    """
    if not _KEY.fullmatch(key):
        raise FrameworkError(
            f"{key}: expected a file name of small letters, digits, - and _, at most 40, such as house_rules.toml"
        )
    if strange := set(content) - {"title", "edition", "note", "controls"}:
        raise FrameworkError(
            f"{key}: expected title, edition, note and controls; got also {', '.join(sorted(strange))}"
        )
    rows = content.get("controls")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_CONTROLS:
        raise FrameworkError(f"{key}: expected a list `controls` of 1 to {MOST_CONTROLS} tables")
    controls = tuple(_control(f"{key}, control {number}", row, known) for number, row in enumerate(rows, start=1))
    ids = [control.id for control in controls]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise FrameworkError(f"{key}: two controls have the id {', '.join(twice)}")
    title = _text(key, content, "title", 120)
    edition, note = (_text(key, content, name, 1000, needed=False) for name in ("edition", "note"))
    return Framework(key, title, edition, note, controls, own)


def load_folder(folder: Path, known: Collection[str]) -> tuple[Framework, ...]:
    """All frameworks of a folder, by file name.

    Raises
    ------
    FrameworkError
        If one of them is not what is expected; see `read_framework`.
    """
    return tuple(read_framework(path.stem, _content(path), known) for path in sorted(folder.glob("*.toml")))


def read_own(
    folder: Path, known: Collection[str], taken: Collection[str]
) -> tuple[tuple[Framework, ...], tuple[str, ...]]:
    """The frameworks of an installation's own folder, and what is wrong with the files that were left out.

    Parameters
    ----------
    taken : keys that own files must not use
    """
    if not folder.is_dir():
        return (), (f"Expected a folder of .toml files at {folder}, found none.",)
    found, problems = [], []
    for path in sorted(folder.glob("*.toml")):
        try:
            if path.stem in taken:
                raise FrameworkError(f"{path.name}: this name belongs to a framework of the platform; choose another")
            found.append(read_framework(path.stem, _content(path), known, own=True))
        except FrameworkError as error:
            problems.append(str(error))
    return tuple(found), tuple(problems)


def _content(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            raise FrameworkError(f"{path.name}: expected at most {MOST_BYTES:,} bytes, got {len(data):,}")
        return tomllib.loads(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FrameworkError(f"{path.name}: expected TOML in UTF-8; {error}") from error


def _control(where: str, row: Any, known: Collection[str]) -> Control:
    if not isinstance(row, dict):
        raise FrameworkError(f"{where}: expected a table, got {row!r:.60}")
    if strange := set(row) - {"id", "evidence", *_TEXTS}:
        raise FrameworkError(f"{where}: expected id, reference, title, text, evidence; got also {sorted(strange)}")
    id = _text(where, row, "id", 40)
    if not _KEY.fullmatch(id):
        raise FrameworkError(f"{where}: expected an id of small letters, digits, - and _, got {id!r}")
    names = row.get("evidence", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FrameworkError(f"{where} ({id}): expected `evidence` to be a list of names")
    if unknown := sorted(set(names) - set(known)):
        raise FrameworkError(f"{where} ({id}): unknown evidence {unknown}; expected some of {sorted(known)}")
    reference, title, text = (_text(f"{where} ({id})", row, name, most) for name, most in _TEXTS.items())
    return Control(id, reference, title, text, tuple(dict.fromkeys(names)))


def _text(where: str, row: Mapping[str, Any], name: str, most: int, *, needed: bool = True) -> str:
    value = row.get(name, "")
    if not isinstance(value, str) or len(value) > most or (needed and not value.strip()):
        raise FrameworkError(f"{where}: expected `{name}`, a text of at most {most} characters; got {value!r:.60}")
    return value.strip()
