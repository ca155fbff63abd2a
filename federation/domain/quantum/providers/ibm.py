"""IBM Quantum: the Sampler primitive over the public REST interface [1]_, in job mode (no session is opened).

The official SDK cannot be pointed to another server (the address of its sign-in is fixed), so nothing of ours that uses
it could be tested. This client speaks the same REST format, and needs Qiskit for one thing: to compile a circuit for
the machine, whose gates and couplings the provider tells.

References
----------
.. [1] https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

from federation.domain.quantum.devices import find
from federation.domain.quantum.providers.base import Batch, Progress, State, checked
from federation.domain.quantum.providers.errors import AccessRefused, RequestRefused
from federation.domain.quantum.providers.program import Counts, Program
from federation.domain.quantum.providers.wire import TIMEOUT_SECONDS, Wire, checked_url

API = "https://quantum.cloud.ibm.com/api/v1"
IAM = "https://iam.cloud.ibm.com"
# What changed from 2026-02-01 to it is data on usage alone, which is not read here (changelog of the interface).
API_VERSION = "2026-04-15"
TOKEN_MARGIN_SECONDS = 120.0  # a token is renewed so long before it ends
_STATES = {
    "Queued": State.WAITING,
    "Running": State.RUNNING,
    "Completed": State.DONE,
    "Cancelled": State.CANCELLED,
    "Failed": State.FAILED,
}


class IbmClient:
    """One machine of one instance.

    Parameters
    ----------
    token : str
        API key of IBM Cloud; exchanged for a token that lasts an hour.
    instance : str
        CRN of the instance that pays.
    backend : str
        Name of the machine.
    version : str
        Of the interface. IBM keeps one for about a year after the next; a worker can be told another meanwhile.
    """

    def __init__(
        self, *, token: str, instance: str, backend: str, url: str = API, iam_url: str = IAM,
        version: str = API_VERSION, timeout: tuple[float, float] = TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        spec = find("ibm")
        self.device, self.machine, self.max_programs = spec.name, backend, spec.max_circuits_per_job or 1
        self._api_key, self._instance, self._version, self._clock = token, instance, version, clock
        self._url, self._iam_url = checked_url(self.device, url), checked_url(self.device, iam_url)
        self._wire = Wire(self.device, timeout=timeout)
        self._token, self._token_ends = "", 0.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> IbmClient:
        return cls(
            token=environ["IBM_QUANTUM_TOKEN"],
            instance=environ["IBM_QUANTUM_INSTANCE"],
            backend=environ["IBM_QUANTUM_BACKEND"],
            url=environ.get("IBM_QUANTUM_URL") or API,
            iam_url=environ.get("IBM_IAM_URL") or IAM,
            version=environ.get("IBM_QUANTUM_API_VERSION") or API_VERSION,
        )

    def find(self, key: str) -> list[str]:
        listed = self._get("/jobs", {"tags": key, "exclude_params": "true", "limit": 10})
        jobs = listed.get("jobs") if isinstance(listed, dict) else None
        if not isinstance(jobs, list):
            raise self._wire.malformed("a list of jobs", repr(listed)[:60])
        return [self._id_of(job) for job in jobs if isinstance(job, dict) and key in (job.get("tags") or ())]

    def submit(self, programs: Sequence[Program], *, shots: int, key: str) -> str:
        body = {
            "program_id": "sampler",
            "backend": self.machine,
            "tags": [key],
            "params": {
                "pubs": [[self.compile(program), None, shots] for program in programs],
                "version": 2,
                "support_qiskit": False,  # plain JSON, not the SDK's own encoding
            },
        }
        return self._id_of(self._wire.parse(self._call("POST", "/jobs", body=body)))

    def progress(self, task: str) -> Progress:
        job = self._get(f"/jobs/{quote(task, safe='')}", {"exclude_params": "true"})
        state = job.get("state") if isinstance(job, dict) else None
        status = state.get("status") if isinstance(state, dict) else None
        if not isinstance(state, dict) or not isinstance(status, str):
            raise self._wire.malformed("a state with a status", repr(status)[:60])
        known = _STATES.get(status.partition(" - ")[0])  # "Cancelled - Ran too long"
        if known is None:
            return Progress.unknown(status)
        note = " ".join(str(state[part]) for part in ("reason", "reason_solution") if state.get(part))
        return Progress(known, note[:400])

    def counts(self, task: str, batch: Batch) -> list[Counts]:
        answer = self._get(f"/jobs/{quote(task, safe='')}/results", None)
        try:
            registers = [result["data"]["meas"] for result in answer["results"]]
            found = [_counts(register["samples"], int(register["num_bits"])) for register in registers]
        except (KeyError, TypeError, ValueError) as error:
            raise self._wire.malformed("results with samples of the register meas", repr(answer)[:60]) from error
        return checked(self.device, found, batch)

    def cancel(self, task: str) -> RequestRefused | None:
        try:
            self._call("POST", f"/jobs/{quote(task, safe='')}/cancel")
        except RequestRefused as error:
            return error
        return None

    def compile(self, program: Program) -> str:
        """The program in the machine's own gates, on its own qubits, as OpenQASM 3."""
        find(self.device).require_installed()
        from qiskit import QuantumCircuit, qasm3

        circuit = QuantumCircuit(program.n_qubits)
        for gate in program.gates:
            arguments = (*gate.qubits,) if gate.name == "cx" else (gate.angle, *gate.qubits)
            getattr(circuit, gate.name)(*arguments)
        circuit.measure_all()
        return qasm3.dumps(self._passes.run(circuit))

    @cached_property
    def _passes(self) -> Any:
        """Qiskit's compiler for the machine, made once: looking for its plug-ins takes as long as a small circuit."""
        from qiskit.transpiler import generate_preset_pass_manager

        return generate_preset_pass_manager(
            optimization_level=1, basis_gates=self.gates["basis_gates"], coupling_map=self.gates["coupling_map"],
            seed_transpiler=7,
        )  # fmt: skip

    @cached_property
    def gates(self) -> dict[str, Any]:
        """The machine's gates and couplings, asked for once."""
        found = self._get(f"/backends/{quote(self.machine, safe='')}/configuration", None)
        if not isinstance(found, dict) or not isinstance(found.get("basis_gates"), list):
            raise self._wire.malformed("basis_gates of the machine", repr(found)[:60])
        return {"basis_gates": found["basis_gates"], "coupling_map": found.get("coupling_map")}

    def _get(self, path: str, query: dict[str, Any] | None) -> Any:
        return self._wire.parse(self._call("GET", path, query=query))

    def _call(self, method: str, path: str, *, body: Any = None, query: Any = None) -> bytes:
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self._bearer()}",
            "Service-CRN": self._instance,
            "IBM-API-Version": self._version,
        }
        return self._wire.call(method, self._url + path, headers=headers, body=body, query=query)

    def _bearer(self) -> str:
        if self._clock() < self._token_ends:
            return self._token
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": self._api_key}
        try:
            content = self._wire.call(
                "POST", f"{self._iam_url}/identity/token", headers={"Accept": "application/json"}, form=form
            )
        except RequestRefused as error:  # the sign-in answers 400 where others say 401
            raise AccessRefused(
                self.device, expected="a valid API key in IBM_QUANTUM_TOKEN", got="one that IBM Cloud does not know",
                remedy="Make a new key at IBM Cloud and set it in the worker's environment.",
            ) from error  # fmt: skip
        answer = self._wire.parse(content)
        try:
            self._token, lasts = str(answer["access_token"]), float(answer["expires_in"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._wire.malformed("access_token and expires_in", "neither") from error
        self._token_ends = self._clock() + lasts - TOKEN_MARGIN_SECONDS
        return self._token

    def _id_of(self, job: Any) -> str:
        if not isinstance(job, dict) or not isinstance(job.get("id"), str) or not job["id"]:
            raise self._wire.malformed("the id of the job", repr(job)[:60])
        return job["id"]


def _counts(samples: Sequence[str], n_bits: int) -> Counts:
    """Hexadecimal numbers, whose lowest bit is the first of the register, as bit strings that begin with wire 0."""
    seen = Counter(int(sample, 16) for sample in samples)
    return {format(number, f"0{n_bits}b")[::-1]: times for number, times in sorted(seen.items())}
