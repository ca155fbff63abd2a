"""Azure Quantum: jobs of a workspace over its public REST interface [1]_, for the targets of IonQ.

The official SDK accepts a connection string for Microsoft's own addresses alone, so this is a client of our own. A job
is named by its client: the same key makes the same name, and that is what keeps one from being handed in twice.
Input and result lie in the workspace's storage, to which the service hands out signed addresses: in a container of the
job's own, which its client makes.

References
----------
.. [1] https://learn.microsoft.com/rest/api/azurequantum
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from federation.domain.quantum.devices import find
from federation.domain.quantum.providers.base import Batch, Progress, State, checked
from federation.domain.quantum.providers.errors import MalformedAnswer, NotFound, RequestRefused
from federation.domain.quantum.providers.program import Counts, Program, to_ionq
from federation.domain.quantum.providers.wire import TIMEOUT_SECONDS, Wire, checked_url

API_VERSION = "2026-01-15-preview"
STORAGE_VERSION = "2021-12-02"
KEYS = uuid.UUID("5a1d3f5e-5f5b-4b0e-9b43-6b1f4c1f4a77")  # names of our jobs are made in this space
_CONNECTION = re.compile(
    r"SubscriptionId=(?P<subscription>[^\s;]+);ResourceGroupName=(?P<group>[^\s;]+);WorkspaceName=(?P<workspace>[^\s;]+);"
    r"ApiKey=(?P<key>[^\s;]+);QuantumEndpoint=(?P<endpoint>[^\s;]+);?",
    re.IGNORECASE,
)
_STATES = {
    "waiting": State.WAITING,
    "queued": State.WAITING,
    "executing": State.RUNNING,
    "finishing": State.RUNNING,
    "cancellationrequested": State.RUNNING,
    "cancelling": State.RUNNING,
    "succeeded": State.DONE,
    "completed": State.DONE,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}


class AzureClient:
    """One target of one workspace.

    Parameters
    ----------
    connection : str
        Connection string of the workspace: subscription, resource group, name, API key and address.
    target : str
        Such as ``ionq.simulator``; the part before the dot is the provider.
    """

    def __init__(self, *, connection: str, target: str, timeout: tuple[float, float] = TIMEOUT_SECONDS) -> None:
        spec = find("azure")
        self.device, self.machine, self.max_programs = spec.name, target, spec.max_circuits_per_job or 1
        found = _CONNECTION.fullmatch(connection.strip())
        if found is None:
            raise RequestRefused(
                self.device, expected="a connection string of an Azure Quantum workspace", got="something else",
                remedy="Copy it from the workspace's page “Access keys” into AZURE_QUANTUM_CONNECTION_STRING.",
            )  # fmt: skip
        if not target.startswith("ionq."):
            raise RequestRefused(
                self.device, expected="a target of IonQ, such as ionq.simulator", got=repr(target),
                remedy="Set AZURE_QUANTUM_TARGET; other providers' formats are not spoken here.",
            )  # fmt: skip
        self._key = found["key"]
        self._workspace = (
            f"{checked_url(self.device, found['endpoint'])}/subscriptions/{found['subscription']}"
            f"/resourceGroups/{found['group']}/providers/Microsoft.Quantum/workspaces/{found['workspace']}"
        )
        self._wire = Wire(self.device, timeout=timeout)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> AzureClient:
        return cls(
            connection=environ["AZURE_QUANTUM_CONNECTION_STRING"],
            target=environ["AZURE_QUANTUM_TARGET"],
        )

    def find(self, key: str) -> list[str]:
        try:
            return [str(self._job(name_of(key))["id"])]
        except NotFound:
            return []

    def submit(self, programs: Sequence[Program], *, shots: int, key: str) -> str:
        if len(programs) != 1:
            raise ValueError(f"expected one program a task, got {len(programs)}")
        name = name_of(key)
        container = self._signed(_container(name))
        self._make(container)
        parts = urlsplit(container)
        blob = urlunsplit(parts._replace(path=f"{parts.path}/inputData"))
        self._storage(
            "PUT", blob, data=json.dumps(to_ionq(programs[0])).encode(),
            headers={"x-ms-blob-type": "BlockBlob", "Content-Type": "application/json"},
        )  # fmt: skip
        body = {
            "id": name,
            "name": key,
            "itemType": "Job",
            "providerId": "ionq",
            "target": self.machine,
            "containerUri": container,
            "inputDataUri": urlunsplit(urlsplit(blob)._replace(query="")),
            "inputDataFormat": "ionq.circuit.v1",
            # Some machines debias unless told not to, at several times the price that was estimated, and then answer
            # with means over variants of the circuit instead of counts.
            "inputParams": {"shots": shots, "error-mitigation": {"debias": False}},
            "outputDataFormat": "ionq.quantum-results.v1",
        }
        return self._id_of(self._json("PUT", f"/jobs/{name}", body))

    def progress(self, task: str) -> Progress:
        job = self._job(task)
        status = job.get("status")
        if not isinstance(status, str) or not status:
            raise self._wire.malformed("the status of the job", repr(status)[:60])
        if status.lower() not in _STATES:
            return Progress.unknown(status)
        failed = job.get("errorData")
        return Progress(
            _STATES[status.lower()], str(failed.get("message", ""))[:400] if isinstance(failed, dict) else ""
        )

    def counts(self, task: str, batch: Batch) -> list[Counts]:
        job = self._job(task)
        uri, asked = job.get("outputDataUri"), job.get("inputParams")
        if not isinstance(uri, str):
            raise self._wire.malformed("the address of the result", repr(uri)[:60])
        if not isinstance(asked, dict) or asked.get("shots") != batch.shots:
            raise self._wire.malformed(f"a job of {batch.shots} shots", repr(asked)[:60])
        histogram = self._wire.parse(self._storage("GET", self._readable(task, uri)))
        try:
            shares = {int(state): float(share) for state, share in histogram["histogram"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._wire.malformed("a histogram", repr(histogram)[:60]) from error
        return checked(self.device, [self._counts(shares, batch)], batch)

    def cancel(self, task: str) -> RequestRefused | None:
        try:
            self._call("POST", f"/jobs/{task}:cancel")
        except RequestRefused as error:
            return error
        return None

    def _counts(self, shares: Mapping[int, float], batch: Batch) -> Counts:
        """Counts of shots; the histogram has shares, and its numbers' lowest bit is wire 0.

        A machine's shares are whole numbers of shots. The provider's simulator answers with probabilities, which are
        not a sample, so they are refused rather than rounded into one.
        """
        found: Counts = {}
        for state, share in shares.items():
            times = round(share * batch.shots)
            if abs(times - share * batch.shots) > 1e-3:
                raise MalformedAnswer(
                    self.device, expected="shares that are whole numbers of shots",
                    got=f"{share} of {batch.shots} shots",
                    remedy="An ideal simulator answers with probabilities: name a machine, or a simulator with noise.",
                )  # fmt: skip
            if times and 0 <= state < 2**batch.n_qubits:
                found[format(state, f"0{batch.n_qubits}b")[::-1]] = times
        return found

    def _make(self, container: str) -> None:
        """Make the container: an address is signed whether there is one or not."""
        parts = urlsplit(container)
        try:
            self._storage("PUT", urlunsplit(parts._replace(query=f"restype=container&{parts.query}")))
        except RequestRefused as error:
            if error.status != 409:  # made by a worker that then died
                raise

    def _readable(self, task: str, uri: str) -> str:
        """The address of a result, signed: as it came, or else by the service.

        Raises
        ------
        MalformedAnswer
            If it is unsigned and not in the job's own container: nothing else is asked to be opened.
        """
        checked_url(self.device, uri)
        parts = urlsplit(uri)
        if {"se", "sig"} <= set(parse_qs(parts.query)):
            return uri
        _, found, blob = parts.path.partition(f"/{_container(task)}/")
        if not found or not blob:
            raise self._wire.malformed("a result in the container of the job", f"one at {parts.hostname} elsewhere")
        return self._signed(_container(task), unquote(blob))

    def _job(self, task: str) -> dict[str, Any]:
        job = self._json("GET", f"/jobs/{task}")
        self._id_of(job)
        return job

    def _signed(self, container: str, blob: str = "") -> str:
        asked = {"containerName": container, **({"blobName": blob} if blob else {})}
        answer = self._json("POST", "/storage/sasUri", asked)
        uri = answer.get("sasUri") if isinstance(answer, dict) else None
        if not isinstance(uri, str):
            raise self._wire.malformed("a signed address of the storage", "none")
        checked_url(self.device, uri)
        return uri

    def _json(self, method: str, path: str, body: Any = None) -> Any:
        return self._wire.parse(self._call(method, path, body))

    def _call(self, method: str, path: str, body: Any = None) -> bytes:
        headers = {"Accept": "application/json", "x-ms-quantum-api-key": self._key}
        return self._wire.call(
            method, self._workspace + path, headers=headers, body=body, query={"api-version": API_VERSION}
        )

    def _storage(
        self, method: str, url: str, *, headers: Mapping[str, str] = MappingProxyType({}), data: bytes | None = None
    ) -> bytes:
        return self._wire.call(method, url, headers={"x-ms-version": STORAGE_VERSION, **headers}, data=data)

    def _id_of(self, job: Any) -> str:
        if not isinstance(job, dict) or not isinstance(job.get("id"), str):
            raise self._wire.malformed("the id of the job", repr(job)[:60])
        return job["id"]


def _container(name: str) -> str:
    return f"job-{name}"


def name_of(key: str) -> str:
    """The job's name at the provider, made from its key."""
    return str(uuid.uuid5(KEYS, key))
