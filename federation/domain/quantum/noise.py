"""Noise models as data, and the same model built into PennyLane and into Qiskit Aer.

A model speaks of native gates, because noise strikes what hardware runs: a tape is first written in these gates, the
rotations that turn an observable into Z included, and each gate is then followed by its errors on each of its wires, in
the order amplitude damping, dephasing, depolarising. Readout errors come last. A number that was made under a model
carries its digest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.messages import digest

FORMAT = 1
# Native gates that a model may name, and what Aer calls them.
AER_NAMES = {"RX": "rx", "RY": "ry", "RZ": "rz", "CNOT": "cx", "QubitUnitary": "unitary"}
TWO_QUBIT = ("CNOT", "QubitUnitary")  # the one-qubit rotations are the rest
NATIVE = ("RX", "RY", "RZ", "CNOT")


def _require_probabilities(owner: object) -> None:
    for name, value in tuple(vars(owner).items()):
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            raise ValueError(f"expected {name} to be a probability from 0 to 1, got {value!r}")
        object.__setattr__(owner, name, float(value))  # 0 and 0.0 have one digest


@dataclass(frozen=True)
class GateNoise:
    """Errors after one gate, on each wire of it.

    Attributes
    ----------
    depolarising : probability that a Pauli error strikes, X, Y and Z a third each
        3/4 leaves nothing of the state.
    amplitude_damping : probability that a 1 decays to 0
    dephasing : probability that the environment learns the bit
        Coherences shrink by sqrt(1 - dephasing).
    """

    depolarising: float = 0.0
    amplitude_damping: float = 0.0
    dephasing: float = 0.0

    def __post_init__(self) -> None:
        _require_probabilities(self)

    @classmethod
    def from_times(cls, gate: float, t1: float, t2: float) -> GateNoise:
        """Damping and dephasing of a gate that lasts `gate`, on a qubit with these T1 and T2 (one unit of time).

        Coherences must shrink by exp(-gate / T2); damping alone shrinks them by exp(-gate / 2 T1).

        Raises
        ------
        ValueError
            If a time is not positive, or T2 is over 2 T1, which no qubit can have.
        """
        if not (0 <= gate < math.inf and 0 < t1 < math.inf and 0 < t2 <= 2 * t1):
            raise ValueError(f"expected times over 0 with T2 at most 2 T1, got gate {gate}, T1 {t1}, T2 {t2}")
        return cls(
            amplitude_damping=-math.expm1(-gate / t1), dephasing=max(0.0, -math.expm1(gate / t1 - 2 * gate / t2))
        )


@dataclass(frozen=True)
class Readout:
    """Probabilities of reading a qubit wrongly, the same on each and independent."""

    one_if_zero: float = 0.0
    zero_if_one: float = 0.0

    def __post_init__(self) -> None:
        _require_probabilities(self)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Probability of reading row when the qubit is column: shape (2, 2)."""
        return np.array([[1 - self.one_if_zero, self.zero_if_one], [self.one_if_zero, 1 - self.zero_if_one]])


