"""One pulse of BB84 as a circuit, to hold the fast simulation to: its chances from the rules of quantum mechanics."""

from __future__ import annotations

from functools import cache

from federation.domain.quantum.qkd.bb84 import NOT_INTERCEPTED, TEST_BASIS


@cache
def chance_of_one(bit: int, prepared: int, tapped: int, measured: int) -> float:
    """Probability that the receiver reads 1.

    Parameters
    ----------
    bit : 0 or 1
    prepared, measured : KEY_BASIS or TEST_BASIS
    tapped : KEY_BASIS, TEST_BASIS or NOT_INTERCEPTED
        The eavesdropper measures in that basis and sends on what she found.
    """
    import pennylane as qml

    device = qml.device("default.qubit", wires=2)  # the second wire is what the eavesdropper keeps

    @qml.qnode(device)
    def pulse():
        if bit:
            qml.PauliX(0)
        if prepared == TEST_BASIS:
            qml.Hadamard(0)
        if tapped != NOT_INTERCEPTED:
            if tapped == TEST_BASIS:
                qml.Hadamard(0)
            qml.CNOT([0, 1])  # a measurement whose outcome is kept on the second wire
            if tapped == TEST_BASIS:
                qml.Hadamard(0)
        if measured == TEST_BASIS:
            qml.Hadamard(0)
        return qml.probs(wires=0)

    return float(pulse()[1])
