"""The platform's own processes as `make demo` starts them, and one federation with a deployment to send events of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from accounts.models import ApiKey
from benchmarks.frame import ROOT, progress
from core import context
from models_registry.models import Deployment
from qflethics.launcher.platform import Ports, environment, programs
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_deployment

STARTED = ("sequencer", "monitor", "web")  # what ingest meets; sites, anchor and beat wait for other work
ACTIONS = ("event.record", "outcome.record", "prediction.request", "deployment.view")


@dataclass
class Platform:
    """A running platform."""

    world: World
    deployment: Deployment
    secret: str  # of a hospital's key
    port: int
    processes: dict[str, subprocess.Popen]

    def path(self, what: str, deployment: Deployment | None = None) -> str:
        return f"/api/v1/deployments/{(deployment or self.deployment).id}/{what}"

    def another(self, name: str) -> Deployment:
        """One more deployment of the same version."""
        context.set_actor(None)
        made = make_deployment(self.world, version=self.deployment.version, name=name, policy=POLICY)
        context.set_actor(None)
        return made

    def memory(self) -> dict[str, float]:
        """The most memory that any process of each program has held, in GiB."""
        return {name: max(map(_peak, _family(process.pid))) for name, process in self.processes.items()}


POLICY: dict[str, Any] = {"max_predictions": 10_000_000}


@contextmanager
def serving() -> Iterator[Platform]:
    """Start the processes, wait until the service answers, and stop them at the end."""
    world = make_federation(make_people())
    deployment = make_deployment(world, policy=POLICY)
    _, secret = ApiKey.issue(
        name="bench", institution=world.people.north, actions=list(ACTIONS), issued_by=world.people.administrator,
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    context.set_actor(None)
    ports = Ports.choose(8700)
    servers = {name: os.environ[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")}
    env = environment(
        servers, var=Path(os.environ["QFL_VAR"]), secret_key=os.environ["SECRET_KEY"], ports=ports,
        settings=os.environ["DJANGO_SETTINGS_MODULE"],
    )  # fmt: skip
    chosen = [program for program in programs(ports=ports, sites={}) if program.name in STARTED]
    with tempfile.TemporaryFile() as log:
        processes = {
            program.name: subprocess.Popen(
                program.argv, cwd=ROOT, stdout=log, stderr=log, env={**env, "QFL_PROCESS": program.name}
            )
            for program in chosen
        }
        try:
            _wait(ports.web)
            progress(f"the platform answers on port {ports.web}")
            yield Platform(world, deployment, secret, ports.web, processes)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-3000:].decode(errors="replace"))
            raise
        finally:
            for process in processes.values():
                process.send_signal(signal.SIGTERM)
            for process in processes.values():
                process.wait(timeout=60)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("the web process did not answer within 90 s")


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _peak(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 2**20
    return 0.0
