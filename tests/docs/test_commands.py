"""Every command that the documentation shows is one that the programs themselves understand, and is run somewhere."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys

import pytest
import yaml
from django.core.management import CommandError, get_commands, load_command_class

from tests.docs.commands import CI, COMPOSE, HERE, ROOT, commands, has_test

_MAKEFILE = (ROOT / "Makefile").read_text()
_TARGETS = set(re.findall(r"^([a-z]+):", _MAKEFILE, re.MULTILINE))
_SERVICES = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]


def test_there_are_commands_and_each_is_understood():
    found = list(commands())
    assert len(found) > 55, "the documentation's commands were not found"
    wrong = [f"{page}: {shlex.join(words)}: {fault}" for page, words in found if (fault := _fault(words))]
    assert wrong == []


def test_each_is_run_here_or_by_a_test_that_exists():
    run_by_ci = (ROOT / ".ci" / "run").read_text() + re.search(r"^test:.*$", _MAKEFILE, re.MULTILINE)[0].lower()
    wrong = []
    for command in commands():
        if command.where == CI:
            known = command.line in run_by_ci or f"$({command.words[1]})" in run_by_ci
        else:
            known = command.where in (HERE, COMPOSE) or has_test(command.where)
        if not known:
            wrong.append(f"{command.page}: {command.line}: {command.where or 'say in commands.py where it is run'}")
    assert wrong == []


def _fault(words: tuple[str, ...]) -> str | None:
    if words[0] == "make":
        unknown = [word for word in words[1:] if "=" not in word and word not in _TARGETS and "/" not in word]
        return f"the Makefile has no {unknown}" if unknown else None
    if words[0] == "docker":
        return _fault_of_compose(list(words))
    if words[0] != "python":
        return None  # the shell's own
    if words[1] == "manage.py":
        return _fault_of_management(words[2:])
    if words[1] == "verifier.pyz":
        return _fault_of_module("provenance.verifier", words[2:])
    return _fault_of_module(words[2], words[3:])


def _fault_of_compose(words: list[str]) -> str | None:
    """The file, the profiles and the service exist, and what is run in it is understood."""
    if words[:4] != ["docker", "compose", "-f", "docker/compose.yaml"]:
        return "expected docker compose -f docker/compose.yaml"
    rest, profiles = words[4:], {name for service in _SERVICES.values() for name in service.get("profiles", [])}
    while rest[0] == "--profile":
        if rest[1] not in profiles:
            return f"there is no profile {rest[1]}"
        rest = rest[2:]
    verb, rest = rest[0], rest[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0] == "-v" else 1 :]
    if rest and rest[0] not in _SERVICES:
        return f"there is no service {rest[0]}"
    if verb != "run":
        return None
    within = [*_SERVICES[rest[0]].get("entrypoint", []), *rest[1:]]
    if within[:3] == ["python", "-m", "qflethics.launcher.continuity"]:  # which passes the words on
        within = ["python", "manage.py", "restore_drill", *within[4:]]
    return _fault(tuple(within)) if len(within) > 3 else None


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
