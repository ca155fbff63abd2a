"""Type-I error, power and coverage of the gate of the bias score: `python -m benchmarks.audit.studies.bias_gate`.

Two sexes, two sites, TPR 0.85, FPR 0.1; a gap in TPR between the sexes is planted. The results are in
docs/design/audit-fairness.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from audits.domain.fairness.bias_score import bias_score
from audits.domain.verdict import Verdict
from federation.domain.group_rates import Cell, Sums

SIZES = (50, 100, 200, 400, 800)  # ill, and as many healthy, patients of each sex at each site
GAPS = (0.0, 0.1, 0.15, 0.2, 0.3)
THRESHOLD = 0.1


def audit(n: int, gap: float, rng: np.random.Generator) -> list[Cell]:
    """Cells of one simulated audit."""
    cells = []
    for site in ("north", "south"):
        for sex, tpr in (("female", 0.85 - gap), ("male", 0.85)):
            tp, fp = int(rng.binomial(n, tpr)), int(rng.binomial(n, 0.1))
            counts = {
                "tpr": (n, tp),
                "fpr": (n, fp),
                "accuracy": (2 * n, tp + n - fp),
                "selection_rate": (2 * n, tp + fp),
            }
            sums = {name: Sums(of, float(total), float(total)) for name, (of, total) in counts.items()}
            confusion = {"tp": tp, "fp": fp, "tn": n - fp, "fn": n - tp}
            cells.append(Cell(site, {"sex": sex}, 2 * n, sums, confusion))
    return cells


def rows(runs: int) -> Iterator[tuple[int, float, float, float, float]]:
    """Patients, planted gap, and the shares of FAIL, PASS and audits in which every bound of the sexes' gaps holds."""
    rng = np.random.default_rng(0)
    for n in SIZES:
        for gap in GAPS:
            failed = passed = held = 0
            for number in range(runs):
                found = bias_score(
                    audit(n, gap, rng), task="classification", threshold=THRESHOLD, draws=500, seed=number
                )
                true = {"tpr": gap, "fpr": 0.0, "accuracy": gap / 2}
                sexes = [row for row in found.gaps if row.attribute == "sex"]
                held += all(row.lower <= true[row.metric] <= row.upper for row in sexes)
                failed += found.verdict is Verdict.FAIL
                passed += found.verdict is Verdict.PASS
            yield n, gap, failed / runs, passed / runs, held / runs


def main() -> None:
    """Print the table; the first argument is the number of audits a row (default 500)."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print("| ill patients a sex and site | gap | FAIL | PASS | all bounds hold |\n|---|---|---|---|---|")
    for n, gap, failed, passed, held in rows(runs):
        print(f"| {n} | {gap:g} | {failed:.1%} | {passed:.1%} | {held:.1%} |", flush=True)


if __name__ == "__main__":
    main()
