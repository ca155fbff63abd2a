"""The commands that the documentation shows, and where each of them is run."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "docker" / "README.md", *(ROOT / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^```(sh|bash)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_OPTIONAL = re.compile(r"[\[\]]|(?<=\w) \.\.\.")  # the brackets around what may be left out

HERE, CI, COMPOSE = "here", "ci", "compose"  # by test_running.py; by .ci/run itself; nowhere, as CI has no Docker
# How a command begins -> where it is run: the first that fits. What stands here as a test is looked for by its name.
WHERE: list[tuple[str, str]] = [
    (r"make (lint|test)$", CI),
    (r"make flare$", CI),  # which `make test` makes first
    (r"make demo DATA=", "tests/qflethics/test_demo_sets.py::test_every_data_set_can_be_demonstrated"),
    (r"make demo$", "tests/e2e/test_life_of_a_model.py::test_from_consent_to_report"),
    (r"make docs$", "tests/docs/test_site.py::test_the_site_is_built_without_a_broken_link"),
    (r"make bench ", "tests/benchmarks/test_frame.py::test_contestants_go_in_a_drawn_order_once_a_round_and_the_warm_"
                     "round_does_not_count"),  # its frame; an area takes minutes
    (r"docker compose ", COMPOSE),
    (r"docker/make-secrets.sh", "tests/docker/test_scripts.py::test_secrets_agree_with_one_another"),
    (r"install -d .* docker/backups", HERE),
    (r"(openssl|chmod|export QFL_BACKUP)", "tests/protection/test_runbook.py::test_the_commands_of_the_runbook_work"),
    (r"python manage.py (backup|restore|restore_drill) ",
     "tests/protection/test_runbook.py::test_the_commands_of_the_runbook_work"),
    (r"export (ALLOWED_HOSTS|QFL_GATE_URL|QFL_FLARE)=", HERE),
    (r"python manage.py run_gate",
     "tests/federation/test_door.py::test_the_command_opens_the_door_and_closes_it_when_told"),
    (r"python manage.py run_flare", "tests/federation/test_door.py::test_commands_that_lack_their_address_say_so"),
    (r"python manage.py simulate_traffic",
     "tests/audits/runtime/test_simulate_traffic.py::test_a_planted_gap_halts_and_says_when_the_same_each_time"),
    (r"python manage.py (verify_ledger|replay_ledger|export_bundle|export_log|witness) ?", HERE),
    (r"python (-m provenance.verifier|verifier.pyz) report.zip",
     "tests/audits/posthoc/test_signing_off.py::test_a_report_with_its_signatures_is_verified_without_the_platform"),
    (r"python (-m provenance.verifier|verifier.pyz) decision.zip",
     "tests/models_registry/test_signatures.py::test_a_stranger_checks_a_decision_with_its_bundle_and_that_of_its_key"),
    (r"python (-m provenance.verifier|verifier.pyz) ", HERE),
    (r"python -m provenance.chain.officer (keygen|prove|sign)",
     "tests/provenance/test_officer.py::test_a_decision_is_shown_in_words_and_signed"),
    (r"python -m provenance.witness", "tests/provenance/witness/test_server.py::test_a_restart_keeps_keys_and_memory"),
    (r"python -m federation.site (consent|opt-out) ", HERE),
    (r"python -m federation.site join ",
     "tests/federation/test_joining.py::test_a_hospital_joins_with_one_command_and_is_asked_for_its_manifest"),
    (r"python -m federation.site flare ",
     "tests/federation/test_door.py::test_a_kit_is_handed_over_once_and_to_the_sites_own_operator"),
    (r"python -m federation.qkd_kme", HERE),
]  # fmt: skip


class Command(NamedTuple):
    page: str
    words: tuple[str, ...]  # from the program's name on

    @property
    def line(self) -> str:
        return " ".join(self.words)

    @property
    def where(self) -> str:
        """Where it is run; empty if nobody has said."""
        return next((where for begins, where in WHERE if re.match(begins, self.line)), "")


def commands() -> Iterator[Command]:
    for page in PAGES:
        for shell, block in _BLOCK.findall(page.read_text()):
            for words in _lines(block.replace("\\\n", " ")):
                while words and re.fullmatch(r"[A-Z_]+=.*|\$", words[0]):
                    words.pop(0)
                if words and (shell or _is_ours(words)):
                    yield Command(str(page.relative_to(ROOT)), tuple(_named_alike(words)))


def _lines(block: str) -> Iterator[list[str]]:
    """Each command's words; one whose quotes are open goes on in the next line."""
    held = ""
    for line in block.splitlines():
        held += line
        try:
            yield shlex.split(_OPTIONAL.sub("", held), comments=True)
        except ValueError:
            held += "\n"
        else:
            held = ""


def _is_ours(words: list[str]) -> bool:
    """Blocks without a language hold drawings too."""
    return words[0] == "manage.py" or (words[0].endswith("python") and len(words) > 1)


def _named_alike(words: list[str]) -> list[str]:
    if words[0].endswith("python"):
        return ["python", *words[1:]]
    return ["python", *words] if words[0] == "manage.py" else words


def has_test(name: str) -> bool:
    """Whether there is a test of this name, such as ``tests/docs/test_site.py::test_x``."""
    path, _, function = name.partition("::")
    if not (ROOT / path).is_file():
        return False
    found = ast.parse((ROOT / path).read_text()).body
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in found)
