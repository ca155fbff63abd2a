"""The variational quantum circuit of the platform, written once, in PennyLane.

Data re-uploading [1]_: before each strongly entangling layer [2]_ the inputs are loaded again as RX rotations, so that
the output is a richer Fourier series of the input than with a single loading. On simulators `simulator` runs the same
circuit many times faster and is tested equal to this one; every other device runs this one.

PennyLane takes seconds to import and a site worker never needs it, so it is imported only where a circuit is built.

References
----------
.. [1] Perez-Salinas et al., "Data re-uploading for a universal quantum classifier", Quantum 4, 226 (2020).
.. [2] Schuld et al., "Circuit-centric quantum classifiers", Phys. Rev. A 101, 032308 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pennylane as qml

MIN_QUBITS, MAX_QUBITS = 2, 10
MAX_LAYERS = 12


@dataclass(frozen=True)
class CircuitShape:
    """What fixes the circuit, apart from its weights.

    Attributes
    ----------
    n_qubits : int, 2 to 10
        Also the number of inputs and of outputs.
    layers : int, 1 to 12
        Each layer loads the inputs again, rotates each qubit and entangles.
    entangling : bool
        False leaves the CNOT gates out: the ablation that tells what entanglement is worth.
    """

    n_qubits: int
    layers: int
    entangling: bool = True

    def __post_init__(self) -> None:
        if not MIN_QUBITS <= self.n_qubits <= MAX_QUBITS:
            raise ValueError(f"expected {MIN_QUBITS} to {MAX_QUBITS} qubits, got {self.n_qubits}")
        if not 1 <= self.layers <= MAX_LAYERS:
            raise ValueError(f"expected 1 to {MAX_LAYERS} layers, got {self.layers}")

    @property
    def weight_shape(self) -> tuple[int, int, int]:
        """Layers, qubits, and the three Euler angles of a rotation (radians)."""
        return self.layers, self.n_qubits, 3

    @property
    def n_parameters(self) -> int:
        return 3 * self.layers * self.n_qubits

    def cnots(self, layer: int) -> tuple[tuple[int, int], ...]:
        """The (control, target) pairs of one layer in order: a ring whose reach grows with the layer."""
        if not self.entangling:
            return ()
        reach = self.reach(layer)
        return tuple((wire, (wire + reach) % self.n_qubits) for wire in range(self.n_qubits))

    def reach(self, layer: int) -> int:
        """Distance between control and target, as `qml.StronglyEntanglingLayers` chooses it by default."""
        return layer % (self.n_qubits - 1) + 1

    @property
    def depth(self) -> int:
        """Length of the longest chain of gates that must wait for one another (RX, Rot and CNOT count 1 each)."""
        busy_until = [0] * self.n_qubits
        for layer in range(self.layers):
            busy_until = [time + 2 for time in busy_until]
            for control, target in self.cnots(layer):
                busy_until[control] = busy_until[target] = max(busy_until[control], busy_until[target]) + 1
        return max(busy_until)


def circuit(angles: Any, weights: Any, *, shape: CircuitShape) -> list[Any]:
    """The circuit as a PennyLane quantum function; call it inside a QNode.

    Parameters
    ----------
    angles : array, shape (n_qubits,) or (batch, n_qubits)
        RX angles in radians.
    weights : array, shape `shape.weight_shape`
        Euler angles (phi, theta, omega) in radians.

    Returns
    -------
    list of n_qubits expectation values of Pauli Z in [-1, 1]
        1 means that the qubit is surely 0, -1 that it is surely 1.
    """
    import pennylane as qml

    wires = range(shape.n_qubits)
    for layer in range(shape.layers):
        qml.AngleEmbedding(angles, wires=wires, rotation="X")
        if shape.entangling:
            qml.StronglyEntanglingLayers(weights[layer : layer + 1], wires=wires, ranges=[shape.reach(layer)])
        else:
            for wire in wires:
                qml.Rot(*weights[layer, wire], wires=wire)
    return [qml.expval(qml.PauliZ(wire)) for wire in wires]


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
