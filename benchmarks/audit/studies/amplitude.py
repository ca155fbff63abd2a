"""Coverage, bias and queries of amplitude estimation beside sampling: ``python -m benchmarks.audit.studies.amplitude``.

Prints the rows of the tables in docs/design/audit-quantum.md, and the wall time of the circuit.
"""

from __future__ import annotations

import sys
from statistics import median

import numpy as np

from audits.domain.quantum.amplitude import estimate, grover_law
from audits.domain.quantum.circuit import counting_circuit
from audits.domain.quantum.cost import seconds_of
from audits.domain.quantum.sampling import reads_with_replacement, reads_without_replacement

RUNS = 4000
RATES, EPSILONS, ARCHIVE = (0.1, 0.3, 0.5, 0.85), (0.05, 0.02, 0.01), 1000


def main() -> None:
    rng = np.random.default_rng(1)
    for epsilon in EPSILONS:
        for rate in RATES:
            fixed, without_rerun = (
                [estimate(grover_law(rate, rng), epsilon=epsilon, rerun=rerun) for _ in range(RUNS)]
                for rerun in (True, False)
            )
            coverage = np.mean([row.lower <= rate <= row.upper for row in fixed])
            bias, before = (np.mean([row.rate for row in rows]) - rate for rows in (fixed, without_rerun))
            error = np.std([row.rate for row in fixed]) / np.sqrt(RUNS)
            reads = reads_with_replacement(rate, epsilon=epsilon, confidence=0.95)
            without = reads_without_replacement(round(rate * ARCHIVE), ARCHIVE, epsilon=epsilon, confidence=0.95)
            queries = round(median(row.queries for row in fixed))
            sys.stdout.write(
                f"| {epsilon} | {rate} | {coverage:.3f} | {bias * 1e4:+.1f} ({before * 1e4:+.1f}) ± {error * 1e4:.1f} "
                f"| {queries} | {reads} | {1 - queries / reads:+.0%} | {without} | {ARCHIVE} |\n"
            )
            sys.stdout.flush()
    flags = np.arange(64) < 19
    times = [seconds_of(counting_circuit(flags), flags, epsilon=0.05, rng=rng) for _ in range(5)]
    simulated, counted = (median(pair[side] for pair in times) for side in (0, 1))
    sys.stdout.write(f"circuit over 64 records: {simulated * 1e3:.1f} ms; counting them: {counted * 1e6:.1f} us\n")


if __name__ == "__main__":
    main()
