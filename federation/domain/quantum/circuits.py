"""The variational quantum circuits of the platform, written once, in PennyLane.

Data re-uploading [1]_: before each layer the inputs are loaded again as rotations, so that the output is a richer
Fourier series of the input than with a single loading. Layers are strongly entangling [2]_, hardware efficient [3]_, or
mirrored: pairs in which the second undoes the first when training starts, so that gradients do not vanish with the
number of qubits [4]_. Inputs may be the amplitudes of the first state instead of angles.

On simulators `simulator` runs the same circuit many times faster and is tested equal to this one; every other device
runs this one. PennyLane takes seconds to import and a site worker never needs it, so it is imported only where a
circuit is built for it; `plan_of` builds the same circuit with a `Recorder` in the place of PennyLane.

References
----------
.. [1] Perez-Salinas et al., "Data re-uploading for a universal quantum classifier", Quantum 4, 226 (2020).
.. [2] Schuld et al., "Circuit-centric quantum classifiers", Phys. Rev. A 101, 032308 (2020).
.. [3] Kandala et al., "Hardware-efficient variational quantum eigensolver for small molecules", Nature 549 (2017).
.. [4] Grant et al., "An initialization strategy for addressing barren plateaus", Quantum 3, 214 (2019).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from federation.domain.quantum.plan import Plan
from federation.domain.quantum.recorder import Recorder, input_symbols, weight_symbols

if TYPE_CHECKING:
    import pennylane as qml

MIN_QUBITS, MAX_QUBITS = 2, 10
MAX_LAYERS = 12
EMBEDDINGS = ("RX", "RY", "RZ", "amplitude")
ANGLES = {"strong": 3, "hardware": 2, "mirrored": 6}  # of each qubit in a layer, by ansatz


@dataclass(frozen=True)
class CircuitShape:
    """What fixes the circuit, apart from its weights.

    Attributes
    ----------
    n_qubits : int, 2 to 10
        Also the number of outputs.
    layers : int, 1 to 12
        Each rotates every qubit and entangles.
    entangling : bool
        False leaves the entangling gates out: the ablation that tells what entanglement is worth.
    embedding : "RX", "RY", "RZ" or "amplitude"
        The rotation that loads one input on each qubit (RZ: after a Hadamard gate, because alone it would not be seen),
        or 2^n_qubits inputs as the amplitudes of the first state.
    reupload : bool
        Load the inputs before each layer (before each pair if mirrored), not only once. Angles only.
    ansatz : "strong", "hardware" or "mirrored"
        Strong: three Euler angles a qubit, then a ring of CNOT gates whose reach grows with the layer. Hardware: RY and
        RZ, then a chain of CZ gates. Mirrored: Euler angles before and after the ring, and each odd layer the mirror
        image of the layer before it.
    """

    n_qubits: int
    layers: int
    entangling: bool = True
    embedding: str = field(default="RX", kw_only=True)
    reupload: bool = field(default=True, kw_only=True)
    ansatz: str = field(default="strong", kw_only=True)

    def __post_init__(self) -> None:
        if not MIN_QUBITS <= self.n_qubits <= MAX_QUBITS:
            raise ValueError(f"expected {MIN_QUBITS} to {MAX_QUBITS} qubits, got {self.n_qubits}")
        if not 1 <= self.layers <= MAX_LAYERS:
            raise ValueError(f"expected 1 to {MAX_LAYERS} layers, got {self.layers}")
        if self.embedding not in EMBEDDINGS:
            raise ValueError(f"expected an embedding, one of {', '.join(EMBEDDINGS)}, got {self.embedding!r}")
        if self.ansatz not in ANGLES:
            raise ValueError(f"expected an ansatz, one of {', '.join(ANGLES)}, got {self.ansatz!r}")

    @property
    def n_inputs(self) -> int:
        return 2**self.n_qubits if self.embedding == "amplitude" else self.n_qubits

    @property
    def weight_shape(self) -> tuple[int, int, int]:
        """Layers, qubits, and the angles of a qubit's rotations in a layer (radians)."""
        return self.layers, self.n_qubits, ANGLES[self.ansatz]

    @property
    def n_parameters(self) -> int:
        return math.prod(self.weight_shape)

    @property
    def embedding_words(self) -> str:
        """How the inputs are loaded, for a reader."""
        if self.embedding == "amplitude":
            return "amplitudes of the first state"
        if not self.reupload:
            return f"{self.embedding} angles, loaded once"
        each = "pair of layers" if self.ansatz == "mirrored" else "layer"
        return f"{self.embedding} angles, re-uploaded before each {each}"

    def number(self, layer: int) -> int:
        """The number that the layer at this place has in the whole circuit: another one if layers were taken out."""
        return layer

    def mirrors(self, layer: int) -> bool:
        """Is this layer the mirror image of the one before it: gates in reverse order?"""
        return self.ansatz == "mirrored" and self.number(layer) % 2 == 1

    def loads(self, layer: int) -> bool:
        """Are the inputs loaded as angles before this layer?"""
        if self.embedding == "amplitude":
            return False
        return layer == 0 or (self.reupload and not self.mirrors(layer))

    @property
    def entangler(self) -> str:
        """The gate that entangles two qubits."""
        return "CZ" if self.ansatz == "hardware" else "CNOT"

    @property
    def loadings(self) -> int:
        """How often the inputs are loaded."""
        return max(1, sum(self.loads(layer) for layer in range(self.layers)))

    def cnots(self, layer: int) -> tuple[tuple[int, int], ...]:
        """The (control, target) pairs of one layer in order: a ring, or the chain of the hardware ansatz."""
        if not self.entangling:
            return ()
        if self.ansatz == "hardware":
            return tuple((wire, wire + 1) for wire in range(self.n_qubits - 1))
        reach = self.reach(layer)
        ring = tuple((wire, (wire + reach) % self.n_qubits) for wire in range(self.n_qubits))
        return ring[::-1] if self.mirrors(layer) else ring

    def reach(self, layer: int) -> int:
        """Distance between control and target, as `qml.StronglyEntanglingLayers` chooses it by default."""
        return (self.number(layer) - self.mirrors(layer)) % (self.n_qubits - 1) + 1

    @property
    def depth(self) -> int:
        """Length of the longest chain of gates that must wait for one another."""
        return plan_of(self).depth


