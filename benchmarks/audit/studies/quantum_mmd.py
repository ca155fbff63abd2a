"""How often the kernel tests flag fair models, and unfair ones: ``python -m benchmarks.audit.studies.quantum_mmd``.

Fair: the base rates differ between groups, the representation does not, given the label. The four unfair kinds differ
in one way only. Prints the rows of the table in docs/design/audit-quantum.md.
"""

from __future__ import annotations

import sys

import numpy as np

from audits.domain.fairness.quantum_kernel import KernelOrder
from audits.domain.fairness.quantum_mmd import combine, site_statistics

MODELS, PERMUTATIONS, ALPHA = 600, 199, 0.05
NULL_SIZES, POWER_SIZE = (100, 200, 400), 200


def patients(kind: str, n: int, rng: np.random.Generator):
    """Representation (n, 4), label and group of n patients of one site."""
    member = rng.integers(0, 2, n)
    label = rng.binomial(1, 0.3 + 0.2 * member)
    x = rng.normal(size=(n, 4))
    x[:, 0] += 1.2 * (2 * label - 1)
    of = member == 1
    if kind == "shift of the score":
        x[of, 0] += 0.35
    elif kind == "larger spread":
        x[of] *= 1.4
    elif kind == "correlation":
        x[of, 2] = 0.75 * x[of, 1] + np.sqrt(1 - 0.75**2) * x[of, 2]
    elif kind == "stretched score, same decisions":
        x[of, 0] = np.sign(x[of, 0]) * np.abs(x[of, 0]) ** 1.6
    return x, label, np.where(of, "a", "b")


def rejections(kind: str, n: int, shots: int | None) -> tuple[float, float]:
    """Share of models flagged by the quantum and by the RBF kernel at 5 %."""
    rng = np.random.default_rng(np.random.SeedSequence([n, shots or 0, *kind.encode()]))
    flagged = np.zeros(2)
    for model in range(MODELS):
        x, label, group = patients(kind, n, rng)
        share = site_statistics(
            x, label, group, site="one", reference_group="a", order=KernelOrder(shots=shots), seed=model,
            permutations=PERMUTATIONS,
        )  # fmt: skip
        found = combine([share])
        flagged += [found.p_quantum <= ALPHA, found.p_rbf <= ALPHA]
    return flagged[0] / MODELS, flagged[1] / MODELS


def main() -> None:
    kinds = ("shift of the score", "larger spread", "correlation", "stretched score, same decisions")
    cases = [("fair", n) for n in NULL_SIZES] + [(kind, POWER_SIZE) for kind in kinds]
    for kind, n in cases:
        exact, rbf = rejections(kind, n, None)
        shots, _ = rejections(kind, n, 256)
        sys.stdout.write(f"| {kind}, n = {n} | {exact:.3f} | {shots:.3f} | {rbf:.3f} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
