"""A server on this machine that speaks the wire formats of IBM Quantum and Azure Quantum, faults included.

What is handed in is read off the wire (OpenQASM 3 or IonQ's JSON) and run on Qiskit Aer, so a circuit that was written
down wrongly gives wrong counts. Nothing leaves the machine.
"""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.factories.provider_circuits import BASIS, read_ionq, read_qasm3, run_gates

API_KEY, CRN, BACKEND = "key-of-the-test", "crn:v1:test:public:quantum-computing:here:a/1:2::", "ibm_test"
COUPLING = [[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2], [3, 4], [4, 3]]
SIGNATURE = "sv=2021-12-02&se=2099-01-01T00%3A00%3A00Z&sig=test"
WORKSPACE = "/subscriptions/s-1/resourceGroups/g/providers/Microsoft.Quantum/workspaces/w"


@dataclass
class Fault:
    """The answer to the next request whose path contains `part`, instead of the true one.

    `after` carries the request out first, and then answers wrongly: what a broken connection does.
    """

    part: str
    status: int = 500
    body: bytes = b'{"errors": [{"code": 1, "message": "The stand-in was told to fail", "solution": "Try again"}]}'
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""
    after: bool = False
    drop: bool = False  # close the connection without an answer
    skip: int = 0  # so many such requests are answered truly first

    def strikes(self, method: str, path: str) -> bool:
        if self.part not in path or self.method not in {"", method}:
            return False
        self.skip -= 1
        return self.skip < 0


@dataclass
class StandIn:
    """The state of both providers. Tests read and change it."""

    url: str = ""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    containers: set[str] = field(default_factory=set)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)  # of IBM's interface that were asked for
    allowed: int | None = None  # so many GETs are answered, the others with 429
    signs_results: bool = True  # else Azure names the place of a result without a signature
    polls_until_done: int = 0  # each look at a job takes one away from what it still waits
    fails: bool = False  # jobs end in failure
    readout_error: float = 0.0  # share of bits that Aer is told to flip when it reads

    def environment(self, provider: str) -> dict[str, str]:
        if provider == "ibm":
            return {
                "IBM_QUANTUM_TOKEN": API_KEY, "IBM_QUANTUM_INSTANCE": CRN, "IBM_QUANTUM_BACKEND": BACKEND,
                "IBM_QUANTUM_URL": f"{self.url}/api/v1", "IBM_IAM_URL": self.url,
            }  # fmt: skip
        connection = (
            f"SubscriptionId=s-1;ResourceGroupName=g;WorkspaceName=w;ApiKey={API_KEY};QuantumEndpoint={self.url}/;"
        )
        return {"AZURE_QUANTUM_CONNECTION_STRING": connection, "AZURE_QUANTUM_TARGET": "ionq.qpu.test"}

    def sent(self, method: str, part: str) -> int:
        """How often such a request came."""
        return sum(1 for verb, path in self.requests if verb == method and part in path)


