"""What two codes do to the error of one qubit: a demonstration with perfect gates and syndromes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.frame import Measure
from benchmarks.quantum.notes import made_with
from federation.domain.quantum.error_correction import LogicalError, five_qubit, repetition

RATES = (0.01, 0.05, 0.1, 0.15, 0.2)
CYCLES, SHOTS, DRAWS = 2, 4_000, 200_000
SEED = 1


def measure(*, quick: bool) -> Iterator[Measure]:
    share = 10 if quick else 1
    for p in RATES:
        yield _row(f"quantum.codes.repetition.p_{p:g}", repetition(p, cycles=CYCLES, shots=SHOTS // share, seed=SEED))
        yield _row(f"quantum.codes.five_qubits.p_{p:g}", five_qubit(p, shots=DRAWS // share, seed=SEED))


def _row(metric: str, found: LogicalError) -> Measure:
    note = f"{found.verdict}: {found.lower:.4f} to {found.upper:.4f}, expected {found.expected:.4f}"
    note += f"; {found.facts['cycles']} cycles, {made_with(found.facts)}; {found.facts['label']}"
    ratio = found.physical / found.logical if found.logical else None
    return Measure(
        metric, found.logical, "logical error", "one unprotected qubit", found.physical, ratio,
        runs=int(found.facts["shots"]), note=note,
    )  # fmt: skip
