"""What Azure alone has: a storage that wants a container first, signed addresses, and mitigation that is on unasked."""

from __future__ import annotations

import json
import traceback

import numpy as np
import pytest

from federation.domain.quantum.providers import errors
from federation.domain.quantum.providers.azure import AzureClient, name_of
from federation.domain.quantum.providers.base import Batch, State, collect, hand_in, look, open_client
from federation.domain.quantum.providers.program import Gate, Program
from federation.domain.quantum.providers.wire import checked_url
from tests.factories.providers import Fault, stand_in

PROGRAM, COUNTS = Program(2, (Gate("rx", (0,), np.pi),)), {"10": 10}
CONNECTION = "SubscriptionId=s;ResourceGroupName=g;WorkspaceName=w;ApiKey=k;QuantumEndpoint={};"


@pytest.fixture
def server():
    with stand_in() as running:
        yield running


@pytest.fixture
def client(server):
    return open_client("azure", server.environment("azure"))


def submitted(client, n: int = 1) -> list[str]:
    return [hand_in(client, [PROGRAM] * n, number, shots=10, tag="qfl").task for number in range(n)]


# --- handing in ------------------------------------------------------------------------------------------------------


def test_a_job_has_a_container_that_is_made_first(server, client):
    (task,) = submitted(client)
    assert server.containers == {f"job-{task}"}
    put = [path for verb, path in server.requests if verb == "PUT"]
    assert "restype=container&" in put[0] and "sig=test" in put[0] and "/inputData?" in put[1] and "/jobs/" in put[2]


def test_a_container_that_is_there_already_is_used(server, client):
    server.containers.add(f"job-{name_of('qfl-0')}")  # a worker made it and died
    assert submitted(client) == list(server.jobs)


@pytest.mark.parametrize(("status", "kind"), [(400, errors.RequestRefused), (403, errors.AccessRefused)])
def test_a_container_that_cannot_be_made_hands_nothing_in(server, client, status, kind):
    server.faults.append(Fault("restype=container", status=status))
    with pytest.raises(kind):
        submitted(client)
    assert not server.jobs and not server.blobs


def test_mitigation_at_the_provider_is_switched_off(server, client):
    """It is on by default on some machines, is charged several times as much, and answers with no counts."""
    (task,) = submitted(client)
    assert server.jobs[task]["inputParams"] == {"shots": 10, "error-mitigation": {"debias": False}}


# --- results ---------------------------------------------------------------------------------------------------------


def test_a_place_without_a_signature_is_signed_first(server, client):
    (task,) = submitted(client)
    server.signs_results = False
    assert client.progress(task).state == State.DONE
    assert client.counts(task, Batch(1, 2, 10)) == [COUNTS]
    assert server.sent("POST", "/storage/sasUri") == 2  # the container's, and this one


@pytest.mark.parametrize("place", ["another/rawOutputData", "job-{}/", "job-{}"])
def test_an_unsigned_place_elsewhere_is_not_opened(server, client, place):
    (task,) = submitted(client)
    job = {"id": task, "status": "Succeeded", "inputParams": {"shots": 10},
           "outputDataUri": f"{server.url}/storage/{place.format(task)}"}  # fmt: skip
    server.faults.append(Fault("/jobs/", method="GET", status=200, body=json.dumps(job).encode()))
    with pytest.raises(errors.MalformedAnswer, match="container of the job"):
        client.counts(task, Batch(1, 2, 10))
    assert server.sent("POST", "/storage/sasUri") == 1


# --- many tasks and few requests -------------------------------------------------------------------------------------


def test_a_look_that_was_cut_off_goes_on_where_it_stopped(server, client):
    tasks, done = submitted(client, 5), set()
    server.allowed = 3
    with pytest.raises(errors.TooManyRequests):
        look(client, tasks, done)
    assert done == set(tasks[:3])
    server.allowed = 2
    assert look(client, tasks, done).state == State.DONE and done == set(tasks)


def test_a_look_tells_how_many_are_done(server, client):
    tasks, done = submitted(client, 3), set()
    server.jobs[tasks[1]]["waits"] = 9
    found = look(client, tasks, done)
    assert (found.state, found.note, done) == (State.RUNNING, "1 of 3 tasks done", {tasks[0]})
    server.jobs[tasks[1]]["status"] = "Failed"
    assert look(client, tasks, done).state == State.FAILED


def test_what_was_fetched_is_not_fetched_again(server, client):
    tasks = submitted(client, 4)
    look(client, tasks, set())
    server.allowed = 5  # two a task
    with pytest.raises(errors.TooManyRequests):
        collect(client, tasks, 4, n_qubits=2, shots=10)
    server.allowed = 4
    assert collect(client, tasks, 4, n_qubits=2, shots=10) == [COUNTS] * 4
    server.allowed = None
    before = len(server.requests)
    collect(client, tasks, 4, n_qubits=2, shots=10)
    assert len(server.requests) == before + 8, "kept beyond the run"


# --- no secrets in errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "told"),
    [("http://me:hidden@example.org/x?sig=hidden", "http://example.org"), ("hidden-without-a-scheme", "no scheme://"),
     ("ftp://example.org:21/hidden", "ftp://example.org")],
)  # fmt: skip
def test_an_address_that_is_refused_is_not_repeated(url, told):
    with pytest.raises(errors.RequestRefused) as caught:
        checked_url("azure", url)
    assert f"got {told}." in str(caught.value) and "hidden" not in str(caught.value)
    with pytest.raises(errors.RequestRefused) as caught:
        AzureClient(connection=CONNECTION.format(url), target="ionq.x")
    assert "hidden" not in str(caught.value)


def test_a_broken_connection_does_not_tell_the_signed_address(server, client):
    (task,) = submitted(client)
    job = {"id": task, "status": "Succeeded", "inputParams": {"shots": 10},
           "outputDataUri": "http://127.0.0.1:1/job?se=1&sig=hidden"}  # fmt: skip
    server.faults.append(Fault("/jobs/", method="GET", status=200, body=json.dumps(job).encode()))
    with pytest.raises(errors.Unreachable) as caught:
        client.counts(task, Batch(1, 2, 10))
    assert "hidden" not in "".join(traceback.format_exception(caught.value))
