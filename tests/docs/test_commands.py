"""Every command that the documentation shows is one that the programs themselves understand."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.management import CommandError, get_commands, load_command_class

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "docker" / "README.md", *(ROOT / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^```(?:sh|bash)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
_OPTIONAL = re.compile(r"[\[\]]|(?<=\w) \.\.\.")  # the brackets around what may be left out


class Command(NamedTuple):
    page: str
    words: tuple[str, ...]


def commands() -> Iterator[Command]:
    for page in PAGES:
        for block in _BLOCK.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                words = _words(line)
                if words:
                    yield Command(str(page.relative_to(ROOT)), words)


def _words(line: str) -> tuple[str, ...] | None:
    """Ours, from the program's name on."""
    try:
        words = shlex.split(_OPTIONAL.sub("", line), comments=True)
    except ValueError:
        return None
    while words and re.fullmatch(r"[A-Z_]+=.*|\$", words[0]):
        words.pop(0)
    if words and words[0].endswith("python"):
        words[0] = "python"
    ours = words and (words[0] in {"make", "manage.py"} or words[:2] == ["python", "manage.py"] or words[1:2] == ["-m"])
    return tuple(words) if ours else None


def test_there_are_commands_and_each_is_understood():
    found = list(commands())
    assert len(found) > 30, "the documentation's commands were not found"
    wrong = [f"{page}: {shlex.join(words)}: {fault}" for page, words in found if (fault := _fault(words))]
    assert wrong == []


def _fault(words: tuple[str, ...]) -> str | None:
    if words[0] == "make":
        unknown = [word for word in words[1:] if "=" not in word and word not in _TARGETS and "/" not in word]
        return f"the Makefile has no {unknown}" if unknown else None
    if words[0] == "manage.py" or words[1] == "manage.py":
        return _fault_of_management(words[words.index("manage.py") + 1 :])
    return _fault_of_module(words[2], words[3:])


def _fault_of_management(words: tuple[str, ...]) -> str | None:
    app = get_commands().get(words[0])
    if app is None:
        return "there is no such command"
    parser = load_command_class(app, words[0]).create_parser("manage.py", words[0]) if isinstance(app, str) else None
    return _parse(lambda: parser.parse_args(list(words[1:]))) if parser else None


class _Understood(Exception):
    """The arguments were read; `args[0]` is what was left over."""


def _fault_of_module(module: str, words: tuple[str, ...]) -> str | None:
    """Start the program, and stop it as soon as it has understood its arguments."""
    read, depth = argparse.ArgumentParser.parse_known_args, 0

    def understand(self, *given, **named):  # a command of a command is read within the reading of the whole
        nonlocal depth
        depth += 1
        understood = read(self, *given, **named)
        depth -= 1
        if not depth:
            raise _Understood(understood[1])
        return understood

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_known_args", understand)
        patch.setattr(sys, "argv", [module, *words])
        return _parse(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True))


def _parse(read) -> str | None:
    try:
        read()
    except _Understood as understood:
        return f"{understood.args[0]} is unknown" if understood.args[0] else None
    except (CommandError, ImportError) as error:
        return str(error)
    except SystemExit as stopped:
        return f"it ends with {stopped.code}"
    return None
