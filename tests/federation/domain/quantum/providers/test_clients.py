"""Both clients against a server that speaks the providers' formats and runs what it gets on Aer."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from federation.domain.quantum.circuits import CircuitShape, circuit
from federation.domain.quantum.device_errors import MissingCredentials
from federation.domain.quantum.providers import errors
from federation.domain.quantum.providers.azure import AzureClient
from federation.domain.quantum.providers.base import Batch, State, hand_in, look, open_client
from federation.domain.quantum.providers.ibm import IbmClient
from federation.domain.quantum.providers.program import Gate, Program, program_of, z_values
from tests.factories.providers import Fault, stand_in

SHAPE = CircuitShape(3, 2)
SHOTS = 4000
# q0 is 1, q1 is 0, q2 is 1: a register that is read the wrong way round shows
ASYMMETRIC = Program(3, (Gate("rx", (0,), np.pi), Gate("cx", (0, 2)), Gate("ry", (1,), 0.0)))
PROVIDERS = ("ibm", "azure")


@pytest.fixture
def server():
    with stand_in() as running:
        yield running


def client_of(server, provider: str):
    return open_client(provider, server.environment(provider))


def submit_once(client, programs, *, shots: int, tag: str) -> list[str]:
    """All tasks of the programs, one after the other."""
    handed = [hand_in(client, programs, 0, shots=shots, tag=tag)]
    while len(handed) < handed[0].total:
        handed.append(hand_in(client, programs, len(handed), shots=shots, tag=tag))
    assert sum(each.circuits for each in handed) == len(programs)
    return [each.task for each in handed]


def vqc(seed: int) -> tuple[Program, np.ndarray]:
    """The platform's circuit at random angles, and its exact expectation values."""
    rng = np.random.default_rng(seed)
    angles, weights = rng.uniform(-3, 3, SHAPE.n_qubits), rng.uniform(-3, 3, SHAPE.weight_shape)
    with qml.queuing.AnnotatedQueue() as queue:
        circuit(angles, weights, shape=SHAPE)
    tape = qml.tape.QuantumScript.from_queue(queue)
    (exact,) = qml.execute([tape], qml.device("default.qubit", wires=SHAPE.n_qubits))
    return program_of(tape, SHAPE.n_qubits), np.array(exact)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_measured_is_what_the_circuit_says(server, provider):
    client = client_of(server, provider)
    made = [vqc(seed) for seed in range(3)]
    programs = [program for program, _ in made]
    tasks = submit_once(client, programs, shots=SHOTS, tag="qfl-1")
    counts = []
    for task, size in zip(tasks, [3] if provider == "ibm" else [1, 1, 1], strict=True):
        assert client.progress(task).state == State.DONE
        counts += client.counts(task, Batch(size, 3, SHOTS))
    exact = np.array([values for _, values in made])
    assert np.abs(z_values(counts, 3) - exact).max() < 5 / np.sqrt(SHOTS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_first_letter_is_wire_0(server, provider):
    client = client_of(server, provider)
    (task,) = submit_once(client, [ASYMMETRIC], shots=10, tag="qfl-2")
    client.progress(task)
    assert client.counts(task, Batch(1, 3, 10)) == [{"101": 10}]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_worker_that_died_after_handing_in_does_not_hand_in_again(server, provider):
    part = "/jobs"
    method = "POST" if provider == "ibm" else "PUT"
    server.faults.append(Fault(part, method=method, after=True, drop=True))
    with pytest.raises(errors.Unreachable):
        submit_once(client_of(server, provider), [ASYMMETRIC], shots=10, tag="qfl-3")
    assert len(server.jobs) == 1
    tasks = submit_once(client_of(server, provider), [ASYMMETRIC], shots=10, tag="qfl-3")
    assert tasks == list(server.jobs) and server.sent(method, part) == 1
    assert submit_once(client_of(server, provider), [ASYMMETRIC], shots=10, tag="qfl-4") != tasks


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_task_waits_runs_and_can_be_cancelled_once(server, provider):
    server.polls_until_done = 2
    client = client_of(server, provider)
    (task,) = submit_once(client, [ASYMMETRIC], shots=10, tag="qfl-5")
    assert client.progress(task).state == State.RUNNING
    assert client.cancel(task) is None
    assert client.progress(task).state == State.CANCELLED
    assert isinstance(client.cancel(task), errors.RequestRefused)  # has ended: nothing to do, no error


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_word_for_a_task_that_is_new_to_us_gives_nothing_up(server, provider):
    server.polls_until_done = 2
    client = client_of(server, provider)
    (task,) = submit_once(client, [ASYMMETRIC], shots=10, tag="qfl-5")
    server.jobs[task]["status"] = "Being inspected"
    found = client.progress(task)
    assert (found.state, found.known) == (State.RUNNING, False) and "'Being inspected'" in found.note
    server.jobs[task]["status"] = None
    with pytest.raises(errors.MalformedAnswer, match="status"):
        client.progress(task)


def test_ibm_says_behind_a_dash_why_it_cancelled(server):
    client = client_of(server, "ibm")
    (task,) = submit_once(client, [ASYMMETRIC], shots=10, tag="qfl-5")
    server.jobs[task]["status"] = "Cancelled - Ran too long"
    assert client.progress(task).state == State.CANCELLED


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_failed_task_says_why(server, provider):
    server.fails = True
    client = client_of(server, provider)
    (task,) = submit_once(client, [ASYMMETRIC], shots=10, tag="qfl-6")
    found = client.progress(task)
    assert found.state == State.FAILED and ("calibration" in found.note or "ions" in found.note)
    assert look(client, [task], set()) == found


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ({"status": 401}, errors.AccessRefused, "Renew the key"),
        ({"status": 403}, errors.AccessRefused, "Renew the key"),
        ({"status": 404}, errors.NotFound, "Check the names"),
        ({"status": 400}, errors.RequestRefused, "refused again"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, errors.RequestRefused, "refused again"),
        ({"status": 429, "headers": {"Retry-After": "7"}}, errors.TooManyRequests, "asked again"),
        ({"status": 503}, errors.Unreachable, "asked again"),
        ({"status": 408}, errors.Unreachable, "asked again"),
        ({"status": 425}, errors.Unreachable, "asked again"),
        ({"status": 200, "body": b"<html>"}, errors.MalformedAnswer, "format"),
        ({"status": 200, "body": b"[]"}, errors.MalformedAnswer, "format"),
        ({"status": 200, "body": b'{"id": "x", "state": {"status": 7}, "status": 7}'},
         errors.MalformedAnswer, "format"),
        ({"drop": True}, errors.Unreachable, "asked again"),
    ],
)  # fmt: skip
def test_each_fault_is_an_error_of_its_own_that_says_what_to_do(server, provider, fault, kind, says):
    client = client_of(server, provider)
    (task,) = submit_once(client, [ASYMMETRIC], shots=10, tag="qfl-7")
    server.faults.append(Fault("/jobs/", **fault))
    with pytest.raises(kind) as caught:
        client.progress(task)
    assert says in str(caught.value) and caught.value.device == provider
    if kind is errors.TooManyRequests:
        assert caught.value.retry_after_seconds == 7
    assert client.progress(task).state == State.DONE  # the next question is answered


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("batch", [Batch(2, 3, 10), Batch(1, 2, 10), Batch(1, 3, 11)])
def test_a_result_that_is_not_what_was_asked_is_refused(server, provider, batch):
    client = client_of(server, provider)
    (task,) = submit_once(client, [ASYMMETRIC], shots=10, tag="qfl-8")
    client.progress(task)
    with pytest.raises(errors.MalformedAnswer):
        client.counts(task, batch)


