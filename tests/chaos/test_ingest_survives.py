"""Web, monitor, sequencer and worker are killed, Redis and PostgreSQL crash, and a hospital goes on sending.

What was accepted is stored once, what was not is sent again under its own key; and nothing is served after the halt.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest
import requests

from qflethics.launcher import servers
from qflethics.launcher.platform import SECRETS, Ports, environment, manage, start_all
from qflethics.launcher.state import ROOT
from tests.running import wait

pytestmark = pytest.mark.chaos
ROWS = 40  # events in a batch
FOUND = {"female": 0.2, "male": 0.95}  # of the ill: the monitor must halt this
BETWEEN_KILLS = 1.5


class Running:
    """The platform's processes on servers of its own, with one deployment."""

    def __init__(self) -> None:
        self.var = Path(tempfile.mkdtemp(prefix="qfl-chaos-"))
        kept = {name: os.environ.pop(name) for name in SECRETS if name in os.environ}
        try:
            self.servers = servers.start(f"chaos-{os.getpid()}", durable=True)
            ports = Ports.choose(8520)  # other tests' are elsewhere: a port is taken only once somebody serves there
            self.env = environment(
                self.servers.environment, var=self.var, secret_key=uuid.uuid4().hex, ports=ports,
                settings="qflethics.settings.dev",
            )  # fmt: skip
        finally:
            os.environ.update(kept)
        self._run(manage("migrate", "-v0"), DATABASE_ROLE="owner")
        told = json.loads(self._run([sys.executable, "-m", "tests.chaos.world"]).splitlines()[-1])
        self.deployment, self.secret = told["deployment"], told["secret"]
        self.base = f"http://127.0.0.1:{ports.web}"
        (self.var / "log").mkdir()
        self.supervisor = start_all(
            env=self.env, ports=ports, sites={}, logs=self.var / "log", revive=self.servers.revive
        )
        wait(self._answers, what="the platform to answer", seconds=90)

    def _run(self, command: list[str], **more: str) -> str:
        done = subprocess.run(command, cwd=ROOT, env={**self.env, **more}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def _answers(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.base}/health/live", timeout=2).ok
        return False

    def kill(self, program: str) -> None:
        os.killpg(int((self.var / "log" / f"{program}.pid").read_text()), signal.SIGKILL)

    def crash(self, server: str, how: signal.Signals) -> None:
        for name, process, _ in self.servers.processes:
            if name == server:
                process.send_signal(how)

    def ask(self, statement: str) -> tuple:
        with psycopg2.connect(self.env["DATABASE_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        connection.close()
        return row

    def stop(self) -> None:
        self.supervisor.stop()
        self.servers.stop()
        state = self.servers.state
        for folder in (self.var, state.data, state.run):
            shutil.rmtree(folder, ignore_errors=True)


class Hospital:
    """Sends batches without pause; a batch without an answer is sent again under the same key until it has one."""

    def __init__(self, running: Running, name: str) -> None:
        self.running, self.name = running, name
        self.seen: Counter[str] = Counter()
        self.events = self.outcomes = self.predictions = 0
        self.refused_at: datetime | None = None
        self.problem = ""

    def cases(self, stop: threading.Event) -> None:
        rng, number = random.Random(self.name), 0
        while not stop.is_set() and not self.problem:
            names = [f"{self.name}-{number}-{i}" for i in range(ROWS)]
            events, outcomes = [], []
            for name in names:
                sex, ill = rng.choice(("female", "male")), rng.random() < 0.5
                flagged = int(rng.random() < (FOUND[sex] if ill else 0.1))
                events.append({"event_key": name, "patient": name, "at": datetime.now(UTC).isoformat(),
                               "attributes": {"sex": sex}, "label": flagged})  # fmt: skip
                outcomes.append({"event_key": name, "label": int(ill)})
            self.events += self._until_answered("events", events)
            self.outcomes += self._until_answered("outcomes", outcomes)
            number += 1

    def asks(self, stop: threading.Event) -> None:
        """Asks the gateway, until it says that the deployment is halted."""
        number = 0
        while not stop.is_set() and self.refused_at is None and not self.problem:
            case = {"event_key": f"{self.name}-{number}", "patient": "p", "attributes": {"sex": "male"},
                    "features": [0.1, 0.5, 0.3, 0.9]}  # fmt: skip
            self.predictions += self._until_answered("predictions", [case])
            number += 1

    def _until_answered(self, what: str, records: list[dict]) -> int:
        key = uuid.uuid4().hex
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.seen["sent"] += 1
            try:
                answer = requests.post(
                    f"{self.running.base}/api/v1/deployments/{self.running.deployment}/{what}",
                    json={"records": records}, timeout=20,
                    headers={"Authorization": f"Api-Key {self.running.secret}", "Idempotency-Key": key},
                )  # fmt: skip
            except requests.RequestException:
                self.seen["no answer"] += 1
                time.sleep(0.1)
                continue
            self.seen[str(answer.status_code)] += 1
            if answer.status_code == 200:
                return len(records)
            if answer.status_code == 423 and what == "predictions":
                self.refused_at = datetime.now(UTC)
                return 0
            if answer.status_code < 500:
                self.problem = f"{what}: {answer.status_code}: {answer.text[:300]}"
                return 0
            time.sleep(0.1)
        self.problem = f"{what}: no answer in 60 s"
        return 0


@pytest.fixture
def running():
    made = Running()
    yield made
    made.stop()


def test_no_accepted_event_is_lost_or_counted_twice_and_nothing_is_served_after_the_halt(running, record_property):
    hospitals, asking, stop = [Hospital(running, name) for name in "ab"], Hospital(running, "ask"), threading.Event()
    threads = [threading.Thread(target=hospital.cases, args=(stop,)) for hospital in hospitals]
    threads.append(threading.Thread(target=asking.asks, args=(stop,)))
    for thread in threads:
        thread.start()
    faults: list[Callable[[], None]] = [
        *(lambda name=name: running.kill(name) for name in ("web", "monitor", "sequencer", "coordinator")),
        lambda: running.crash("redis", signal.SIGKILL),
        lambda: running.crash("postgres", signal.SIGQUIT),  # as after a crash: it recovers from its log
        lambda: running.kill("web"),
    ]  # fmt: skip
    for fault in faults:
        time.sleep(BETWEEN_KILLS)
        fault()
    wait(lambda: halted(running), what="the monitor to halt an unfair model", seconds=60)
    wait(lambda: marked(running) and asking.refused_at, what="events to go on and predictions to end", seconds=60)
    stop.set()
    for thread in threads:
        thread.join(timeout=90)
    everyone = [*hospitals, asking]
    assert [hospital.problem for hospital in everyone] == ["", "", ""]
    told = [hospital.events for hospital in hospitals]
    figures = {
        "requests": sum((hospital.seen for hospital in everyone), Counter()),
        "accepted": {"events": sum(told), "outcomes": sum(h.outcomes for h in hospitals), "served": asking.predictions},
    }
    record_property("figures", json.dumps(figures))
    print(json.dumps(figures))
    assert figures["requests"]["sent"] > figures["requests"]["200"], "nothing failed, so nothing was tested"
    stored_once(running, figures["accepted"])
    nothing_served_after_the_halt(running)


def halted(running: Running) -> bool:
    with suppress(psycopg2.Error):
        return running.ask("SELECT state FROM models_registry_deployment")[0] == "halted"
    return False


def marked(running: Running) -> int:
    """Events that were made after the halt, and are recorded as such."""
    with suppress(psycopg2.Error):
        return running.ask("SELECT count(*) FROM runtime_prediction WHERE after_halt")[0]
    return 0


def stored_once(running: Running, accepted: dict[str, int]) -> None:
    rows, names = running.ask(
        "SELECT count(*), count(DISTINCT event_key) FROM runtime_prediction WHERE made_at IS NOT NULL"
    )
    assert (rows, names) == (accepted["events"], accepted["events"])
    (served,) = running.ask("SELECT count(*) FROM runtime_prediction WHERE made_at IS NULL")
    assert served == accepted["served"]
    everything = rows + served
    assert running.ask("SELECT predictions, outcomes FROM audits_runtime_deploymentcounter") == (
        everything, accepted["outcomes"],
    )  # fmt: skip
    assert running.ask("SELECT count(*), min(position), max(position) FROM runtime_outcome") == (
        accepted["outcomes"], 1, accepted["outcomes"],
    )  # fmt: skip
    sums = "SELECT sum(n) FROM audits_runtime_{} WHERE metric = 'selection_rate'"
    assert [running.ask(sums.format(table))[0] for table in ("rollup", "dailyrollup")] == [everything, everything]
    assert running.ask("SELECT sum(rows) FROM audits_runtime_batch WHERE kind = 'prediction'") == (everything,)
    wait(
        lambda: running.ask("SELECT position FROM audits_runtime_monitorstate") == (accepted["outcomes"],),
        what="the monitor to fold the rest", seconds=30,
    )  # fmt: skip


def nothing_served_after_the_halt(running: Running) -> None:
    late = running.ask(
        "SELECT count(*) FROM runtime_prediction "
        "WHERE made_at IS NULL AND received_at > (SELECT created_at FROM audits_runtime_halt)"
    )
    assert late == (0,)
    assert running.ask("SELECT count(*) FROM audits_runtime_halt") == (1,)
