"""The circuit of amplitude estimation, in PennyLane: a register of records, a flag, and Grover steps.

Its outcome follows sin^2((2k + 1) theta) exactly, so audits draw from that law; this circuit is what the law is tested
against, and what is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

BACKEND = "lightning.qubit"


@dataclass(frozen=True)
class CountingCircuit:
    """A circuit over 2^m records.

    Attributes
    ----------
    probability : callable
        Probability in [0, 1] that the flag is found set after k Grover steps.
    qubits, depth : int
        Depth in gates, of A alone.
    """

    probability: Callable[[int], float]
    qubits: int
    depth: int


def counting_circuit(flags: NDArray[np.bool_]) -> CountingCircuit:
    """The circuit whose amplitude is the share of flagged records.

    Parameters
    ----------
    flags : ndarray of bool, shape (2^m,), m >= 1
        The oracle: one controlled flip of the flag for each flagged record. Loading it costs as many gates as there
        are flagged records, which the count of queries leaves out.

    Raises
    ------
    ValueError
        If the number of records is no power of two.
    """
    import pennylane as qml

    n = len(flags)
    if n < 2 or n & (n - 1):
        raise ValueError(f"expected a power of two of records, at least 2, got {n}")
    index = list(range(n.bit_length() - 1))
    flag = len(index)

    def prepare() -> None:
        for wire in index:
            qml.Hadamard(wire)
        for record in np.flatnonzero(flags):
            bits = [int(bit) for bit in format(record, f"0{len(index)}b")]
            qml.MultiControlledX(wires=[*index, flag], control_values=bits)

    @qml.qnode(qml.device(BACKEND, wires=flag + 1))
    def measured(k: int) -> Any:
        prepare()
        for _ in range(k):
            qml.PauliZ(flag)
            qml.adjoint(prepare)()
            qml.FlipSign([0] * (flag + 1), wires=[*index, flag])
            prepare()
        return qml.probs(wires=flag)

    depth = int(qml.workflow.construct_tape(measured)(0).graph.get_depth())
    return CountingCircuit(cache(lambda k: float(measured(k)[1])), flag + 1, depth)
