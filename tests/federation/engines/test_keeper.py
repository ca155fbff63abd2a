"""The keeper gives each client that may work one job, and another if it lost the first; who may not work gets none."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from federation.engines.flare_admin import HEARD_SECONDS, PATIENCE_SECONDS, Keeper


class Server:
    """FLARE's server as an administrator sees it."""

    def __init__(self) -> None:
        self.clients: dict[str, float] = {}
        self.jobs: dict[str, dict] = {}
        self.held: dict[str, set[str]] = {}
        self.aborted: list[str] = []
        self.submitted = 0
        self.without_process: set[str] = set()

    def get_system_info(self):
        heard = [SimpleNamespace(name=name, last_connect_time=at) for name, at in self.clients.items()]
        return SimpleNamespace(client_info=heard, job_info=[SimpleNamespace(job_id=job) for job in self.here()])

    def here(self) -> set[str]:
        """Jobs that have a process at the server."""
        return {name for name, job in self.jobs.items() if job["status"] == "RUNNING"} - self.without_process

    def get_client_job_status(self):
        return [{"client_name": name, "job_id": job} for name, jobs in self.held.items() for job in jobs]

    def list_jobs(self, name_prefix):
        return [job for job in self.jobs.values() if job["job_name"].startswith(name_prefix)]

    def submit_job(self, path):
        self.submitted += 1
        number = f"job{self.submitted}"
        self.jobs[number] = {"job_id": number, "job_name": path.rpartition("/")[2], "status": "RUNNING"}

    def abort_job(self, job):
        self.aborted.append(job)
        self.jobs[job]["status"] = "FINISHED:ABORTED"

    def delete_job(self, job):
        del self.jobs[job]


@pytest.fixture
def kept(tmp_path):
    (tmp_path / "sites.json").write_text(json.dumps({"north": "north", "south": "south"}))
    clock = [1000.0]
    return Server(), Keeper(tmp_path, lambda: clock[0]), clock


def test_a_client_is_given_one_job_once_it_is_there(kept):
    server, keeper, clock = kept
    assert keeper.look(server)["sites"]["north"] == {"state": "away", "heard": None}
    server.clients = {"north": clock[0]}
    for _ in range(3):
        assert keeper.look(server)["sites"]["north"]["state"] == "starting"
    assert [job["job_name"] for job in server.jobs.values()] == ["relay-north"]
    server.held = {"north": {"job1"}}
    assert keeper.look(server)["sites"]["north"]["state"] == "working"
    clock[0] += HEARD_SECONDS + 1
    assert keeper.look(server)["sites"]["north"]["state"] == "away"


def test_a_client_that_came_back_without_its_job_is_given_another(kept):
    server, keeper, clock = kept
    server.clients = {"north": clock[0]}
    keeper.look(server)
    keeper.look(server)  # missing, but perhaps it only starts
    assert server.aborted == []
    clock[0] += PATIENCE_SECONDS + 1
    keeper.look(server)
    assert server.aborted == ["job1"] and server.submitted == 2
    keeper.look(server)
    assert [job["status"] for job in server.jobs.values()] == ["RUNNING"] and "job1" not in server.jobs


def test_a_job_that_its_server_did_not_survive_is_replaced_though_the_store_calls_it_running(kept):
    server, keeper, clock = kept
    server.clients, server.held = {"north": clock[0]}, {"north": {"job1"}}
    keeper.look(server)
    assert keeper.look(server)["sites"]["north"]["state"] == "working"
    server.without_process = {"job1"}
    server.abort_job = lambda job: None  # it finds nothing to abort
    keeper.look(server)
    clock[0] += PATIENCE_SECONDS + 1
    server.clients = {"north": clock[0]}
    assert keeper.look(server)["sites"]["north"]["state"] == "starting"
    assert server.submitted == 2 and keeper.look(server)["sites"]["north"]["state"] == "starting"
    server.held = {"north": {"job2"}}
    assert keeper.look(server)["sites"]["north"]["state"] == "working" and server.submitted == 2


def test_who_may_not_work_loses_its_job_gets_none_and_is_named(kept):
    server, keeper, clock = kept
    server.clients = {"north": clock[0], "north-2": clock[0]}
    server.jobs = {"old": {"job_id": "old", "job_name": "relay-north-2", "status": "RUNNING"}}
    assert keeper.look(server)["unknown"] == ["north-2"]
    assert server.aborted == ["old"]
    keeper.look(server)
    assert [job["job_name"] for job in server.jobs.values()] == ["relay-north"]
