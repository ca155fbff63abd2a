"""The whole platform, started by the launcher itself in a process of its own, for tests that break it from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from qflethics.demo import at_site
from qflethics.demo.assessment import assess
from qflethics.demo.client import Client
from qflethics.launcher.platform import SECRETS
from qflethics.launcher.state import ROOT, State

# What tests of the whole platform audit with: quick checks of each kind, at the sites and on the platform. The other
# checks are run over sites by tests of their own, and all of them by `make demo` and `make bench NAME=audit`.
POLICY = {
    "bias_score": "certifies", "bias_score_baseline": "informs", "aif360": "informs", "representation": "informs",
    "quantum_mmd": "informs", "epsilon": "certifies", "performance": "informs", "boundaries": "informs",
    "consents": "certifies", "lineage": "certifies", "trail": "refutes", "card": "informs",
}  # fmt: skip


class Platform:
    """`make demo` without the scenario, on servers, folders and ports of its own."""

    def __init__(self, *, data: str, port: int) -> None:
        self.name = f"run-{os.getpid()}-{port}"
        self.var = Path(tempfile.mkdtemp(prefix="qfl-run-"))
        self.data, self.port = data, port
        self.process: subprocess.Popen | None = None
        self._clients: dict[str, Client] = {}

    @property
    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if key not in SECRETS}
        return {
            **clean, "QFL_STATE": self.name, "QFL_VAR": str(self.var), "DATA": self.data, "PORT": str(self.port),
            "RESEND_AFTER_SECONDS": "4", "REAPER_SECONDS": "1", "WEB_WORKERS": "2",
        }  # fmt: skip

    def start(self) -> Platform:
        (self.var / "demo").mkdir(exist_ok=True)
        address = self.var / "demo" / "address"
        address.unlink(missing_ok=True)
        self.log = (self.var / "launcher.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qflethics.launcher.demo", "--no-scenario"], cwd=ROOT, env=self.environment,
            stdout=self.log, stderr=self.log,
        )  # fmt: skip
        wait(lambda: address.exists() or self.process.poll() is not None, what="the platform to start", seconds=300)
        if not address.exists():
            raise AssertionError(f"the launcher stopped: {(self.var / 'launcher.log').read_text()[-2000:]}")
        self._clients.clear()
        self.base = address.read_text()
        self.access = json.loads((self.var / "demo" / "access.json").read_text())
        return self

    def client(self, who: str) -> Client:
        """Somebody at the API, signed in once: to hash a password takes longer than most requests."""
        if who not in self._clients:
            self._clients[who] = Client(self.base, self.access["people"][who]["email"], self.access["password"])
        return self._clients[who]

    def approve_policy(self, officers: list[str]) -> None:
        """Put `POLICY` in force as people do: an administrator proposes, two officers and the deputy approve."""
        content = {"checks": {name: {"decides": decides} for name, decides in POLICY.items()}}
        given = {"risk_class": "limited", "content": content, "justification": "what this test needs"}
        made = self.client("administrator").post("/audit-policies", given)
        for who in (*officers, "deputy"):
            decision = {"decision": "approve", "reason": "read and agreed"}
            self.client(who).post(f"/audit-policies/{made['id']}/decisions", decision)

    def approve_at_sites(self, run: str) -> None:
        """The people of each site approve a run there, and the platform has heard it."""
        client = self.client("administrator")
        for site, home in self.access["homes"].items():
            config_hash = client.get(f"/runs/{run}")["config_hash"]
            at_site.approve(home, config_hash, operator=f"operator.{site}", officer=f"officer.{site}")
        wait(lambda: client.get(f"/runs/{run}")["state"] != "proposed", what="the approvals to be heard", seconds=60)

    def consent(self, run: str) -> None:
        """Both signers of every site sign a run, and it is approved there."""
        for site in self.access["sites"]:
            for who in (f"operator.{site}", f"officer.{site}"):
                self.client(who).post(f"/runs/{run}/consents", {"decision": "given", "reason": "test"})
        self.approve_at_sites(run)

    def assess(self, version: str, *, signer: str) -> None:
        """The impact assessment of a version's model, written by the administrator and signed by an officer."""
        writer = self.client("administrator")
        model = writer.get(f"/versions/{version}")["model"]
        assess(model, writer=writer, signer=self.client(signer), password=self.access["password"])

    def pid(self, program: str) -> int:
        return int((self.var / "log" / f"{program}.pid").read_text())

    def interrupt(self) -> int:
        """Ctrl-C; returns the launcher's exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.interrupt()
        self.log.close()
        state = State(self.name)
        for folder in (state.data, state.run, self.var):
            shutil.rmtree(folder, ignore_errors=True)


def wait(condition, *, what: str, seconds: float):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")