def test_probabilities_of_an_ideal_simulator_are_not_taken_for_counts(server):
    client = client_of(server, "azure")
    (task,) = submit_once(client, [ASYMMETRIC], shots=10, tag="qfl-9")
    server.blobs[f"/storage/job-{task}/rawOutputData"] = b'{"histogram": {"0": 0.333, "1": 0.667}}'
    client.progress(task)
    with pytest.raises(errors.MalformedAnswer, match="probabilities"):
        client.counts(task, Batch(1, 3, 10))


def test_a_slow_provider_is_given_up(server):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = IbmClient(token="t", instance="c", backend="b", url=address, iam_url=address, timeout=(0.2, 0.05))
        with pytest.raises(errors.Unreachable, match="Timeout"):
            client.progress("x")


def test_a_wrong_key_is_told_apart(server):
    environment = server.environment("ibm") | {"IBM_QUANTUM_TOKEN": "wrong"}
    with pytest.raises(errors.AccessRefused, match="IBM_QUANTUM_TOKEN"):
        open_client("ibm", environment).progress("x")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_credentials_come_from_the_environment_and_appear_in_no_error(server, provider):
    with pytest.raises(MissingCredentials, match="QUANTUM"):
        open_client(provider, {})
    client = client_of(server, provider)
    server.faults.append(Fault("", status=401))
    with pytest.raises(errors.AccessRefused) as caught:
        client.progress("x")
    assert "key-of-the-test" not in str(caught.value)


@pytest.mark.parametrize(
    ("connection", "target", "says"),
    [
        ("nonsense", "ionq.qpu", "connection string"),
        ("SubscriptionId=s;ResourceGroupName=g;WorkspaceName=w;ApiKey=k;QuantumEndpoint=http://example.org/;", "ionq.x",
         "https"),
        ("SubscriptionId=s;ResourceGroupName=g;WorkspaceName=w;ApiKey=k;QuantumEndpoint=https://example.org/;",
         "rigetti.x", "IonQ"),
    ],
)  # fmt: skip
def test_a_workspace_that_cannot_be_used_is_refused_before_anything_is_sent(connection, target, says):
    with pytest.raises(errors.RequestRefused, match=says):
        AzureClient(connection=connection, target=target)


def test_a_local_device_has_no_client():
    with pytest.raises(ValueError, match="runs here"):
        open_client("aer", {})
