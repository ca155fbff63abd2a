"""Area `dice`: how well the hybrid U-Net outlines lesions of patients that nobody trained on, beside its twins.

It outlasts a session, so every finished cell is kept in a file and a later call goes on where this one stopped:
`benchmarks/results/dice-cells.jsonl` for three seeds, QUICK=1 for the first of them. Words choose rows; `short` trains
a quarter of the rounds. What is kept of further seeds and of the other budget is shown, too. DICE_CELLS names another
file, DICE_DEVICE another device than the CPU and DICE_WORKERS a number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.dice import data as sets
from benchmarks.dice.plans import BUDGETS, LONG, ROWS, SHORT, plans
from benchmarks.dice.study import cells, failures, finished, go_on, of_plans
from benchmarks.dice.table import rows
from benchmarks.frame import RESULTS, Measure, progress

SEEDS, QUICK_SEEDS = 3, 1


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Train what is not finished yet, then a row for each way of training and number of rounds."""
    if not sets.LGG.exists():
        raise SystemExit(f"expected the lgg set in {sets.LGG}; see shared/data/README.md")
    kept = Path(os.environ.get("DICE_CELLS", RESULTS / "dice-cells.jsonl"))
    words = [word for word in only if word != "short"]
    chosen = [row for row in ROWS if not words or any(word in row for word in words)]
    if not chosen:
        raise SystemExit(f"expected `short` or some of the rows {', '.join(ROWS)}, got {' '.join(only)}")
    device, workers = os.environ.get("DICE_DEVICE", "cpu"), int(os.environ.get("DICE_WORKERS", "2"))
    wanted = cells(QUICK_SEEDS if quick else SEEDS, chosen)
    now = plans(SHORT if "short" in only else LONG)
    for answer in go_on(kept, wanted, device=device, workers=workers, data=sets.LGG, plans=now):
        named = {key: answer.get(key) for key in ("row", "seed", "fold", "seconds", "failed")}
        progress(f"dice: {named}")
    for rounds in BUDGETS:
        held = [cell for cell in of_plans(finished(kept), plans(rounds)) if cell["row"] in chosen]
        yield from rows(held, sets.REPORTED, rounds=rounds, failed=failures(kept, plans(rounds)))
