"""Ctrl-C, kill -9 in the middle of a round, and a restart of Redis or PostgreSQL: nothing is lost or done twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

import pytest
import requests

from qflethics.demo.client import Refused
from qflethics.launcher.state import State
from tests.running import POLICY, Platform, wait

pytestmark = pytest.mark.chaos
SITES = ["phantom-1", "phantom-2", "phantom-3"]
ROUNDS = 2
# Long enough a round to be hit in the middle.
LOCAL = {"epochs": 3, "batch_size": 4, "learning_rate": 0.003, "dp": None}


@pytest.fixture(scope="module")
def platform():
    running = Platform(data="phantom:?patients=210&sites=3", port=8320).start()
    running.approve_policy([f"officer.{site}" for site in SITES[:2]])
    yield running
    running.remove()


def started_run(platform: Platform, name: str) -> str:
    """A run that has just begun its first round."""
    administrator = platform.client("administrator")
    path = f"/federations/{platform.access['federation']}"
    wait(lambda: all(p["manifest"] for p in administrator.get(path)["participants"]), what="manifests", seconds=60)
    run = administrator.post(f"{path}/runs", {"name": name, "rounds": ROUNDS, "seed": 5, "local": LOCAL})["id"]
    platform.consent(run)
    administrator.post(f"/runs/{run}/start")
    wait(lambda: progress_of(platform, run), what="the first training step", seconds=60)
    return run


def events_of(platform: Platform, run: str) -> list[dict]:
    client, found = platform.client("administrator"), []
    while page := client.get(f"/runs/{run}/events", after=found[-1]["id"] if found else 0)["results"]:
        found += page
    return found


def progress_of(platform: Platform, run: str) -> bool:
    return any(e["kind"] == "progress" and e["data"]["doing"] == "train" for e in events_of(platform, run))


def assert_finished_once(platform: Platform, run: str) -> None:
    """Finished, with each round and each site's update exactly once, and a ledger that verifies."""
    administrator = platform.client("administrator")
    state = wait(
        lambda: (found := administrator.get(f"/runs/{run}"))["state"] in {"finished", "failed", "aborted"} and found,
        what="the run to finish", seconds=180,
    )  # fmt: skip
    assert state["state"] == "finished", state["stop_reason"]
    assert [r["number"] for r in state["rounds"]] == list(range(1, ROUNDS + 1))
    updates = sorted(e["site"] for e in events_of(platform, run) if e["kind"] == "update")
    assert updates == sorted(SITES * ROUNDS)
    verified = platform.client("auditor").post("/ledger/verification")
    assert verified["ok"], verified["problems"]


def test_kill_9_of_a_sites_worker_in_the_middle_of_a_round_and_again_in_the_audit(platform):
    """In the audit what concludes its checks dies, too; it goes on, and each check is there once."""
    administrator = platform.client("administrator")
    run = started_run(platform, "site killed")
    os.kill(platform.pid("site-phantom-2"), signal.SIGKILL)
    assert_finished_once(platform, run)
    version = wait(
        lambda: next((v for v in administrator.get("/versions", run=run)["results"]), None), what="version", seconds=60
    )

    def audit() -> dict:
        found = administrator.get("/audits", version=version["id"])["results"]
        return administrator.get(f"/audits/{found[0]['id']}") if found else {}

    wait(lambda: audit().get("checks"), what="the first concluded check", seconds=120)
    assert audit()["state"] == "running"
    os.kill(platform.pid("site-phantom-1"), signal.SIGKILL)
    for program in ("coordinator", "inbox"):
        os.killpg(platform.pid(program), signal.SIGKILL)
    ended = wait(lambda: (a := audit())["state"] != "running" and a, what="the audit to end", seconds=180)
    assert ended["state"] == "finished", ended["stop_reason"]
    names = [check["check_id"] for check in ended["checks"]]
    assert sorted(names) == sorted(POLICY)
    assert not [check for check in ended["checks"] if "error" in check["evidence"]]


def test_kill_9_of_the_coordinator_inbox_and_sequencer(platform):
    run = started_run(platform, "coordinator killed")
    for program in ("coordinator", "inbox", "sequencer"):
        os.killpg(platform.pid(program), signal.SIGKILL)
    assert_finished_once(platform, run)


def test_a_restart_of_redis_in_the_middle_of_a_round(platform):
    run = started_run(platform, "redis restarted")
    found = subprocess.run(["pgrep", "-f", f"{platform.name}/redis"], capture_output=True, text=True, check=True)
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    assert_finished_once(platform, run)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["restart", "kill -9"])
def test_a_restart_of_postgresql_in_the_middle_of_a_round(platform, how):
    """Connections break in the middle of transactions; what was committed stays, the rest is done again, once."""
    run = started_run(platform, f"postgresql stopped by {how.name}")
    pid_file = State(platform.name).data / "postgres" / "postmaster.pid"
    before = pid_file.read_text().split()[0]
    os.kill(int(before), how)
    wait(lambda: pid_file.exists() and pid_file.read_text().split()[0] != before, what="PostgreSQL", seconds=60)
    wait(lambda: answers(platform, run), what="the pages to answer", seconds=60)
    assert_finished_once(platform, run)


def answers(platform: Platform, run: str) -> bool:
    """Whether the platform can be asked again: while the database is away it answers with an error."""
    with contextlib.suppress(Refused, requests.RequestException):
        return bool(platform.client("administrator").get(f"/runs/{run}"))
    return False


def test_ctrl_c_stops_everything_and_the_next_start_goes_on(platform):
    run = started_run(platform, "interrupted")
    assert platform.interrupt() == 0
    left = subprocess.run(["pgrep", "-f", str(platform.var)], capture_output=True, text=True, check=False).stdout
    assert left == "", "processes were left behind"
    platform.start()
    assert_finished_once(platform, run)
