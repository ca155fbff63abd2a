"""The documentation's commands, taken from its pages and run: our own in this process, a start of Django takes seconds.

Names that stand for something (ID, PATIENT, a hash) are replaced by one that is there; nothing else is changed.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from audits.domain import webhooks
from federation.domain import messages
from federation.domain.code_version import code_version
from federation.domain.learning.config import LocalConfig
from federation.domain.models.registry import default_specs
from federation.domain.run_config import RunConfig
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from federation.site.worker import Postbox
from provenance import checkpoints, keys, presentation, reading, sequencing
from provenance.models import Checkpoint, Entry
from provenance.witness.state import WitnessHome
from tests.docs.commands import HERE, ROOT, Command, commands
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.terms import RAW


def chosen(begins: str) -> list[Command]:
    """The commands that are run here and begin so, each once, in the order of the pages."""
    found = [command for command in commands() if command.where == HERE and re.match(begins, command.line)]
    assert found, begins
    return list({command.line: command for command in found}.values())


def module(command: Command, *words: str) -> int:
    """Run it as its ``__main__``; returns the exit code."""
    name = "provenance.verifier" if command.words[1] == "verifier.pyz" else command.words[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *words])
        try:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


def replaced(command: Command, names: dict[str, str]) -> list[str]:
    return [names.get(word, word) for word in command.words]


@pytest.mark.django_db
def test_the_ledger_is_verified_replayed_and_exported_and_what_leaves_is_verified(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    federation = make_federation(make_people()).federation
    frontier = sequencing.load_frontier()
    while sequencing.sequence(frontier):
        pass
    checkpoints.checkpoint_sign(frontier)
    Path("log-keys.txt").write_text("\n".join(key.vkey for key in keys.log_verifiers()))
    Path("keys.txt").write_text("\n".join(WitnessHome.create(tmp_path / "w", name="auditor.example/w").vkeys))
    entry = Entry.objects.get(seq=7)
    Path("entry-7.json").write_bytes(bytes(entry.leaf))
    Path("entry-7.tlog-proof").write_bytes(presentation.proof_file(reading.prove(entry)))
    names = {
        "ID": str(federation.id), "COLUMN": "purpose", "4711": str(Checkpoint.objects.get().size), "FOLDER": "exported",
    }  # fmt: skip
    for command in chosen(r"python manage.py"):
        call_command(*replaced(command, names)[2:], stdout=io.StringIO())
    for command in chosen(r"python (-m provenance.verifier|verifier.pyz)"):
        words = command.words[3 if command.words[1] == "-m" else 2 :]
        assert module(command, *words) == 0, command.line


def test_the_people_of_a_site_read_approve_withdraw_and_keep_their_list(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Postbox, "deliver_once", lambda postbox, text: None)  # the platform is elsewhere
    public = messages.dump_public(messages.new_key())
    site = Site(SiteHome.create(tmp_path / "site", SiteConfig("phantom-1", "phantom:?patients=40&sites=2", public, "")))
    monkeypatch.setenv("SITE_HOME", str(site.home.folder))
    config = _proposal(site)
    site.home.approvals.keep_asked(config)
    one, other = sorted(site.data.record_ids)[:2]
    for command in chosen(r"python -m federation.site"):
        names = {"3715660fb3d3": config.hash[:12], "PATIENT": one, "...": "a relative objected"}
        words = replaced(command, names)
        if words.count(one) > 1:
            words[-1] = other
        assert module(command, *words[3:]) == 0, (command.line, capsys.readouterr())
    assert set(site.home.opt_outs.entries()) == {other}
    latest = site.home.approvals.latest(config.hash)
    assert latest is not None and latest.decision == "withdrawn"


def _proposal(site: Site) -> RunConfig:
    primary, baseline = default_specs("segmentation", 1)
    last = datetime.now(UTC).date() + timedelta(days=9)
    terms = {**RAW, "epsilon": None, "code_version": code_version(), "expires_on": str(last),
             "ethics": {**RAW["ethics"], "valid_until": str(last)}}  # fmt: skip
    return RunConfig(
        task="segmentation", models={"primary": primary, "baseline": baseline}, rounds=1, seed=3,
        local=LocalConfig(epochs=1, batch_size=8, learning_rate=0.01), epsilon_budget=None,
        data_digests={"phantom-1": messages.digest(site.manifest)}, terms=terms, format=3,
    )  # fmt: skip


def test_what_the_shell_is_told_works(tmp_path):
    """As whoever runs the tests, in the place of the containers' user."""
    for command in chosen(r"(install|export) "):
        mine = [str(os.getuid()) if word == "10001" else word for word in command.words]
        (tmp_path / "docker").mkdir(exist_ok=True)
        subprocess.run(["sh", "-ec", " ".join(mine)], cwd=tmp_path, check=True)
    assert (tmp_path / "docker" / "backups").stat().st_mode & 0o777 == 0o700


def test_a_simulated_key_management_entity_starts(tmp_path):
    (command,) = chosen(r"python -m federation.qkd_kme")
    words = [{"8443": "0", "var/kme": str(tmp_path / "kme")}.get(word, word) for word in command.words[1:]]
    with subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.terminate()
    assert said.startswith("Simulated KME on https://"), said


def test_a_receivers_own_check_of_a_webhook_takes_ours_and_no_other():
    page = (ROOT / "docs" / "webhooks.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    there: dict = {}
    exec(compile(code, "docs/webhooks.md", "exec"), there)  # noqa: S102 - our own page
    secret, now, body = webhooks.new_secret(), int(datetime.now(UTC).timestamp()), b'{"type": "deployment.halted"}'
    headers = webhooks.signed_headers(secret=secret, message_id="m-1", timestamp=now, body=body)
    assert there["verify"](secret, headers, body) == "m-1"
    for changed in ({"body": body + b" "}, {"secret": webhooks.new_secret()}):
        with pytest.raises(ValueError, match="not from the platform"):
            there["verify"](**{"secret": secret, "headers": headers, "body": body, **changed})
