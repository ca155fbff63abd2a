"""How a figure of a device was made. Goes with every result; light, because pages and workers import it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from federation.domain.quantum.providers.program import Program

# What ran or compiled the circuits, beside the machine itself.
_DISTRIBUTIONS = {
    "aer": ("pennylane", "qiskit", "qiskit-aer"),
    "lightning.qubit": ("pennylane", "pennylane_lightning"),
    "ibm": ("pennylane", "qiskit"),
}
_GATE_NAMES = {"rx": "RX", "ry": "RY", "rz": "RZ", "cx": "CNOT"}
_LONGEST_TEXT, _MOST_GATES = 200, 20
_COUNTS, _WORDS = ("shots", "circuits", "n_qubits"), ("device", "backend")


def backend_of(device: str, name: str) -> str:
    """The backend with the versions of what wrote or ran the circuits."""
    packages = _DISTRIBUTIONS.get(device, ("pennylane",))
    return f"{name} ({', '.join(f'{package} {_version(package)}' for package in packages)})"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a result that was paid for is not lost because the extra is gone meanwhile
        return "not installed"


def of_programs(programs: Sequence[Program], *, device: str, machine: str, shots: int) -> dict[str, Any]:
    """The facts of circuits that a provider ran, as they were handed to it: before its compiler.

    Returns
    -------
    dict
        The keys of `device_runs.Outcome.facts`. There is no seed, because a machine draws its own shots.
    """
    largest = max(programs, key=lambda program: len(program.gates))
    return {
        "device": device, "backend": backend_of(device, machine), "shots": shots, "seed": None,
        "circuits": len(programs), "n_qubits": max(program.n_qubits for program in programs),
        "depth": _depth(largest), "gates": counted(_GATE_NAMES[gate.name] for gate in largest.gates), "noise": None,
    }  # fmt: skip


def counted(names: Any) -> dict[str, int]:
    """How often each gate stands in a circuit, in the order of the names."""
    return dict(sorted(Counter(names).items()))


def read(raw: Any) -> dict[str, Any]:
    """Facts as a site sent them. Raises ValueError on anything else."""
    names = {*_COUNTS, *_WORDS, "seed", "depth", "gates", "noise"}
    if not isinstance(raw, Mapping) or set(raw) != names:
        raise ValueError(f"expected the facts {', '.join(sorted(names))} of a run, got {str(raw)[:80]}")
    words = all(isinstance(raw[name], str) and len(raw[name]) <= _LONGEST_TEXT for name in _WORDS)
    counts = all(_is_count(raw[name], least=1) for name in _COUNTS) and _is_count(raw["depth"])
    seed = raw["seed"] is None or _is_count(raw["seed"])
    gates = isinstance(raw["gates"], Mapping) and len(raw["gates"]) <= _MOST_GATES
    gates = gates and all(isinstance(k, str) and len(k) <= 40 and _is_count(v) for k, v in raw["gates"].items())
    if not (words and counts and seed and gates and _is_noise(raw["noise"])):
        raise ValueError(f"expected counts, names and a noise model in the facts of a run, got {str(raw)[:200]}")
    return dict(raw)


def _is_count(value: Any, least: int = 0) -> bool:
    return type(value) is int and value >= least


def _is_noise(noise: Any) -> bool:
    if noise is None:
        return True
    named = isinstance(noise, Mapping) and set(noise) == {"name", "sha256"}
    return named and all(isinstance(value, str) and len(value) <= _LONGEST_TEXT for value in noise.values())


def _depth(program: Program) -> int:
    """Layers of gates that cannot be run at once."""
    levels = [0] * program.n_qubits
    for gate in program.gates:
        level = 1 + max(levels[qubit] for qubit in gate.qubits)
        for qubit in gate.qubits:
            levels[qubit] = level
    return max(levels)