def circuit(angles: Any, weights: Any, *, shape: CircuitShape, qml: Any = None) -> list[Any]:
    """The circuit as a PennyLane quantum function; call it inside a QNode.

    Parameters
    ----------
    angles : array, shape (n_inputs,) or (batch, n_inputs)
        Angles in radians, or amplitudes, which are normalised.
    weights : array, shape `shape.weight_shape`
        Euler angles (phi, theta, omega), or (y, z) of the hardware ansatz, in radians.
    qml : optional
        What gates are taken from: PennyLane, or a `Recorder`.

    Returns
    -------
    list of n_qubits expectation values of Pauli Z in [-1, 1]
        1 means that the qubit is surely 0, -1 that it is surely 1.
    """
    if qml is None:
        import pennylane

        qml = pennylane
    wires = range(shape.n_qubits)
    if shape.embedding == "amplitude":
        qml.AmplitudeEmbedding(angles, wires=wires, pad_with=0.0, normalize=True)
    for layer in range(shape.layers):
        if shape.loads(layer):
            _load(angles, shape, qml)
        _layer(weights[layer], shape, layer, qml)
    return [qml.expval(qml.PauliZ(wire)) for wire in wires]


def _load(angles: Any, shape: CircuitShape, qml: Any) -> None:
    for wire in range(shape.n_qubits):
        if shape.embedding == "RZ":
            qml.Hadamard(wires=wire)
        getattr(qml, shape.embedding)(angles[..., wire], wires=wire)


def _layer(weights: Any, shape: CircuitShape, layer: int, qml: Any) -> None:
    entangle = getattr(qml, shape.entangler)
    _rotate(weights[:, :3], shape, qml)
    for pair in shape.cnots(layer):
        entangle(wires=list(pair))
    if shape.ansatz == "mirrored":
        _rotate(weights[:, 3:], shape, qml)


def _rotate(weights: Any, shape: CircuitShape, qml: Any) -> None:
    for wire in range(shape.n_qubits):
        if shape.ansatz == "hardware":
            qml.RY(weights[wire, 0], wires=wire)
            qml.RZ(weights[wire, 1], wires=wire)
        else:
            qml.Rot(weights[wire, 0], weights[wire, 1], weights[wire, 2], wires=wire)


@functools.lru_cache(maxsize=256)
def plan_of(shape: CircuitShape) -> Plan:
    """The circuit as data, taken down without PennyLane."""
    recorder = Recorder(shape.n_qubits)
    angles, weights = input_symbols(shape.n_inputs), weight_symbols(shape.weight_shape)
    outputs = circuit(angles, weights, shape=shape, qml=recorder)
    return recorder.plan(outputs, n_inputs=shape.n_inputs, n_weights=shape.n_parameters)


# Rotations and CNOT gates that a gate becomes on a device.
_ON_DEVICES = {"Rot": (3, 0), "Hadamard": (3, 0), "CNOT": (0, 1), "CZ": (3, 2)}


def gates_of(shape: CircuitShape) -> tuple[int, int]:
    """Gates of one qubit and of two that the circuit becomes on a device."""
    found = [_ON_DEVICES.get(gate.name, (1, 0)) for gate in plan_of(shape).gates]
    single, double = sum(one for one, _ in found), sum(two for _, two in found)
    if shape.embedding == "amplitude":  # a tree of controlled RY, and one of RZ for the signs
        return single + 2 * (2**shape.n_qubits - 1), double + 2 * (2**shape.n_qubits - 2)
    return single, double


def qnode(shape: CircuitShape, *, device: qml.devices.Device | None = None, diff_method: str = "best") -> qml.QNode:
    """The circuit bound to a PennyLane device, called as ``node(angles, weights)`` with torch tensors.

    Parameters
    ----------
    device : PennyLane device, optional
        The analytic `default.qubit` if absent.
    diff_method : str
        As in `qml.QNode`; "backprop" is the exact choice on `default.qubit`.
    """
    import pennylane as qml

    device = device if device is not None else qml.device("default.qubit", wires=shape.n_qubits)

    def bound(angles: Any, weights: Any) -> list[Any]:
        return circuit(angles, weights, shape=shape)

    return qml.QNode(bound, device, interface="torch", diff_method=diff_method)
