"""Area `dice`: how well the hybrid U-Net outlines lesions of patients that nobody trained on, beside its twins.

It outlasts a session, so every finished cell is kept in a file and a later call goes on where this one stopped:
`benchmarks/results/dice-cells.jsonl` for three seeds, QUICK=1 for the first of them. DICE_CELLS names another file,
DICE_DEVICE another device than the CPU and DICE_WORKERS a number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.dice import data as sets
from benchmarks.dice.study import cells, finished, go_on, of_plans
from benchmarks.dice.table import rows
from benchmarks.frame import RESULTS, Measure, progress

SEEDS, QUICK_SEEDS = 3, 1


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Train what is not finished yet, then a row for each way of training. Words choose ways (`dice unet2d`)."""
    if not sets.LGG.exists():
        raise SystemExit(f"expected the lgg set in {sets.LGG}; see shared/data/README.md")
    kept = Path(os.environ.get("DICE_CELLS", RESULTS / "dice-cells.jsonl"))
    wanted = [cell for cell in cells(QUICK_SEEDS if quick else SEEDS) if not only or any(w in cell[0] for w in only)]
    if not wanted:
        raise SystemExit(f"expected some of the rows {', '.join(dict.fromkeys(c[0] for c in cells(1)))}")
    device, workers = os.environ.get("DICE_DEVICE", "cpu"), int(os.environ.get("DICE_WORKERS", "2"))
    for answer in go_on(kept, wanted, device=device, workers=workers, data=sets.LGG):
        named = {key: answer.get(key) for key in ("row", "seed", "fold", "seconds", "failed")}
        progress(f"dice: {named}")
    held = [cell for cell in of_plans(finished(kept)) if (cell["row"], cell["seed"], cell["fold"]) in set(wanted)]
    yield from rows(held, sets.REPORTED)