@dataclass(frozen=True)
class NoiseModel:
    """The noise of one device.

    Attributes
    ----------
    name : str
        For people; not part of the digest.
    one_qubit, two_qubit : GateNoise
    gates : {gate: GateNoise}
        Instead of these, for single gates: ``{"RZ": GateNoise()}`` where a Z rotation is a change of phase reference.
    readout : Readout
    native : tuple of str
        The gates that the device runs, some of `AER_NAMES`.
    """

    name: str
    one_qubit: GateNoise = GateNoise()
    two_qubit: GateNoise = GateNoise()
    gates: Mapping[str, GateNoise] = field(default_factory=dict)
    readout: Readout = Readout()
    native: tuple[str, ...] = NATIVE

    def __post_init__(self) -> None:
        unknown = [gate for gate in (*self.native, *self.gates) if gate not in AER_NAMES]
        if unknown or not self.native:
            raise ValueError(f"expected native gates among {', '.join(AER_NAMES)}, got {unknown or 'none'}")

    @property
    def is_noiseless(self) -> bool:
        return self.readout == Readout() and all(self.of_gate(gate) == GateNoise() for gate in self.native)

    def of_gate(self, name: str) -> GateNoise:
        return self.gates.get(name, self.two_qubit if name in TWO_QUBIT else self.one_qubit)

    def as_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self), "native": list(self.native)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> NoiseModel:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        if raw.get("format") != FORMAT:
            raise ValueError(f"expected noise model format {FORMAT}, got {raw.get('format')!r}")
        try:
            return cls(
                name=raw["name"],
                one_qubit=GateNoise(**raw["one_qubit"]),
                two_qubit=GateNoise(**raw["two_qubit"]),
                gates={gate: GateNoise(**noise) for gate, noise in raw["gates"].items()},
                readout=Readout(**raw["readout"]),
                native=tuple(raw["native"]),
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"expected the fields of a noise model, got {sorted(raw)}") from error

    @property
    def digest(self) -> str:
        """SHA-256 of everything but the name."""
        return digest({key: value for key, value in self.as_dict().items() if key != "name"})

    @property
    def facts(self) -> dict[str, str]:
        return {"name": self.name, "sha256": self.digest}

    def pennylane(self) -> Any:
        """The gate errors as a `qml.NoiseModel`, for tapes in native gates. `noisy` adds those of the readout."""
        import pennylane as qml

        def errors(gate: Any, **_: Any) -> None:
            noise = self.of_gate(gate.name)
            for wire in gate.wires:
                if noise.amplitude_damping:
                    qml.AmplitudeDamping(noise.amplitude_damping, wires=wire)
                if noise.dephasing:
                    qml.PhaseDamping(noise.dephasing, wires=wire)
                if noise.depolarising:
                    qml.DepolarizingChannel(noise.depolarising, wires=wire)

        return qml.NoiseModel({qml.noise.op_in([getattr(qml, gate) for gate in self.native]): errors})

    def aer(self) -> Any:
        """The model as Aer's, for circuits in native gates."""
        from qiskit_aer import noise as aer

        # Aer takes the gates that have errors for those of the device, and would write the error-free ones out in them.
        model = aer.NoiseModel(basis_gates=[AER_NAMES[gate] for gate in self.native])
        for gate in self.native:
            errors = _aer_error(self.of_gate(gate))
            if errors is not None:
                model.add_all_qubit_quantum_error(
                    errors.tensor(errors) if gate in TWO_QUBIT else errors, AER_NAMES[gate]
                )
        if self.readout != Readout():
            model.add_all_qubit_readout_error(aer.ReadoutError(self.readout.matrix.T))
        return model


def _aer_error(noise: GateNoise) -> Any:
    from qiskit_aer import noise as aer

    errors = []
    if noise.amplitude_damping:
        errors.append(aer.amplitude_damping_error(noise.amplitude_damping))
    if noise.dephasing:
        errors.append(aer.phase_damping_error(noise.dephasing))
    if p := noise.depolarising:
        errors.append(aer.pauli_error([("I", 1 - p), ("X", p / 3), ("Y", p / 3), ("Z", p / 3)]))
    found = None
    for error in errors:
        found = error if found is None else found.compose(error)
    return found


def in_gates(tape: Any, native: tuple[str, ...] = NATIVE) -> Any:
    """The tape with its templates and gates written out in native gates."""
    import pennylane as qml

    (plain,), _ = qml.transforms.decompose(tape, gate_set=set(native))
    return plain


def in_native_gates(tape: Any, native: tuple[str, ...] = NATIVE) -> Any:
    """The tape in native gates, measured in the Z basis: what a device with these gates runs.

    Observables that do not commute must be split before (`qml.transforms.split_non_commuting`).
    """
    import pennylane as qml

    (turned,), _ = qml.transforms.diagonalize_measurements(tape)
    return in_gates(turned, native)


def noisy(tape: Any, model: NoiseModel) -> Any:
    """A tape in native gates with the model's errors in it, for `default.mixed`."""
    import pennylane as qml

    (struck,), _ = qml.noise.add_noise(tape, model.pennylane())
    if model.readout == Readout():
        return struck
    measured = qml.wires.Wires.all_wires([m.wires for m in tape.measurements]) or tape.wires
    return struck.copy(operations=[*struck.operations, *(_misread(model.readout, wire) for wire in measured)])


def _misread(readout: Readout, wire: Any) -> Any:
    """The readout error as a channel: it reads the bit, forgets all else, and writes what was read."""
    import pennylane as qml

    kraus = []
    for read in (0, 1):
        for true in (0, 1):
            operator = np.zeros((2, 2))
            operator[read, true] = math.sqrt(readout.matrix[read, true])
            kraus.append(operator)
    return qml.QubitChannel(kraus, wires=wire)


def noisy_qnode(node: Any, model: NoiseModel) -> Any:
    """A QNode on `default.mixed` whose circuit runs under the model; differentiable as before."""
    import pennylane as qml

    @qml.transform
    def under_noise(tape: Any) -> Any:
        return [noisy(in_native_gates(tape, model.native), model)], lambda results: results[0]

    return under_noise(node)
