"""The registry of devices on which a circuit may run: data, and the refusals that follow from the data.

Nothing here imports PennyLane or Qiskit: a device's packages are looked up only when it is asked for, and
imported only when it runs (`device_runs.run` for local devices, the providers for remote ones). Credentials are named,
never held: their values stay in the environment.

To add a device: one entry in `DEVICES`; if it is local, one branch in `device_runs`; if it is remote, one provider.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from federation.domain.quantum.device_errors import (
    ConsentMissing,
    ExtraNotInstalled,
    MissingCredentials,
    ShotsRefused,
    TooManyQubits,
    UnknownDevice,
    UnsupportedOption,
)
from federation.domain.quantum.device_prices import Price

EXTRA = "requirements-hardware.txt"
BYTES_PER_AMPLITUDE = 16  # complex128
BYTES_PER_SAMPLED_BIT = 2 * 8  # an int64 for each shot and wire, and a copy of it
WORKING_COPIES = 4  # state, the next state, and what the gates and the gradient keep beside them
MEMORY_SHARE = 0.5  # of what is free: the rest belongs to the other processes of the machine

Subject = Literal["machine", "noise model", "noiseless simulator"]


@dataclass(frozen=True)
class DeviceSpec:
    """What is known of a device before anything of it is imported.

    Attributes
    ----------
    name : str
        As configurations, consents and the ledger spell it.
    kind : "local" or "cloud"
        On a cloud device encoded features leave the house, so it needs the site's consent.
    max_qubits : int
        A hard limit; simulated devices are also limited by memory.
    state : "vector", "matrix" or None
        What a simulation holds: 2^n or 4^n amplitudes; None where nothing is simulated here.
    analytic : bool
        Whether it can answer without shots, with exact expectation values.
    noise : bool
        Whether a noise model of ours can be given to it.
    max_shots : int
        Per circuit.
    bytes_per_shot : int
        Memory that a shot takes here beside its bits (measured).
    max_circuits_per_job : int or None
        Circuits that one submission may hold; None for local devices.
    modules : tuple of str
        Python modules it needs. Clouds are spoken to over HTTP by our own clients, which need no SDK of theirs; for
        IBM's machines Qiskit compiles the circuits here.
    credentials, settings : tuple of str
        Names of environment variables that must be set: secrets, and the rest (which machine, which workspace).
    fixed_qubits : bool
        Whether a wire is the same physical qubit in every circuit. If not, the readout error that was measured of a
        qubit is no circuit's, and cannot be inverted.
    price : Price or None
        None where nothing is charged, or where no price is known: `kind` tells which.
    """

    name: str
    title: str
    kind: Literal["local", "cloud"]
    max_qubits: int
    state: Literal["vector", "matrix"] | None
    analytic: bool
    noise: bool
    max_shots: int
    bytes_per_shot: int = 0
    max_circuits_per_job: int | None = None
    modules: tuple[str, ...] = ("pennylane",)
    credentials: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    fixed_qubits: bool = True
    price: Price | None = None

    @property
    def needs_consent(self) -> bool:
        return self.kind == "cloud"

    @property
    def offered(self) -> str:
        """The title, with what a run on it is under."""
        if self.needs_consent:
            return self.title
        return f"{self.title}, noiseless" + " or under a noise model" * self.noise

    def subject(self, noise: object | None) -> Subject:
        """Of what a figure speaks that was measured here under this noise model, or under none."""
        if self.needs_consent:
            return "machine"
        return "noiseless simulator" if noise is None else "noise model"

    def memory_bytes(self, n_qubits: int, shots: int | None = None) -> int:
        """Memory that simulating one circuit takes, about, and drawing its shots; 0 where nothing is simulated here."""
        if self.state is None:
            return 0
        amplitudes = 2**n_qubits if self.state == "vector" else 4**n_qubits
        drawn = (shots or 0) * (BYTES_PER_SAMPLED_BIT * n_qubits + self.bytes_per_shot)
        return WORKING_COPIES * BYTES_PER_AMPLITUDE * amplitudes + drawn

    def missing_modules(self) -> list[str]:
        return [name for name in self.modules if not _installed(name)]

    def missing_variables(self, environ: Mapping[str, str] = os.environ) -> list[str]:
        return [name for name in (*self.credentials, *self.settings) if not environ.get(name)]

    def require_installed(self) -> None:
        missing = self.missing_modules()
        if missing:
            raise ExtraNotInstalled(
                self.name,
                expected="the packages of the hardware extra",
                got=f"no {', '.join(missing)}",
                remedy=f"Install them: pip install -r {EXTRA}, and start the worker again.",
            )

    def require_credentials(self, environ: Mapping[str, str] = os.environ) -> None:
        missing = self.missing_variables(environ)
        if missing:
            raise MissingCredentials(
                self.name,
                expected=f"the environment variables {', '.join((*self.credentials, *self.settings))}",
                got=f"no {', '.join(missing)}",
                remedy="Set them in the worker's environment; they are never stored in the database.",
            )

    def require_consent(self, consented: Collection[str]) -> None:
        """Refuse a cloud device unless its very name is among those that the site consented to."""
        if self.needs_consent and self.name not in consented:
            raise ConsentMissing(
                self.name,
                expected="the site's consent to this cloud device, because encoded features leave the house",
                got=f"consent to {', '.join(sorted(consented))}" if consented else "none",
                remedy="Ask the site to consent to a run that names this device, or choose a local device.",
            )

    def require_qubits(self, n_qubits: int, *, shots: int | None = None, free_bytes: int | None = None) -> None:
        """Refuse what the device or the memory cannot hold.

        Parameters
        ----------
        shots : int, optional
            Of one circuit: where they are drawn here, all are held at once.
        free_bytes : int, optional
            Memory that is free; asked of the system if absent.
        """
        if not 1 <= n_qubits <= self.max_qubits:
            raise TooManyQubits(
                self.name,
                expected=f"1 to {self.max_qubits} qubits",
                got=str(n_qubits),
                remedy="Encode fewer features, or choose a larger device.",
            )
        needed = self.memory_bytes(n_qubits, shots)
        budget = int(MEMORY_SHARE * (free_bytes if free_bytes is not None else free_memory()))
        if needed > budget:
            raise TooManyQubits(
                self.name,
                expected=f"a circuit that fits {budget / 2**30:.2f} GiB (half of the free memory)",
                got=f"{n_qubits} qubits{f' and {shots:,} shots' if shots else ''}, which take about "
                f"{needed / 2**30:.2f} GiB",
                remedy="Use fewer qubits or shots, or a machine with more memory.",
            )

    def require_shots(self, shots: int | None) -> None:
        if shots is None:
            if not self.analytic:
                raise ShotsRefused(
                    self.name,
                    expected=f"1 to {self.max_shots} shots: this device can only sample",
                    got="none",
                    remedy="Name the number of shots.",
                )
        elif not 1 <= shots <= self.max_shots:
            raise ShotsRefused(
                self.name,
                expected=f"1 to {self.max_shots} shots a circuit",
                got=str(shots),
                remedy="Ask for fewer shots, or run the circuit several times with different seeds.",
            )

    def require_noise(self, noise: object | None) -> None:
        if noise is not None and not self.noise:
            able = ", ".join(spec.name for spec in DEVICES.values() if spec.noise)
            raise UnsupportedOption(
                self.name,
                expected="no noise model, because the device is noiseless or has its own noise",
                got="one",
                remedy=f"Leave it out, or choose one of {able}.",
            )


_SPECS = (
    DeviceSpec(
        "simulator", "Batched torch state vector", "local", max_qubits=20, state="vector", analytic=True, noise=False,
        max_shots=10_000_000, modules=("torch", "pennylane"),
    ),
    DeviceSpec(
        "lightning.qubit", "PennyLane Lightning state vector", "local", max_qubits=26, state="vector", analytic=True,
        noise=False, max_shots=10_000_000, modules=("pennylane", "pennylane_lightning"),
    ),
    DeviceSpec(
        "default.mixed", "PennyLane density matrix", "local", max_qubits=12, state="matrix",
        analytic=True, noise=True, max_shots=10_000_000,
    ),
    DeviceSpec(
        "aer", "Qiskit Aer, sampled", "local", max_qubits=26, state="vector", analytic=False,
        noise=True, max_shots=1_000_000, bytes_per_shot=600, modules=("pennylane", "pennylane_qiskit", "qiskit_aer"),
    ),
    DeviceSpec(
        "ibm", "IBM Quantum processor, through Qiskit Runtime", "cloud", max_qubits=127, state=None, analytic=False,
        noise=False, max_shots=100_000, max_circuits_per_job=300, modules=("pennylane", "qiskit"), fixed_qubits=False,
        credentials=("IBM_QUANTUM_TOKEN",), settings=("IBM_QUANTUM_INSTANCE", "IBM_QUANTUM_BACKEND"),
    ),
    DeviceSpec(
        "azure", "Azure Quantum target, such as IonQ", "cloud", max_qubits=36, state=None, analytic=False, noise=False,
        max_shots=10_000, max_circuits_per_job=1, fixed_qubits=False,
        credentials=("AZURE_QUANTUM_CONNECTION_STRING",), settings=("AZURE_QUANTUM_TARGET",),
        price=Price(
            source="Azure Quantum documentation, pricing of IonQ without error mitigation, page of 2024-12-05; other "
            "targets differ: declare their price",
            per_one_qubit_gate_shot=0.000220, per_two_qubit_gate_shot=0.000975, minimum_per_circuit=12.4166,
            minimum_is_base=True,
        ),
    ),
)  # fmt: skip
DEVICES: Mapping[str, DeviceSpec] = {spec.name: spec for spec in _SPECS}


def find(name: str) -> DeviceSpec:
    """The device of this name.

    Raises
    ------
    UnknownDevice
        If there is none; the message names those that there are.
    """
    if name not in DEVICES:
        raise UnknownDevice(
            name or "(no name)", expected=f"a device among {', '.join(DEVICES)}", got=repr(name), remedy="Name one."
        )
    return DEVICES[name]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


def free_memory() -> int:
    """Bytes of memory that a process may still take, caches that can be dropped included."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
