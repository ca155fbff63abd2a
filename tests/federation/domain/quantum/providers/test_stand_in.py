"""The stand-in is ours, and so it might share our misreadings: IBM's own client must be able to use it, too."""

from __future__ import annotations

import json

import pytest
import requests
from qiskit_ibm_runtime.api.exceptions import RequestsApiError
from qiskit_ibm_runtime.api.rest.runtime import Runtime
from qiskit_ibm_runtime.api.session import RetrySession

from federation.domain.quantum.providers.base import Batch, State, hand_in, open_client
from federation.domain.quantum.providers.ibm import API_VERSION
from federation.domain.quantum.providers.program import Gate, Program
from tests.factories.providers import API_KEY, BACKEND, CRN, stand_in

# q0 is 1, q1 is 0, q2 is 1
ASYMMETRIC = Program(3, (Gate("rx", (0,), 3.141592653589793), Gate("cx", (0, 2)), Gate("ry", (1,), 0.0)))
SHOTS = 10


@pytest.fixture
def server():
    with stand_in() as running:
        yield running


@pytest.fixture
def ours(server):
    return open_client("ibm", server.environment("ibm"))


@pytest.fixture
def theirs(server) -> Runtime:
    """IBM's client; its sign-in knows IBM's own address alone, so the token is fetched here."""
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": API_KEY}
    token = requests.post(f"{server.url}/identity/token", data=form, timeout=5).json()["access_token"]

    def signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
        told = {"Authorization": f"Bearer {token}", "Service-CRN": CRN, "IBM-API-Version": API_VERSION}
        request.headers.update(told)
        return request

    return Runtime(RetrySession(f"{server.url}/api/v1", retries_total=0, auth=signed))


def test_their_client_finds_follows_and_reads_what_ours_handed_in(server, ours, theirs):
    server.polls_until_done = 1
    task = hand_in(ours, [ASYMMETRIC], 0, shots=SHOTS, tag="qfl-1").task
    (listed,) = theirs.jobs_get(limit=10, job_tags=["qfl-1-0"])["jobs"]
    assert listed["id"] == task and theirs.jobs_get(job_tags=["another"])["jobs"] == []
    job = theirs.program_job(task)
    assert [job.get(exclude_params=True)["state"]["status"] for _ in range(2)] == ["Running", "Completed"]
    assert theirs.backend(BACKEND).configuration()["coupling_map"] == ours.gates["coupling_map"]
    (found,) = json.loads(job.results())["results"]
    assert {int(sample, 16) for sample in found["data"]["meas"]["samples"]} == {0b101}
    assert ours.counts(task, Batch(1, 3, SHOTS)) == [{"101": SHOTS}]


def test_ours_finds_follows_and_reads_what_their_client_handed_in(ours, theirs):
    pub = [ours.compile(ASYMMETRIC), None, SHOTS]
    params = {"pubs": [pub], "version": 2, "support_qiskit": False}
    made = theirs.program_run("sampler", BACKEND, params, job_tags=["qfl-2-0"])
    assert ours.find("qfl-2-0") == [made["id"]]
    assert ours.progress(made["id"]).state == State.DONE
    assert ours.counts(made["id"], Batch(1, 3, SHOTS)) == [{"101": SHOTS}]


def test_both_cancel_alike_and_are_refused_alike(server, ours, theirs):
    server.polls_until_done = 5
    task = hand_in(ours, [ASYMMETRIC], 0, shots=SHOTS, tag="qfl-3").task
    theirs.program_job(task).cancel()
    assert ours.progress(task).state == State.CANCELLED and ours.cancel(task) is not None
    with pytest.raises(RequestsApiError, match="terminal state"):
        theirs.program_job(task).cancel()
    with pytest.raises(RequestsApiError) as caught:
        theirs.program_job("unknown").get()
    assert caught.value.status_code == 404


def test_a_worker_can_be_told_another_version_of_the_interface(server, ours):
    ours.find("qfl-4-0")
    assert server.versions == {API_VERSION}
    open_client("ibm", server.environment("ibm") | {"IBM_QUANTUM_API_VERSION": "2027-01-01"}).find("qfl-4-0")
    assert server.versions == {API_VERSION, "2027-01-01"}
