"""Two phantom hospitals under an engine: the same sealed orders, the same folders, and what comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from queue import Empty

import kombu
from django.conf import settings

from federation.domain import messages
from federation.domain.learning import weights
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import Message, MessageError, digest
from federation.domain.models.registry import build, default_specs
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.strategies import fedavg
from federation.domain.strategies.base import Update
from federation.engines import flare_kit
from federation.engines.base import Engine
from federation.keys import coordinator_key
from federation.provisioning import site_provision
from federation.site.handlers import Site
from federation.site.home import SiteHome
from federation.site.wire import broker, transport_options
from tests.factories.postbox import approve_at

SITES = ("phantom-1", "phantom-2")
DATA = "phantom:?patients=40&sites=2"
ROOT = Path(__file__).resolve().parents[3]


def homes_in(folder: Path) -> dict[str, SiteHome]:
    """Two sites whose secrets are the same whenever they are made, so that two engines can be compared."""
    made = {}
    for site in SITES:
        home = folder / site
        home.mkdir(parents=True)
        for name in ("key", "noise"):
            (home / name).write_bytes(site[-1].encode() * 32)
        site_provision(folder=home, site=site, data=DATA)
        made[site] = SiteHome(home)
    return made


class Federation:
    def __init__(self, engine: Engine, homes: dict[str, SiteHome]) -> None:
        self.engine, self.homes = engine, homes
        self._queues = {
            site: kombu.Connection(broker(settings.REDIS_URL), transport_options=transport_options(site)).SimpleQueue(
                "results"
            )
            for site in homes
        }

    def ask(self, kind: str, key: str, body: dict, files: dict[str, bytes], seconds: float = 120) -> dict[str, Message]:
        """Ask all sites, and wait for the answer of each."""
        orders = {
            site: messages.seal(Message(kind, "coordinator", site, key, body, files), coordinator_key())
            for site in self.homes
        }
        for site, text in orders.items():
            self.engine.send(site, text)
        return {site: self._answer(site, key, seconds) for site in self.homes}

    def _answer(self, site: str, key: str, seconds: float) -> Message:
        public = messages.dump_public(self.homes[site].key)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                found = self._queues[site].get(timeout=left)
            except Empty:
                break
            found.ack()
            try:
                message, _ = messages.unseal(str(found.payload), sender=site, public_key=public)
            except MessageError:  # of another site of this name, whose answers nobody has read
                continue
            if message.key == key and message.kind == kind_of(key):
                return message
        raise AssertionError(f"no answer of {site} to {key} within {seconds:.0f} s under {self.engine.name}")

    def trained(self, rounds: int = 2) -> tuple[dict[str, dict], list[Message]]:
        """The averaged weights after these rounds, and each update."""
        primary, baseline = default_specs("segmentation", 1)
        config = RunConfig(
            task="segmentation", models={"primary": primary, "baseline": baseline}, rounds=rounds, seed=3,
            local=LocalConfig(epochs=1, batch_size=8, learning_rate=0.01), epsilon_budget=None,
            data_digests={site: digest(Site(home).manifest) for site, home in self.homes.items()},
        )  # fmt: skip
        for home in self.homes.values():
            approve_at(Site(home), config)
        state = {name: weights.state_of(build(config.models[name], seed=config.seed)) for name in MODEL_NAMES}
        updates: list[Message] = []
        for number in range(1, rounds + 1):
            body = {"run": "r", "round": number, "config": config.as_dict(), "config_hash": config.hash}
            files = {name: weights.to_bytes(state[name]) for name in MODEL_NAMES}
            answers = self.ask("train", f"r:{number}:train", body, files)
            assert all(answer.ok for answer in answers.values()), [a.body for a in answers.values()]
            updates += answers.values()
            for name in MODEL_NAMES:
                received = [
                    Update(site, weights.from_bytes(a.attachments[name], like=config.models[name]), a.body["n_records"])
                    for site, a in answers.items()
                ]
                state[name] = fedavg.aggregate(received)
        return state, updates

    def coordination(self, rounds: int) -> float:
        """Median seconds of a round without training: an order that each site refuses at once."""
        taken = []
        for number in range(rounds):
            started = time.perf_counter()
            answers = self.ask("nothing", f"c{time.time_ns()}:{number}:nothing", {}, {})
            taken.append(time.perf_counter() - started)
            assert not any(answer.ok for answer in answers.values())
        return statistics.median(taken)


def kind_of(key: str) -> str:
    return key.rpartition(":")[2]


def workers(homes: dict[str, SiteHome], folder: Path) -> list[subprocess.Popen]:
    """The sites' Celery workers."""
    started = []
    for site, home in homes.items():
        with (folder / f"{site}.log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "federation.site"], cwd=ROOT, stdout=log, stderr=log,
                    env={**os.environ, "SITE_HOME": str(home.folder), "OMP_NUM_THREADS": "1"},
                )
            )  # fmt: skip
    return started


def flare(homes: dict[str, SiteHome], folder: Path) -> list[subprocess.Popen]:
    """FLARE's server with the relay, and one client a site, from provisioned kits."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kits = flare_kit.provision(folder / "flare", host="localhost", port=port, sites=SITES)
    server = kits / "localhost"
    started = [
        flare_kit.start(
            flare_kit.server_command(server), kit=server, log=folder / "server.log",
            variables={"REDIS_URL": settings.REDIS_URL, "OMP_NUM_THREADS": "1"},
        )
    ]  # fmt: skip
    try:
        for site, home in homes.items():
            started.append(
                flare_kit.start(
                    flare_kit.site_command(kits / site), kit=kits / site, log=folder / f"{site}.flare.log",
                    variables={"SITE_HOME": str(home.folder), "OMP_NUM_THREADS": "1"},
                )
            )  # fmt: skip
        flare_kit.submit(kits, flare_kit.job(folder, sites=len(homes)))
    except BaseException:
        end(started)
        raise
    return started


def end(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        if process.poll() is None:
            try:
                group = os.getpgid(process.pid)
            except ProcessLookupError:
                continue
            if group == process.pid:
                os.killpg(group, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


def policy_of(kit: Path) -> tuple[dict, dict]:
    local = kit / "local"
    return json.loads((local / "authorization.json").read_text()), json.loads((local / "resources.json").read_text())
