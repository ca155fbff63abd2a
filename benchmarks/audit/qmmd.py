"""The kernel test of 2,000 against 2,000 patients of one label, on eight qubits; the RBF kernel takes turns with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from audits.domain.fairness.quantum_kernel import Floats, KernelOrder, quantum_gram, rbf_gram
from audits.domain.fairness.quantum_mmd import namings, p_value, scaled_mmd
from benchmarks.frame import QUICK_RUNS, RUNS, Measure, alternate, compared

QUBITS, PERMUTATIONS = 8, 999
EITHER = {False: 2000, True: 300}  # patients of either group


def measure(*, quick: bool) -> Iterator[Measure]:
    n = 2 * EITHER[quick]
    rng = np.random.default_rng(1)
    x, member = rng.normal(size=(n, QUBITS)), np.arange(n) < n // 2
    order = KernelOrder()

    def seconds(gram: Callable[[Floats], Floats]) -> float:
        started = time.perf_counter()
        p_value(scaled_mmd(gram(x), namings(member, PERMUTATIONS, np.random.default_rng(2))))
        return time.perf_counter() - started

    quantum, rbf = alternate(
        lambda: seconds(lambda rows: quantum_gram(rows, order)),
        lambda: seconds(rbf_gram),
        runs=QUICK_RUNS if quick else RUNS,
    )
    note = (
        f"target <= 30 s; {n // 2} + {n // 2} records of one label, {QUBITS} qubits, {PERMUTATIONS} permutations; "
        "exact fidelities, simulated"
    )
    peer = "the same test with the RBF kernel"
    yield compared("audit.qmmd_s", quantum, "s", better="lower", peer=peer, theirs=rbf, note=note)