@contextmanager
def stand_in():
    """The server, running while the block runs."""
    state = StandIn()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    state: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.state.requests.append((self.command, self.path))
        fault = next((f for f in self.state.faults if f.strikes(self.command, self.path)), None)
        if fault is not None:
            self.state.faults.remove(fault)
            if fault.after:
                self._route(body)
            if fault.drop:
                self.close_connection = True
                return
            self._send(fault.status, fault.body, fault.headers)
            return
        if self.command == "GET" and self.state.allowed is not None:
            if not self.state.allowed:
                self._send(429, b"{}", {"Retry-After": "1"})
                return
            self.state.allowed -= 1
        try:
            status, answer = self._route(body)
        except Refused as error:
            status, answer = error.status, {"errors": [{"code": error.status, "message": str(error)}]}
        self._send(status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), {})

    do_GET = do_POST = do_PUT = _answer

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _route(self, body: bytes) -> tuple[int, Any]:
        parts = urlsplit(self.path)
        if parts.path == "/identity/token":
            form = parse_qs(body.decode())
            if form.get("apikey") != [API_KEY]:
                raise Refused(400, "Provided API key could not be found.")
            return 200, {"access_token": "token-of-an-hour", "expires_in": 3600, "token_type": "Bearer"}
        if parts.path.startswith("/api/v1"):
            if self.headers.get("Authorization") != "Bearer token-of-an-hour" or self.headers.get("Service-CRN") != CRN:
                raise Refused(401, "The token is not valid")
            self.state.versions.add(self.headers["IBM-API-Version"])
            return self._ibm(parts.path.removeprefix("/api/v1"), parse_qs(parts.query), body)
        if parts.path.startswith(WORKSPACE):
            if self.headers.get("x-ms-quantum-api-key") != API_KEY:
                raise Refused(401, "Access denied")
            assert "api-version" in parts.query
            return self._azure(parts.path.removeprefix(WORKSPACE), body)
        if parts.path.startswith("/storage/"):
            if "sig=test" not in parts.query:
                raise Refused(403, "The address is not signed")
            return self._storage(parts.path, parts.query, body)
        raise Refused(404, f"No such path: {parts.path}")

    def _ibm(self, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any]:
        if path == f"/backends/{BACKEND}/configuration":
            return 200, {"backend_name": BACKEND, "n_qubits": 5, "basis_gates": BASIS, "coupling_map": COUPLING}
        if path == "/jobs" and self.command == "GET":
            wanted = set(query.get("tags", []))
            found = [_ibm_job(job) for job in self.state.jobs.values() if wanted <= set(job["tags"])]
            return 200, {"jobs": found, "count": len(found), "limit": 10, "offset": 0}
        if path == "/jobs":
            asked = json.loads(body)
            assert (asked["program_id"], asked["backend"], asked["params"]["version"]) == ("sampler", BACKEND, 2)
            name = f"job-{uuid.uuid4().hex}"
            self.state.jobs[name] = {
                "id": name, "tags": asked["tags"], "pubs": asked["params"]["pubs"],
                "waits": self.state.polls_until_done, "status": "Queued",
            }  # fmt: skip
            return 200, {"id": name, "backend": BACKEND}
        name, _, verb = path.removeprefix("/jobs/").partition("/")
        job = self._job(name)
        if verb == "cancel":
            if job["status"] not in {"Queued", "Running"}:
                raise Refused(409, "Job already in terminal state")
            job["status"] = "Cancelled"
            return 204, b""
        if verb == "results":
            results = []
            for text, _, shots in job["pubs"]:
                counts = run_gates(*read_qasm3(text), shots=shots, readout_error=self.state.readout_error)
                samples = [hex(int(bits[::-1], 2)) for bits, times in counts.items() for _ in range(times)]
                results.append(
                    {"data": {"meas": {"samples": samples, "num_bits": len(next(iter(counts)))}}, "metadata": {}}
                )
            return 200, {"results": results, "metadata": {"version": 2}}
        self._tick(job, "Queued", "Running", "Failed" if self.state.fails else "Completed")
        return 200, _ibm_job(job)

    def _azure(self, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/storage/sasUri":
            asked = json.loads(body)  # signs whatever there is, or is not
            place = "/".join(filter(None, (asked["containerName"], asked.get("blobName"))))
            return 200, {"sasUri": f"{self.state.url}/storage/{place}?{SIGNATURE}"}
        name = path.removeprefix("/jobs/")
        if name.endswith(":cancel"):
            job = self._job(name.removesuffix(":cancel"))
            if job["status"] in {"Succeeded", "Failed", "Cancelled"}:
                raise Refused(409, "The job has ended")
            job["status"] = "Cancelled"
            return 200, {}
        if self.command == "PUT":
            asked = json.loads(body)
            assert (asked["id"], asked["itemType"], asked["inputDataFormat"]) == (name, "Job", "ionq.circuit.v1")
            assert asked["inputParams"]["error-mitigation"] == {"debias": False}, "charged several times the estimate"
            if name in self.state.jobs:
                raise Refused(409, "A job with this id exists")
            self.state.jobs[name] = {**asked, "status": "Waiting", "waits": self.state.polls_until_done}
        job = self._job(name)
        if self.command == "GET":
            self._tick(job, "Waiting", "Executing", "Failed" if self.state.fails else "Succeeded")
        shown = {key: value for key, value in job.items() if key != "waits"}
        if job["status"] == "Succeeded":
            self._finish(job)
            signed = f"?{SIGNATURE}" if self.state.signs_results else ""
            shown["outputDataUri"] = f"{self.state.url}/storage/job-{name}/rawOutputData{signed}"
        if job["status"] == "Failed":
            shown["errorData"] = {"code": "Broken", "message": "The ions fell out of the trap"}
        return 200, shown

    def _finish(self, job: dict[str, Any]) -> None:
        place, shots = f"/storage/job-{job['id']}", job["inputParams"]["shots"]
        if f"{place}/rawOutputData" in self.state.blobs:
            return
        n_qubits, gates = read_ionq(json.loads(self.state.blobs[f"{place}/inputData"]))
        counts = run_gates(n_qubits, gates, shots=shots, readout_error=self.state.readout_error)
        histogram = {str(int(bits[::-1], 2)): times / shots for bits, times in counts.items()}
        self.state.blobs[f"{place}/rawOutputData"] = json.dumps({"histogram": histogram}).encode()

    def _storage(self, path: str, query: str, body: bytes) -> tuple[int, Any]:
        assert self.headers.get("x-ms-version")
        container = path.split("/")[2]
        if parse_qs(query).get("restype") == ["container"]:
            if container in self.state.containers:
                raise Refused(409, "ContainerAlreadyExists")
            self.state.containers.add(container)
            return 201, b""
        if container not in self.state.containers:
            raise Refused(404, "ContainerNotFound")
        if self.command == "PUT":
            assert self.headers.get("x-ms-blob-type") == "BlockBlob"
            self.state.blobs[path] = body
            return 201, b""
        if path not in self.state.blobs:
            raise Refused(404, "BlobNotFound")
        return 200, self.state.blobs[path]

    def _job(self, name: str) -> dict[str, Any]:
        if name not in self.state.jobs:
            raise Refused(404, f"Job {name} not found")
        return self.state.jobs[name]

    def _tick(self, job: dict[str, Any], waiting: str, running: str, ended: str) -> None:
        """Looking at a job moves it on."""
        if job["status"] not in {waiting, running}:
            return
        job["waits"] -= 1
        job["status"] = ended if job["waits"] < 0 else running


def _ibm_job(job: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = {"status": job["status"]}
    if job["status"] == "Failed":
        state |= {"reason": "The machine lost its calibration", "reason_code": 1517, "reason_solution": "Run it again"}
    return {"id": job["id"], "backend": BACKEND, "state": state, "status": job["status"], "tags": job["tags"],
            "program": {"id": "sampler"}, "created": "2026-01-01T00:00:00Z"}  # fmt: skip
